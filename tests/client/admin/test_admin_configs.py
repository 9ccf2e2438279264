"""``Admin``: topics' configs, and deleting first messages; against a real broker, and against one that moves."""

from typing import Any

import pytest

import gomq
from gomq.client.cluster.settings import ConnectionSettings
from gomq.errors import ConfigurationError, OffsetOutOfRangeError, ProtocolError, UnsupportedVersionError
from gomq.protocol.api import Api
from gomq.protocol.configs import ConfigSource, ConfigType
from tests.client.admin.answering import answers_with
from tests.support.fake_broker import Exchange, FakeCluster

NOT_LEADER, INVALID_CONFIG, POLICY = 6, 40, 44


async def test_configs_are_described_changed_and_taken_back(broker: gomq.Broker):
    async with gomq.Admin(broker.address) as admin:
        await admin.create_topic("orders", configs={"segment.bytes": 1 << 20, "retention.ms": 1000})
        before = await admin.describe_configs("orders")
        await admin.alter_configs("orders", {"retention.ms": 2000, "preallocate": False}, unset=["segment.bytes"])
        after = await admin.describe_configs("orders")

    assert list(before) == sorted(before)
    assert (before["segment.bytes"].value, before["segment.bytes"].is_own) == ("1048576", True)
    assert {name: entry.value for name, entry in after.items() if entry.is_own} == {
        "retention.ms": "2000",
        "preallocate": "false",
    }
    entry = after["retention.ms"]
    assert (entry.type, entry.is_read_only, entry.is_sensitive) == (ConfigType.LONG, False, False)
    assert [(each.name, each.value, each.source) for each in entry.synonyms] == [
        ("retention.ms", "2000", ConfigSource.TOPIC),
        ("log.retention.ms", "-1", ConfigSource.DEFAULT),
    ]
    assert entry.documentation
    assert after["segment.bytes"].source is ConfigSource.DEFAULT


async def test_a_change_can_be_tried_out(broker: gomq.Broker):
    async with gomq.Admin(broker.address) as admin:
        await admin.create_topic("orders")
        await admin.alter_configs("orders", {"retention.ms": 2000}, validate_only=True)
        with pytest.raises(gomq.BrokerError, match=r"retention\.ms must be"):
            await admin.alter_configs("orders", {"retention.ms": "soon"}, validate_only=True)
        assert not (await admin.describe_configs("orders"))["retention.ms"].is_own


async def test_what_the_broker_refuses_is_told_by_name(broker: gomq.Broker):
    async with gomq.Admin(broker.address) as admin:
        await admin.create_topic("orders")
        with pytest.raises(
            gomq.BrokerError, match=r"configs of topic 'orders' cannot be changed: .*'colour'"
        ) as caught:
            await admin.alter_configs("orders", {"colour": "blue"})
        assert caught.value.code == INVALID_CONFIG
        with pytest.raises(gomq.UnknownTopicError, match="configs of topic 'nowhere' cannot be changed"):
            await admin.alter_configs("nowhere", {"retention.ms": 1})
        with pytest.raises(gomq.UnknownTopicError, match="configs of topic 'nowhere' cannot be described"):
            await admin.describe_configs("nowhere")


async def test_what_makes_no_sense_is_not_sent(fake: FakeCluster):
    async with gomq.Admin(fake.address) as admin:
        with pytest.raises(ConfigurationError, match=r"^a, b cannot be both set and unset"):
            await admin.alter_configs("orders", {"b": 1, "a": 1, "c": 1}, unset=["a", "b"])
        with pytest.raises(ConfigurationError, match=r"^a: a config cannot be set to None; unset it"):
            await admin.alter_configs("orders", {"a": None})
        with pytest.raises(ConfigurationError, match="before offset -2 of partition 0"):
            await admin.delete_records("orders", {0: -2})
    assert fake.asked(Api.INCREMENTAL_ALTER_CONFIGS) == fake.asked(Api.DELETE_RECORDS) == []


async def test_an_answer_about_something_else_is_an_error(fake: FakeCluster):
    other: dict[str, Any] = {
        "error_code": 0,
        "error_message": None,
        "resource_type": 4,
        "resource_name": "orders",
        "configs": [],
    }
    fake.next(Api.DESCRIBE_CONFIGS, answers_with(lambda _: {"results": [other]}))
    fake.next(Api.INCREMENTAL_ALTER_CONFIGS, answers_with(lambda _: {"responses": []}))
    async with gomq.Admin(fake.address) as admin:
        with pytest.raises(ProtocolError, match="DESCRIBE_CONFIGS does not mention topic 'orders'"):
            await admin.describe_configs("orders")
        with pytest.raises(ProtocolError, match="INCREMENTAL_ALTER_CONFIGS does not mention topic 'orders'"):
            await admin.alter_configs("orders", {"a": 1})


@pytest.mark.parametrize("version", [1, 2, 3])
async def test_an_old_broker_says_less_of_a_config(fake: FakeCluster, version: int):
    fake.versions[Api.DESCRIBE_CONFIGS] = fake.versions[Api.DESCRIBE_CONFIGS]._replace(newest=version)
    config: dict[str, Any] = {
        "name": "secret", "value": None, "read_only": True, "config_source": 99, "is_sensitive": True, "synonyms": [],
        "config_type": 99, "documentation": None,
    }  # fmt: skip
    result = {
        "error_code": 0, "error_message": None, "resource_type": 2, "resource_name": "orders", "configs": [config],
    }  # fmt: skip
    fake.next(Api.DESCRIBE_CONFIGS, answers_with(lambda _: {"results": [result]}))
    async with gomq.Admin(fake.address) as admin:
        (entry,) = (await admin.describe_configs("orders")).values()
    assert (entry.name, entry.value, entry.is_read_only, entry.is_sensitive) == ("secret", None, True, True)
    assert (entry.source, entry.type, entry.documentation) == (ConfigSource.UNKNOWN, ConfigType.UNKNOWN, None)
    assert not entry.is_own


async def test_a_broker_that_cannot_change_configs_is_told_so(fake: FakeCluster):
    del fake.versions[Api.INCREMENTAL_ALTER_CONFIGS]
    async with gomq.Admin(fake.address) as admin:
        with pytest.raises(UnsupportedVersionError, match="INCREMENTAL_ALTER_CONFIGS"):
            await admin.alter_configs("orders", {"a": 1})


async def test_a_brokers_configs_are_described_changed_and_taken_back(broker: gomq.Broker):
    async with gomq.Admin(broker.address) as admin:
        before = await admin.describe_broker_configs(1)
        await admin.alter_broker_configs({"log.retention.ms": 5000}, node=1)
        own = (await admin.describe_broker_configs(1))["log.retention.ms"]
        await admin.alter_broker_configs(unset=["log.retention.ms"], node=1)
        after = await admin.describe_broker_configs(1)

    assert list(before) == sorted(before)
    assert (own.value, own.is_own, own.source) == ("5000", True, ConfigSource.DYNAMIC_BROKER)
    assert after["log.retention.ms"] == before["log.retention.ms"]
    assert not before["log.retention.ms"].is_own


async def test_configs_of_all_brokers_are_those_that_were_set_for_all(broker: gomq.Broker):
    async with gomq.Admin(broker.address) as admin:
        assert await admin.describe_broker_configs() == {}
        await admin.alter_broker_configs({"log.retention.ms": 5000}, validate_only=True)
        assert await admin.describe_broker_configs() == {}
        await admin.alter_broker_configs({"log.retention.ms": 5000})
        (entry,) = (await admin.describe_broker_configs()).values()
        assert (entry.value, entry.is_own, entry.source) == ("5000", True, ConfigSource.DYNAMIC_DEFAULT_BROKER)
        of_one = (await admin.describe_broker_configs(1))["log.retention.ms"]
        assert (of_one.value, of_one.is_own) == ("5000", False)


async def test_a_brokers_configs_are_asked_of_it_itself(pair: FakeCluster):
    def describe(exchange: Exchange) -> dict[str, Any]:
        (wanted,) = exchange.body.resources
        result = {"error_code": 0, "error_message": None, "resource_type": 4, "configs": ()}
        return {"results": [{**result, "resource_name": wanted.resource_name}]}

    pair.always(Api.DESCRIBE_CONFIGS, answers_with(describe))
    async with gomq.Admin(pair.address) as admin:
        assert await admin.describe_broker_configs(2) == await admin.describe_broker_configs(1) == {}
    assert [each.node for each in pair.asked(Api.DESCRIBE_CONFIGS)] == [2, 1]


async def test_what_a_broker_cannot_have_is_told_by_name(broker: gomq.Broker):
    async with gomq.Admin(broker.address, retry_timeout=0.1) as admin:
        with pytest.raises(gomq.BrokerError, match=r"configs of broker 1 cannot be changed: .*colour"):
            await admin.alter_broker_configs({"colour": "blue"}, node=1)
        with pytest.raises(gomq.ConnectionFailedError, match="node 7"):
            await admin.describe_broker_configs(7)


async def test_first_messages_are_deleted(broker: gomq.Broker):
    async with gomq.Admin(broker.address) as admin, gomq.Producer(broker.address) as producer:
        await admin.create_topic("orders", partitions=3)
        for partition in range(3):
            for _ in range(4):
                await producer.publish("orders", b"x", partition=partition)
        assert await admin.delete_records("orders", {2: 3, 0: -1}) == {0: 4, 2: 3}
        assert await admin.delete_records("orders", {}) == {}
        described = await admin.describe_topic("orders")
        assert [(each.beginning_offset, each.end_offset) for each in described.partitions] == [(4, 4), (0, 4), (3, 4)]
        async with gomq.Consumer(broker.address, "orders", replay=True) as consumer:
            found = [(message.partition, message.offset) for message in [await anext(consumer) for _ in range(5)]]
        assert sorted(found) == [(1, 0), (1, 1), (1, 2), (1, 3), (2, 3)]


async def test_what_cannot_be_deleted_is_told_by_name(broker: gomq.Broker):
    async with gomq.Admin(broker.address) as admin:
        await admin.create_topic("orders")
        with pytest.raises(OffsetOutOfRangeError, match="records of orders-0 cannot be deleted: offset out of range"):
            await admin.delete_records("orders", {0: 1})
        with pytest.raises(gomq.UnknownTopicError, match="orders-1 does not exist"):
            await admin.delete_records("orders", {0: 0, 1: 0, 7: 0})
        with pytest.raises(gomq.UnknownTopicError, match="'nowhere' does not exist"):
            await admin.delete_records("nowhere", {0: 0})
        await admin.alter_configs("orders", {"cleanup.policy": "compact"})
        with pytest.raises(gomq.BrokerError, match="records of orders-0 cannot be deleted: policy violation") as caught:
            await admin.delete_records("orders", {0: 0})
        assert caught.value.code == POLICY


async def test_each_partition_that_fails_is_told_of(broker: gomq.Broker):
    async with gomq.Admin(broker.address) as admin:
        await admin.create_topic("orders", partitions=3)
        with pytest.raises(ExceptionGroup) as caught:
            await admin.delete_records("orders", {0: 1, 1: 0, 2: 1})
    assert [str(each).partition(" cannot")[0] for each in caught.value.exceptions] == [
        "records of orders-0",
        "records of orders-2",
    ]


async def test_each_leader_is_asked_about_its_partitions_and_looked_for_where_it_has_moved(pair: FakeCluster):
    partitions = pair.answers.make_topic("orders", partitions=3)
    for partition in partitions:
        partition.end = 10

    def delete(exchange: Exchange) -> dict[str, Any]:
        results = []
        for wanted in exchange.body.topics[0].partitions:
            is_here = partitions[wanted.partition_index].leader == exchange.node
            results.append({
                "partition_index": wanted.partition_index,
                "low_watermark": 7 if is_here else -1,
                "error_code": 0 if is_here else NOT_LEADER,
            })  # fmt: skip
        return {"topics": [{"name": "orders", "partitions": results}]}

    def delete_after_a_move(exchange: Exchange) -> dict[str, Any]:
        partitions[0].leader, partitions[1].leader = 2, 1
        return delete(exchange)

    pair.next(Api.DELETE_RECORDS, answers_with(delete_after_a_move))
    pair.always(Api.DELETE_RECORDS, answers_with(delete))
    async with gomq.Admin(pair.address, settings=ConnectionSettings(first_backoff=0.01)) as admin:
        assert await admin.delete_records("orders", {0: 7, 1: 7, 2: 7}) == {0: 7, 1: 7, 2: 7}
    asked = [
        (each.node, [int(wanted.partition_index) for wanted in each.body.topics[0].partitions])
        for each in pair.asked(Api.DELETE_RECORDS)
    ]
    assert (sorted(asked[:2]), sorted(asked[2:])) == ([(1, [0, 2]), (2, [1])], [(1, [1]), (2, [0])])


async def test_a_partition_that_the_answer_leaves_out_is_an_error(fake: FakeCluster):
    fake.answers.make_topic("orders")
    fake.next(Api.DELETE_RECORDS, answers_with(lambda _: {"topics": []}))
    async with gomq.Admin(fake.address) as admin:
        with pytest.raises(ProtocolError, match="orders-0 cannot be deleted: the answer does not mention it"):
            await admin.delete_records("orders", {0: 0})
