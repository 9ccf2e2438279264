"""A compacted topic keeps the last message of each key, at its offset; what is read is right at any moment."""

from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import anyio
import pytest

from gomq.protocol.api import Api
from gomq_storage.record import Record
from tests.support.brokers import broker_process
from tests.support.configs import set_config
from tests.support.running import BUSY, bounds, keyed, now_ms, read_records, running, send
from tests.support.topics import create, folders
from tests.support.wire import Wire, batch, connect

INVALID_RECORD = 87
OFTEN: dict[str, Any] = {"compaction_interval": 0.02, "retention_check_interval": 0.05}
COMPACT = {
    "cleanup.policy": "compact",
    "segment.bytes": "2000",
    "min.cleanable.dirty.ratio": "0.01",
    "file.delete.delay.ms": "0",
}
KEYS = 5


def last_offsets(records: Sequence[Record]) -> dict[bytes | None, int]:
    return {record.key: record.offset for record in records}


async def write(wire: Wire, first: int, count: int) -> None:
    """Give five keys values in turn, a batch each; the value at each offset is that offset."""
    for number in range(first, first + count):
        raw = keyed({b"key %d" % (number % KEYS): b"%d" % number + b"." * 50}, now_ms=now_ms())
        assert await send(wire, "orders", raw) == (0, number)


async def compacted_below_active(wire: Wire, data: Path) -> list[Record]:
    """Read until all below the active segment is compacted, checking what is read each time."""
    with anyio.fail_after(10):
        while True:
            _, end = await bounds(wire, "orders")
            records = await read_records(wire, "orders")
            check(records, end)
            active = max(int(path.stem) for path in (data / "orders-0").glob("*.log"))
            old = [record.key for record in records if record.offset < active]
            if len(old) == len(set(old)):
                return records


def check(records: Sequence[Record], end: int) -> None:
    """Check that each message is where it was written, and that of each key the last is there."""
    assert all((record.value or b"").rstrip(b".") == b"%d" % record.offset for record in records)
    assert last_offsets(records) == {b"key %d" % (offset % KEYS): offset for offset in range(max(end - KEYS, 0), end)}


async def test_the_last_message_of_each_key_stays_at_its_offset(data: Path):
    async with running(data, **OFTEN) as wire:
        await create(wire, "orders", configs=COMPACT)
        await write(wire, 0, 100)
        records = await compacted_below_active(wire, data)
        assert len(records) < 40
        assert (await bounds(wire, "orders")) == (0, 100)
        await write(wire, 100, 100)
        assert len(await compacted_below_active(wire, data)) < 40
    async with running(data, **OFTEN) as wire:
        check(await read_records(wire, "orders"), 200)
        await write(wire, 200, 50)
        await compacted_below_active(wire, data)


async def test_every_offset_can_be_read_from_though_it_may_be_gone(data: Path):
    async with running(data, **OFTEN) as wire:
        await create(wire, "orders", configs=COMPACT)
        await write(wire, 0, 60)
        records = await compacted_below_active(wire, data)
        for offset in range(60):
            found = await read_records(wire, "orders", offset=offset)
            assert found == [record for record in records if record.offset >= offset]


async def test_a_message_without_a_key_is_refused_and_none_of_its_batch_is_taken(wire: Wire):
    await create(wire, "orders", configs=COMPACT)
    assert await send(wire, "orders", batch(b"no key")) == (INVALID_RECORD, -1)
    assert await bounds(wire, "orders") == (0, 0)
    assert await send(wire, "orders", keyed({b"": b"an empty key is one"})) == (0, 0)


async def test_a_null_value_deletes_its_key_and_goes_itself_after_its_time(data: Path):
    async with running(data, **OFTEN) as wire:
        await create(wire, "orders", configs=COMPACT | {"delete.retention.ms": "0"})
        await send(wire, "orders", keyed({b"gone": b"x"}, now_ms=now_ms()))
        await send(wire, "orders", keyed({b"gone": None}, now_ms=now_ms()))
        number = 0
        with anyio.fail_after(10):
            while b"gone" in last_offsets(await read_records(wire, "orders")):
                await send(wire, "orders", keyed({b"key": b"%d" % number + b"." * 500}, now_ms=now_ms()))
                number += 1


async def test_a_null_value_stays_for_who_has_read_the_value_before(data: Path):
    async with running(data, **OFTEN) as wire:
        await create(wire, "orders", configs=COMPACT)
        await send(wire, "orders", keyed({b"key 0": b"0"}))
        await send(wire, "orders", keyed({b"gone": b"1"}))
        await send(wire, "orders", keyed({b"gone": None}))
        for number in range(3, 60):
            await send(wire, "orders", keyed({b"key 0": b"%d" % number + b"." * 50}))
        records = await read_records(wire, "orders")
        with anyio.fail_after(10):
            while (values := [record.value for record in records if record.key == b"gone"]) != [None]:
                assert values[-1] is None
                records = await read_records(wire, "orders")


async def test_the_policy_may_change_and_change_back_with_restarts_in_between(data: Path):
    async with running(data, **OFTEN) as wire:
        await create(wire, "orders", configs=COMPACT | {"cleanup.policy": "delete"})
        await write(wire, 0, 50)
        assert len(await read_records(wire, "orders")) == 50
        await set_config(wire, "orders", "cleanup.policy", "compact")
        assert len(await compacted_below_active(wire, data)) < 50
    async with running(data, **OFTEN) as wire:
        await set_config(wire, "orders", "cleanup.policy", "delete")
        before = await read_records(wire, "orders")
        await write(wire, 50, 30)
        assert await send(wire, "orders", batch(b"80")) == (0, 80)
    for _ in range(2):
        async with running(data, **OFTEN) as wire:
            records = await read_records(wire, "orders")
            assert [record.value for record in records[:-31]] == [record.value for record in before]
            assert [record.offset for record in records[-31:]] == list(range(50, 81))
    async with running(data, **OFTEN) as wire:
        await set_config(wire, "orders", "cleanup.policy", "compact,delete")
        assert await send(wire, "orders", batch(b"81")) == (INVALID_RECORD, -1)
        await set_config(wire, "orders", "retention.bytes", "1")
        with anyio.fail_after(10):
            while (await bounds(wire, "orders"))[0] < 70:
                pass


async def test_a_topic_that_is_compacted_may_be_deleted_at_any_moment(data: Path):
    async with running(data, **OFTEN) as wire:
        for _ in range(5):
            await create(wire, "orders", configs=COMPACT)
            await write(wire, 0, 60)
            answer = await wire.ask(Api.DELETE_TOPICS, 5, topic_names=("orders",))
            assert [result.error_code for result in answer.responses] == [0]
        assert folders(data) == set()


async def kill_while_compacting(data: Path, *, cycles: int, seed: int) -> None:
    """Write to a topic that is compacted all the time, kill the broker at any moment, and look at what is there."""
    random = Random(seed)
    end = 0
    for cycle in range(cycles):
        with broker_process(data, command=BUSY) as process:
            async with connect(process.address) as wire:
                if cycle == 0:
                    await create(wire, "orders", configs=COMPACT)
                else:
                    check(await read_records(wire, "orders"), end)
                count = random.randrange(20, 60)
                await write(wire, end, count)
                end += count
                for _ in range(random.randrange(4)):
                    check(await read_records(wire, "orders"), end)
                process.kill()
    async with running(data, **OFTEN) as wire:
        records = await compacted_below_active(wire, data)
        assert len(records) < end / 2
    assert not {path.suffix for path in (data / "orders-0").iterdir()} & {".cleaned", ".swap"}


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_kills_while_it_compacts_leave_the_last_message_of_each_key(data: Path):
    await kill_while_compacting(data, cycles=4, seed=1)


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_hundreds_of_kills_while_it_compacts_leave_the_last_message_of_each_key(data: Path):
    await kill_while_compacting(data, cycles=300, seed=2)
