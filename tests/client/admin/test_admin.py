"""``Admin`` against a real broker, and against one that is no controller."""

from pathlib import Path

import pytest

import gomq
from gomq.client.cluster.settings import ConnectionSettings
from gomq.errors import (
    ClosedError,
    ConfigurationError,
    InvalidPartitionsError,
    InvalidTopicError,
    TopicAlreadyExistsError,
)
from gomq.protocol.api import Api
from tests.support.fake_broker import FakeCluster, fails_with


async def test_topics_are_created_listed_described_and_deleted(broker: gomq.Broker):
    async with gomq.Admin(broker.address) as admin, gomq.Producer(broker.address) as producer:
        assert await admin.list_topics() == []
        assert await admin.create_topic("orders", partitions=3, configs={"max.message.bytes": 5000})
        assert await admin.create_topic("events", replication_factor=1)
        await producer.publish("orders", b"x", partition=2)
        assert [(topic.name, len(topic.partitions)) for topic in await admin.list_topics()] == [
            ("events", 1), ("orders", 3),
        ]  # fmt: skip
        described = await admin.describe_topic("orders")
        assert (described.name, described.is_internal) == ("orders", False)
        assert described.topic_id is not None
        assert [(each.index, each.beginning_offset, each.end_offset) for each in described.partitions] == [
            (0, 0, 0), (1, 0, 0), (2, 0, 1),
        ]  # fmt: skip
        assert {each.leader for each in described.partitions} == {1}
        assert await admin.delete_topic("orders")
        assert [topic.name for topic in await admin.list_topics()] == ["events"]


async def test_the_cluster_is_described(broker: gomq.Broker):
    async with gomq.Admin(broker.address) as admin:
        cluster = await admin.describe_cluster()

    assert cluster.controller_id == 1
    assert [str(each.address) for each in cluster.brokers] == [broker.address]
    assert cluster.cluster_id


async def test_a_topic_that_exists_is_an_error_or_taken_as_it_is(broker: gomq.Broker):
    async with gomq.Admin(broker.address) as admin:
        assert await admin.create_topic("orders", partitions=2)
        with pytest.raises(TopicAlreadyExistsError, match="'orders'"):
            await admin.create_topic("orders")
        assert not await admin.create_topic("orders", if_not_exists=True)
        assert len((await admin.describe_topic("orders")).partitions) == 2


async def test_a_topic_that_does_not_exist_is_an_error_or_none_at_all(broker: gomq.Broker):
    async with gomq.Admin(broker.address) as admin:
        with pytest.raises(gomq.UnknownTopicError, match="'nowhere' cannot be deleted"):
            await admin.delete_topic("nowhere")
        assert not await admin.delete_topic("nowhere", if_exists=True)
        with pytest.raises(gomq.UnknownTopicError, match="'nowhere' does not exist"):
            await admin.describe_topic("nowhere")
        assert await admin.list_topics() == []


async def test_what_the_broker_refuses_is_told_by_name(broker: gomq.Broker):
    async with gomq.Admin(broker.address) as admin:
        with pytest.raises(InvalidTopicError, match="'no/slashes'"):
            await admin.create_topic("no/slashes")
        with pytest.raises(InvalidPartitionsError, match="'orders'"):
            await admin.create_topic("orders", partitions=100_000)
        with pytest.raises(gomq.BrokerError, match="'orders'"):
            await admin.create_topic("orders", configs={"no.such.setting": 1})
        with pytest.raises(ConfigurationError, match="at least one partition, not 0"):
            await admin.create_topic("orders", partitions=0)


async def test_outside_of_its_block_an_admin_says_so(broker: gomq.Broker):
    admin = gomq.Admin(broker.address)
    with pytest.raises(ClosedError, match=r"use it inside of `async with Admin\(...\)`"):
        await admin.list_topics()
    async with admin:
        await admin.list_topics()
    with pytest.raises(ClosedError):
        await admin.create_topic("orders")


async def test_the_controller_is_looked_for_where_it_has_moved(fake: FakeCluster):
    fake.next(Api.CREATE_TOPICS, fails_with(41), fails_with(41))
    settings = ConnectionSettings(first_backoff=0.01)
    async with gomq.Admin(fake.address, settings=settings, retry_timeout=0.5) as admin:
        assert await admin.create_topic("orders")
        assert len(fake.asked(Api.CREATE_TOPICS)) == 3
        fake.always(Api.DELETE_TOPICS, fails_with(41))
        with pytest.raises(gomq.BrokerError, match="'orders' cannot be deleted") as caught:
            await admin.delete_topic("orders")

    assert caught.value.code == 41
    assert len(fake.asked(Api.DELETE_TOPICS)) > 1


async def test_a_topic_without_a_leader_is_described_as_far_as_it_is_known(
    fake: FakeCluster, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("gomq.client.admin.offsets._LEADERLESS_PATIENCE", 0.1)
    fake.answers.make_topic("orders")[0].leader = -1
    async with gomq.Admin(fake.address) as admin:
        assert [topic.name for topic in await admin.list_topics()] == ["orders"]
        (partition,) = (await admin.describe_topic("orders")).partitions
        assert (partition.leader, partition.end_offset) == (None, None)


async def test_a_partition_without_a_leader_is_described_without_offsets(data: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("gomq.client.admin.offsets._LEADERLESS_PATIENCE", 0.0)
    async with gomq.Broker(data=data, listen="127.0.0.1:0") as broker, gomq.Producer(broker.address) as producer:
        await producer.create_topic("orders", partitions=2)
        for partition in (0, 1, 1):
            await producer.publish("orders", b"x", partition=partition)
    with (data / "orders-1" / "00000000000000000000.log").open("r+b") as file:
        file.seek(16)
        file.write(b"\x01")
    async with gomq.Broker(data=data, listen="127.0.0.1:0") as broker, gomq.Admin(broker.address) as admin:
        sound, damaged = (await admin.describe_topic("orders")).partitions
    assert (sound.leader, sound.beginning_offset, sound.end_offset) == (1, 0, 1)
    assert (damaged.leader, damaged.beginning_offset, damaged.end_offset) == (None, None, None)
