"""DeleteRecords: the first records of a partition go, for good, and its first offset moves up."""

from collections.abc import Mapping
from pathlib import Path

import anyio
import pytest

import gomq
from gomq.protocol.api import Api
from tests.broker.conftest import Disk
from tests.support.configs import alter_incrementally
from tests.support.topics import create, produce
from tests.support.waiting import until
from tests.support.wire import Wire, batch, connect, fetch_values, produce_values, versions

OUT_OF_RANGE, UNKNOWN, POLICY, STORAGE = 1, 3, 44, 56
HIGH_WATERMARK = -1
LATEST, EARLIEST = -1, -2


async def delete(
    wire: Wire, topic: str, offsets: Mapping[int, int], *, version: int = 2, timeout_ms: int = 10_000
) -> list[tuple[int, int]]:
    """Error code and low watermark of each partition."""
    partitions = [{"partition_index": index, "offset": offset} for index, offset in offsets.items()]
    answer = await wire.ask(
        Api.DELETE_RECORDS, version, topics=[{"name": topic, "partitions": partitions}], timeout=timeout_ms
    )
    (result,) = answer.topics
    assert (result.name, [each.partition_index for each in result.partitions]) == (topic, list(offsets))
    return [(int(each.error_code), each.low_watermark) for each in result.partitions]


async def bounds(wire: Wire, topic: str) -> tuple[int, int]:
    """The first offset and the end of a partition."""
    offsets = []
    for timestamp in (EARLIEST, LATEST):
        partition = {"partition_index": 0, "current_leader_epoch": -1, "timestamp": timestamp}
        answer = await wire.ask(Api.LIST_OFFSETS, 5, topics=[{"name": topic, "partitions": [partition]}])
        offsets.append(int(answer.topics[0].partitions[0].offset))
    first, end = offsets
    return first, end


async def fetch_error(wire: Wire, topic: str, offset: int) -> int:
    answer = await wire.ask(Api.FETCH, 11, **fetch_values({topic: [(0, offset)]}))
    code: int = answer.responses[0].partitions[0].error_code
    return code


@pytest.mark.parametrize("version", versions(Api.DELETE_RECORDS))
async def test_every_version_deletes_what_lies_before_an_offset(wire: Wire, version: int):
    await create(wire, "orders")
    await produce(wire, "orders", b"a", b"b", b"c")
    await produce(wire, "orders", b"d")
    assert await delete(wire, "orders", {0: 2}, version=version) == [(0, 2)]
    assert await bounds(wire, "orders") == (2, 4)
    assert await fetch_error(wire, "orders", 1) == OUT_OF_RANGE
    assert await fetch_error(wire, "orders", 2) == 0


async def test_everything_goes_and_the_next_message_has_the_next_offset(wire: Wire):
    await create(wire, "orders")
    await produce(wire, "orders", b"a", b"b")
    assert await delete(wire, "orders", {0: HIGH_WATERMARK}) == [(0, 2)]
    assert await delete(wire, "orders", {0: HIGH_WATERMARK}) == [(0, 2)]
    await produce(wire, "orders", b"c")
    assert await bounds(wire, "orders") == (2, 3)


async def test_what_is_gone_already_is_no_error(wire: Wire):
    await create(wire, "orders")
    await produce(wire, "orders", b"a", b"b", b"c")
    assert await delete(wire, "orders", {0: 2}) == [(0, 2)]
    assert await delete(wire, "orders", {0: 0}) == [(0, 2)]
    assert await delete(wire, "orders", {0: 1}) == [(0, 2)]


@pytest.mark.parametrize("offset", [4, 2**63 - 1, -2, -(2**63)])
async def test_an_offset_that_cannot_be_deletes_nothing(wire: Wire, offset: int):
    await create(wire, "orders")
    await produce(wire, "orders", b"a", b"b", b"c")
    assert await delete(wire, "orders", {0: offset}) == [(OUT_OF_RANGE, -1)]
    assert await bounds(wire, "orders") == (0, 3)


async def test_each_partition_is_answered_for_itself(wire: Wire):
    await create(wire, "orders", partitions=2)
    await produce(wire, "orders", b"a", b"b")
    assert await delete(wire, "orders", {2: 0, 0: 1, 1: 5, -1: 0}) == [
        (UNKNOWN, -1), (0, 1), (OUT_OF_RANGE, -1), (UNKNOWN, -1),
    ]  # fmt: skip


@pytest.mark.parametrize("topic", ["nowhere", "__gomq_metadata", "", "a/b"])
async def test_a_topic_that_is_not_there_has_no_records(wire: Wire, topic: str):
    assert await delete(wire, topic, {0: 0}) == [(UNKNOWN, -1)]


@pytest.mark.parametrize(("policy", "code"), [("compact", POLICY), ("", POLICY), ("compact,delete", 0)])
async def test_only_a_topic_that_deletes_has_its_records_deleted(wire: Wire, policy: str, code: int):
    await create(wire, "orders")
    await produce(wire, "orders", b"a")
    await alter_incrementally(wire, "orders", ("cleanup.policy", 0, policy))
    assert [found for found, _ in await delete(wire, "orders", {0: 1})] == [code]


async def test_what_is_deleted_stays_deleted_after_a_restart(data: Path):
    async with gomq.Broker(data=data, listen="127.0.0.1:0") as broker, connect(broker.address) as wire:
        await create(wire, "orders")
        await produce(wire, "orders", b"a", b"b", b"c")
        assert await delete(wire, "orders", {0: 2}) == [(0, 2)]
    async with gomq.Broker(data=data, listen="127.0.0.1:0") as broker, connect(broker.address) as wire:
        assert await bounds(wire, "orders") == (2, 3)


async def test_what_was_just_appended_is_deleted_once_it_is_synced(broker: gomq.Broker, wire: Wire, disk: Disk):
    await create(wire, "orders")
    disk.hold()
    answer = await wire.ask(Api.PRODUCE, 9, **produce_values({"orders": {0: batch(b"a", b"b")}}, acks=1))
    assert answer.responses[0].partition_responses[0].error_code == 0
    async with connect(broker.address) as other:
        await other.send(
            Api.DELETE_RECORDS,
            2,
            {
                "topics": [{"name": "orders", "partitions": [{"partition_index": 0, "offset": 2}]}],
                "timeout": 10_000,
            },
        )
        assert not await other.has_answer(within=0.05)
        disk.release()
        (partition,) = (await other.receive(Api.DELETE_RECORDS, 2)).topics[0].partitions
    assert (partition.error_code, partition.low_watermark) == (0, 2)


async def test_an_answer_does_not_wait_for_a_sync_longer_than_it_may(wire: Wire, disk: Disk):
    await create(wire, "orders")
    disk.hold()
    await wire.ask(Api.PRODUCE, 9, **produce_values({"orders": {0: batch(b"a", b"b")}}, acks=1))
    assert await delete(wire, "orders", {0: 2}, timeout_ms=10) == [(OUT_OF_RANGE, -1)]
    assert await delete(wire, "orders", {0: 2}, timeout_ms=-5) == [(OUT_OF_RANGE, -1)]


async def test_a_topic_deleted_meanwhile_is_not_there(broker: gomq.Broker, wire: Wire, disk: Disk):
    await create(wire, "orders")
    assert broker._state is not None
    partition = broker._state.topics.partition("orders", 0)
    assert partition is not None
    disk.hold("orders-0")
    await wire.ask(Api.PRODUCE, 9, **produce_values({"orders": {0: batch(b"a")}}, acks=1))
    async with connect(broker.address) as other, anyio.create_task_group() as group:
        found: list[tuple[int, int]] = []

        async def delete_one() -> None:
            found.extend(await delete(other, "orders", {0: 1}))
            disk.release()  # which the deletion of the topic waits for

        group.start_soon(delete_one)
        await until(lambda: partition.waiters)
        await wire.ask(Api.DELETE_TOPICS, 5, topic_names=("orders",))

    assert found == [(UNKNOWN, -1)]


async def test_what_can_never_be_seen_is_not_waited_for(broker: gomq.Broker, wire: Wire, disk: Disk):
    await create(wire, "orders")
    assert broker._state is not None
    partition = broker._state.topics.partition("orders", 0)
    assert partition is not None
    disk.hold()
    await wire.ask(Api.PRODUCE, 9, **produce_values({"orders": {0: batch(b"a")}}, acks=1))
    async with connect(broker.address) as other, anyio.create_task_group() as group:
        found: list[tuple[int, int]] = []

        async def delete_one() -> None:
            found.extend(await delete(other, "orders", {0: 1}))

        group.start_soon(delete_one)
        await until(lambda: partition.waiters)
        disk.is_broken = True
        disk.release()

    assert found == [(STORAGE, -1)]


async def test_a_deletion_that_cannot_be_made_sure_of_is_told(wire: Wire, disk: Disk):
    await create(wire, "orders")
    await produce(wire, "orders", b"a", b"b")
    disk.is_broken = True
    assert await delete(wire, "orders", {0: 1}) == [(STORAGE, -1)]
