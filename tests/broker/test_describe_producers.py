"""DescribeProducers: who has written to a partition lately, and how far."""

from pathlib import Path
from typing import Any

import pytest

from gomq.protocol.api import Api
from tests.support.running import running, send, sequenced
from tests.support.topics import create, produce
from tests.support.wire import NOW_MS, Wire

UNKNOWN, INVALID_TOPIC, STORAGE = 3, 17, 56


async def ask(wire: Wire, name: str, *indexes: int) -> Any:
    answer = await wire.ask(Api.DESCRIBE_PRODUCERS, topics=[{"name": name, "partition_indexes": indexes}])
    (topic,) = answer.topics
    assert topic.name == name
    return topic.partitions


async def producers(wire: Wire, name: str, index: int = 0) -> list[tuple[int, ...]]:
    (partition,) = await ask(wire, name, index)
    assert (partition.error_code, partition.error_message) == (0, None)
    for each in partition.active_producers:
        assert (each.coordinator_epoch, each.current_txn_start_offset) == (-1, -1)
    return [
        (each.producer_id, each.producer_epoch, each.last_sequence, each.last_timestamp)
        for each in partition.active_producers
    ]


async def test_each_producer_is_told_with_what_it_wrote_last(wire: Wire):
    await create(wire, "orders", partitions=2)
    await produce(wire, "orders", b"from nobody in particular")
    await send(wire, "orders", sequenced(7, 0, b"a", b"b"))
    await send(wire, "orders", sequenced(8, 0, b"a", epoch=3))
    await send(wire, "orders", sequenced(7, 2, b"c"))
    assert sorted(await producers(wire, "orders")) == [(7, 0, 2, NOW_MS), (8, 3, 0, NOW_MS)]
    assert await producers(wire, "orders", 1) == []


async def test_a_restart_remembers_them(data: Path):
    async with running(data) as wire:
        await create(wire, "orders")
        await send(wire, "orders", sequenced(7, 0, b"a", b"b"))
    async with running(data) as wire:
        assert await producers(wire, "orders") == [(7, 0, 1, NOW_MS)]


@pytest.mark.parametrize(
    ("name", "index", "code"),
    [("nowhere", 0, UNKNOWN), ("orders", 1, UNKNOWN), ("orders", -1, UNKNOWN), ("a/b", 0, INVALID_TOPIC)],
)
async def test_what_is_not_there_is_told(wire: Wire, name: str, index: int, code: int):
    await create(wire, "orders")
    (partition,) = await ask(wire, name, index)
    assert (partition.error_code, partition.active_producers) == (code, ())
    assert partition.error_message


async def test_a_partition_that_is_named_again_and_again_is_answered_once(wire: Wire):
    await create(wire, "orders")
    assert [each.partition_index for each in await ask(wire, "orders", 0, 5, 0, 0)] == [0, 5]


async def test_an_offline_partition_has_a_storage_error(data: Path):
    async with running(data) as wire:
        await create(wire, "orders")
    (data / "orders-0").rename(data.parent / "taken-away")
    async with running(data) as wire:
        (partition,) = await ask(wire, "orders", 0)
        assert partition.error_code == STORAGE
