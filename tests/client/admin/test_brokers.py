"""``Admin``: the cluster, data directories and producers; against a real broker, and against scripted ones."""

from typing import Any

import pytest

import gomq
from gomq.errors import KafkaStorageError
from gomq.protocol.api import SERVED, SPOKEN, UNLISTED, Api, Versions
from gomq_storage.layout import TopicPartition
from tests.client.admin.answering import answers_with, nodes_asked
from tests.support.fake_broker import Exchange, FakeCluster
from tests.support.running import send, sequenced
from tests.support.wire import connect


async def test_a_cluster_is_described_as_its_brokers_do_by_either_api(pair: FakeCluster):
    def describe(_: Exchange) -> dict[str, Any]:
        brokers = [
            {"broker_id": node, "host": "h", "port": node, "rack": "r" if node == 2 else None} for node in (2, 1)
        ]
        cluster = {"cluster_id": "c", "controller_id": 2, "brokers": brokers, "endpoint_type": 1}
        return {"error_code": 0, "error_message": None, "cluster_authorized_operations": -(2**31), **cluster}

    pair.next(Api.DESCRIBE_CLUSTER, answers_with(describe))
    async with gomq.Admin(pair.address) as admin:
        found = await admin.describe_cluster()
    assert (found.cluster_id, found.controller_id) == ("c", 2)
    assert [(each.node_id, str(each.address), each.rack) for each in found.brokers] == [
        (1, "h:1", None), (2, "h:2", "r"),
    ]  # fmt: skip

    del pair.versions[Api.DESCRIBE_CLUSTER]
    async with gomq.Admin(pair.address) as admin:
        found = await admin.describe_cluster()
    assert (found.cluster_id, found.controller_id) == ("fake", 1)
    assert [each.node_id for each in found.brokers] == [1, 2]


async def test_a_broker_says_which_requests_it_serves_and_which_are_used(broker: gomq.Broker):
    async with gomq.Admin(broker.address) as admin:
        (found,) = (await admin.api_versions()).values()

    by_key = {each.key: each for each in found}
    assert [each.key for each in found] == sorted(SERVED.keys() - UNLISTED)
    fetch, alter = by_key[Api.FETCH], by_key[Api.ALTER_CONFIGS]
    assert (fetch.name, fetch.oldest, fetch.newest, fetch.used) == (
        "fetch",
        *SERVED[Api.FETCH],
        SPOKEN[Api.FETCH].newest,
    )
    assert (alter.name, alter.used) == ("alter_configs", None)


async def test_requests_that_nobody_knows_yet_have_no_name(pair: FakeCluster):
    def offer(_: Exchange) -> dict[str, Any]:
        ranges = [(30_000, Versions(1, 900)), *SERVED.items()]
        keys = [{"api_key": key, "min_version": low, "max_version": high} for key, (low, high) in ranges]
        return {"error_code": 0, "api_keys": keys, "throttle_time": 0}

    pair.always(Api.API_VERSIONS, answers_with(offer))
    async with gomq.Admin(pair.address) as admin:
        found = await admin.api_versions(nodes=[2])

    newest = found[2][-1]
    assert (newest.key, newest.name, newest.oldest, newest.newest, newest.used) == (30_000, None, 1, 900, None)


async def test_data_directories_are_described(broker: gomq.Broker):
    async with gomq.Admin(broker.address) as admin, gomq.Producer(broker.address) as producer:
        await admin.create_topic("orders", partitions=2)
        await admin.create_topic("events")
        await producer.publish("orders", bytes(1000), partition=1)
        (found,) = await admin.log_dirs()
        (part,) = await admin.log_dirs({"orders": [1]}, nodes=[1])

    assert (found.node_id, found.error) == (1, None)
    assert {TopicPartition("orders", 0), TopicPartition("orders", 1), TopicPartition("events", 0)} <= found.logs.keys()
    size = found.logs[TopicPartition("orders", 1)]
    assert (size.offset_lag, size.is_moving_here) == (0, False)
    assert 1000 < size.size_bytes < 1200
    assert found.logs[TopicPartition("orders", 0)].size_bytes == 0
    assert found.total_bytes is not None
    assert found.usable_bytes is not None
    assert 0 < found.usable_bytes < found.total_bytes
    assert part.logs == {TopicPartition("orders", 1): size}
    assert part.size_bytes == size.size_bytes


async def test_every_broker_is_asked_about_its_directories_and_a_broken_one_is_told(pair: FakeCluster):
    def describe(exchange: Exchange) -> dict[str, Any]:
        partition = {"partition_index": 0, "partition_size": 7, "offset_lag": 3, "is_future_key": True}
        topics = [{"name": "orders", "partitions": [partition]}]
        sound = {"error_code": 0, "log_dir": "/b", "topics": topics, "total_bytes": -1, "usable_bytes": -1}
        broken = {**sound, "error_code": 56, "log_dir": "/a", "topics": []}
        return {"error_code": 0, "results": [sound, broken] if exchange.node == 2 else [sound]}

    pair.always(Api.DESCRIBE_LOG_DIRS, answers_with(describe))
    async with gomq.Admin(pair.address) as admin:
        first, broken, sound = await admin.log_dirs()
    async with gomq.Admin(pair.address, retry_timeout=0.1) as admin:
        with pytest.raises(gomq.ConnectionFailedError, match="node 3"):
            await admin.log_dirs(nodes=[1, 3])

    assert [(each.node_id, each.path) for each in (first, broken, sound)] == [(1, "/b"), (2, "/a"), (2, "/b")]
    assert isinstance(broken.error, KafkaStorageError)
    assert "data directory /a of broker 2 cannot be used" in str(broken.error)
    assert first.error is None
    assert (first.total_bytes, first.usable_bytes) == (None, None)
    (size,) = sound.logs.values()
    assert (size.size_bytes, size.offset_lag, size.is_moving_here) == (7, 3, True)


async def test_producers_are_described(broker: gomq.Broker):
    async with gomq.Admin(broker.address) as admin, connect(broker.address) as wire:
        await admin.create_topic("orders", partitions=2)
        assert (await send(wire, "orders", sequenced(9, 0, b"a", b"b", epoch=3), partition=1))[0] == 0
        assert (await send(wire, "orders", sequenced(4, 0, b"a"), partition=1))[0] == 0
        found = await admin.describe_producers("orders")
        assert await admin.describe_producers("orders", [0]) == {0: ()}
        with pytest.raises(gomq.UnknownTopicError, match="orders-2 does not exist"):
            await admin.describe_producers("orders", [0, 2])
        with pytest.raises(gomq.UnknownTopicError, match="'nowhere' does not exist"):
            await admin.describe_producers("nowhere")

    assert found[0] == ()
    assert [(each.producer_id, each.producer_epoch, each.last_sequence) for each in found[1]] == [(4, 0, 0), (9, 3, 1)]
    assert {each.transaction_start_offset for each in found[1]} == {None}


async def test_the_leader_of_each_partition_is_asked_for_its_producers(pair: FakeCluster):
    pair.answers.make_topic("orders", partitions=2)
    producer = {
        "producer_id": 5, "producer_epoch": 1, "last_sequence": -1, "last_timestamp": 8, "coordinator_epoch": 2,
        "current_txn_start_offset": 6,
    }  # fmt: skip

    def describe(exchange: Exchange) -> dict[str, Any]:
        partitions = [
            {"partition_index": each, "error_code": 0, "error_message": None, "active_producers": [producer]}
            for each in exchange.body.topics[0].partition_indexes
        ]
        return {"topics": [{"name": "orders", "partitions": partitions}]}

    pair.always(Api.DESCRIBE_PRODUCERS, answers_with(describe))
    async with gomq.Admin(pair.address) as admin:
        found = await admin.describe_producers("orders")
    assert sorted(nodes_asked(pair, Api.DESCRIBE_PRODUCERS)) == [1, 2]
    (told,) = found[1]
    assert (told.last_sequence, told.coordinator_epoch, told.transaction_start_offset) == (None, 2, 6)
