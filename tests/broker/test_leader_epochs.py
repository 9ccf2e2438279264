"""The leader epoch stays over a clean restart and rises after a kill, and clients learn where each epoch ended."""

from pathlib import Path

import pytest

from gomq.protocol.api import Api
from tests.support.brokers import broker_process
from tests.support.running import LATEST, fetch, running, send
from tests.support.topics import create
from tests.support.wire import Wire, batch, connect

FENCED, UNKNOWN_EPOCH = 74, 75

killed_ones = pytest.mark.parametrize("anyio_backend", ["asyncio"])
"""Where a broker is a process of its own, once is enough: what loop it runs on is not the test's."""


async def epoch_in_metadata(wire: Wire, topic: str) -> int:
    answer = await wire.ask(Api.METADATA, 12, topics=[{"name": topic, "topic_id": None}])
    (partition,) = answer.topics[0].partitions
    return int(partition.leader_epoch)


async def end_of(wire: Wire, epoch: int) -> tuple[int, int]:
    """Which epoch is known that is not behind this one, and where it ended."""
    wanted = {"partition": 0, "current_leader_epoch": -1, "leader_epoch": epoch}
    topics = [{"topic": "orders", "partitions": [wanted]}]
    answer = await wire.ask(Api.OFFSET_FOR_LEADER_EPOCH, topics=topics, replica_id=-1)
    (found,) = answer.topics[0].partitions
    assert found.error_code == 0
    return found.leader_epoch, found.end_offset


async def epoch_at(wire: Wire, timestamp: int) -> int:
    """The epoch of the record that ListOffsets finds."""
    entry = {"partition_index": 0, "current_leader_epoch": -1, "timestamp": timestamp}
    answer = await wire.ask(Api.LIST_OFFSETS, topics=[{"name": "orders", "partitions": [entry]}])
    (found,) = answer.topics[0].partitions
    assert found.error_code == 0
    return int(found.leader_epoch)


async def killed_after_one_message(data: Path) -> int:
    """Run a broker that is killed once it has taken a message; its epoch."""
    with broker_process(data) as process:
        async with connect(process.address) as wire:
            await create(wire, "orders")
            assert (await send(wire, "orders", batch(b"x")))[0] == 0
            epoch = await epoch_in_metadata(wire, "orders")
            process.kill()
    return epoch


async def test_it_stays_when_the_broker_stops_in_order(data: Path):
    for number in range(3):
        async with running(data) as wire:
            await create(wire, "orders")
            assert await send(wire, "orders", batch(b"x")) == (0, number)
            assert await epoch_in_metadata(wire, "orders") == 0
            assert await epoch_at(wire, LATEST) == 0
            assert await end_of(wire, 0) == (0, number + 1)


@killed_ones
async def test_it_rises_after_each_kill_and_the_old_ones_end_is_known(data: Path):
    assert [await killed_after_one_message(data) for _ in range(3)] == [0, 1, 2]
    for _ in range(2):
        async with running(data) as wire:
            assert await epoch_in_metadata(wire, "orders") == 3
            assert [await end_of(wire, epoch) for epoch in range(4)] == [(0, 1), (1, 2), (2, 3), (3, 3)]
            assert [(await fetch(wire, "orders", 0, leader_epoch=epoch)).error_code for epoch in (2, 3, 4)] == [
                FENCED, 0, UNKNOWN_EPOCH,
            ]  # fmt: skip


@killed_ones
async def test_an_epoch_without_messages_ends_where_it_began(data: Path):
    await killed_after_one_message(data)
    with broker_process(data) as process:
        process.kill()
    async with running(data) as wire:
        assert await epoch_in_metadata(wire, "orders") == 2
        assert await end_of(wire, 0) == (0, 1)
        assert (await end_of(wire, 1))[1] == 1
        await send(wire, "orders", batch(b"x"))
        assert await end_of(wire, 2) == (2, 2)
        assert await epoch_at(wire, 0) == 0


@killed_ones
async def test_a_topic_made_later_is_of_the_same_epoch_and_each_batch_is_stamped_with_it(data: Path):
    await killed_after_one_message(data)
    async with running(data) as wire:
        await create(wire, "bills")
        assert await epoch_in_metadata(wire, "bills") == 1
        await send(wire, "orders", batch(b"x"))
        stamped = (await fetch(wire, "orders", 1)).records[12:16]
        assert int.from_bytes(stamped, "big") == 1


@killed_ones
@pytest.mark.parametrize("name", ["leader-epoch-checkpoint", "00000000000000000000.index"])
async def test_it_does_not_fall_when_files_are_lost(data: Path, name: str):
    for _ in range(2):
        await killed_after_one_message(data)
    (data / "orders-0" / name).unlink(missing_ok=True)
    async with running(data) as wire:
        assert await epoch_in_metadata(wire, "orders") == 2
        assert await send(wire, "orders", batch(b"x")) == (0, 2)


@killed_ones
async def test_it_is_not_behind_what_the_log_says_though_the_broker_has_forgotten(data: Path, tmp_path: Path):
    for _ in range(3):
        await killed_after_one_message(data)
    other = tmp_path / "other"
    async with running(other) as wire:
        await create(wire, "orders")
    (other / "orders-0" / "00000000000000000000.log").write_bytes(
        (data / "orders-0" / "00000000000000000000.log").read_bytes()
    )
    async with running(other) as wire:
        assert await send(wire, "orders", batch(b"x")) == (0, 3)
        assert await epoch_in_metadata(wire, "orders") >= 2
