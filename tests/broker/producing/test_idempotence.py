"""An idempotent producer may send a batch again: it is in the log once, whatever became of the broker in between."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest

from gomq.protocol.api import Api
from gomq_storage.layout import segment_file_name
from gomq_storage.producers import MAX_SEQUENCE
from tests.broker.conftest import Disk
from tests.support.brokers import broker_process
from tests.support.configs import set_config
from tests.support.running import bounds, read_records, running, send, sequenced
from tests.support.topics import create
from tests.support.waiting import until
from tests.support.wire import Wire, batch, connect, patched, produce_values

INVALID_TIMESTAMP, OUT_OF_ORDER, OLD_EPOCH, INVALID_RECORD = 32, 45, 47, 87
REMEMBERED = 5
"""As many of a producer's last batches are known again, as in Kafka."""


async def test_a_batch_that_comes_again_is_answered_as_at_first_and_not_appended(wire: Wire):
    await create(wire, "orders")
    batches = [sequenced(7, 3 * number, b"%d" % number, b"x", b"x") for number in range(REMEMBERED)]
    answers = [await send(wire, "orders", raw) for raw in batches]
    assert answers == [(0, 3 * number) for number in range(REMEMBERED)]
    for acks in (-1, 1):
        assert [await send(wire, "orders", raw, acks=acks) for raw in batches] == answers
    assert await bounds(wire, "orders") == (0, 3 * REMEMBERED)


@pytest.mark.parametrize("sequence", [0, 1, 3, 2**31 - 1])
async def test_a_batch_that_does_not_follow_the_last_is_out_of_order(wire: Wire, sequence: int):
    await create(wire, "orders")
    assert await send(wire, "orders", sequenced(7, 0, b"a", b"b")) == (0, 0)
    assert await send(wire, "orders", sequenced(7, sequence, b"c")) == (OUT_OF_ORDER, -1)
    assert await send(wire, "orders", sequenced(7, 2, b"c")) == (0, 2)


async def test_a_batch_that_was_forgotten_is_out_of_order_and_not_appended_again(wire: Wire):
    await create(wire, "orders")
    for sequence in range(REMEMBERED + 1):
        await send(wire, "orders", sequenced(7, sequence, b"x"))
    assert await send(wire, "orders", sequenced(7, 0, b"x")) == (OUT_OF_ORDER, -1)
    assert await bounds(wire, "orders") == (0, REMEMBERED + 1)


async def test_a_producer_that_was_replaced_is_refused(wire: Wire):
    await create(wire, "orders")
    assert await send(wire, "orders", sequenced(7, 0, b"old", epoch=2)) == (0, 0)
    assert await send(wire, "orders", sequenced(7, 0, b"new", epoch=3)) == (0, 1)
    assert await send(wire, "orders", sequenced(7, 1, b"old", epoch=2)) == (OLD_EPOCH, -1)
    assert await send(wire, "orders", sequenced(7, 1, b"new", epoch=3)) == (0, 2)


async def test_a_new_epoch_starts_at_zero(wire: Wire):
    await create(wire, "orders")
    await send(wire, "orders", sequenced(7, 0, b"old"))
    assert await send(wire, "orders", sequenced(7, 1, b"new", epoch=1)) == (OUT_OF_ORDER, -1)
    assert await send(wire, "orders", sequenced(7, 0, b"new", epoch=1)) == (0, 1)


async def test_numbers_begin_again_behind_the_largest(wire: Wire):
    await create(wire, "orders")
    batches = [(MAX_SEQUENCE - 3, 2), (MAX_SEQUENCE - 1, 4), (2, 1), (3, 1)]
    for _ in range(2):  # the second time as duplicates
        answers = [await send(wire, "orders", sequenced(7, first, *[b"x"] * count)) for first, count in batches]
        assert answers == [(0, 0), (0, 2), (0, 6), (0, 7)]
    for wrong in (MAX_SEQUENCE, 0, 5):
        assert await send(wire, "orders", sequenced(7, wrong, b"x")) == (OUT_OF_ORDER, -1)


@pytest.mark.parametrize("behind", [0, 1, MAX_SEQUENCE])
async def test_behind_the_largest_number_comes_zero(wire: Wire, behind: int):
    await create(wire, "orders")
    assert await send(wire, "orders", sequenced(7, MAX_SEQUENCE - 1, b"a", b"b")) == (0, 0)
    expected = (0, 2) if behind == 0 else (OUT_OF_ORDER, -1)
    assert await send(wire, "orders", sequenced(7, behind, b"c")) == expected


@pytest.mark.parametrize("sequence", [0, 1, MAX_SEQUENCE])
@pytest.mark.parametrize("epoch", [0, 3, 2**15 - 1])
async def test_a_producer_that_is_not_known_may_start_anywhere(wire: Wire, sequence: int, epoch: int):
    """Since Kafka 2.5 none is unknown: what it wrote before may have been deleted (KIP-360)."""
    await create(wire, "orders")
    assert await send(wire, "orders", sequenced(7, sequence, b"x", epoch=epoch)) == (0, 0)
    assert await send(wire, "orders", sequenced(7, sequence, b"x", epoch=epoch)) == (0, 0), "a duplicate"


async def test_a_batch_is_no_duplicate_of_one_that_began_alike(wire: Wire):
    await create(wire, "orders")
    await send(wire, "orders", sequenced(7, 0, b"a", b"b"))
    assert await send(wire, "orders", sequenced(7, 0, b"a")) == (OUT_OF_ORDER, -1)
    assert await send(wire, "orders", sequenced(7, 0, b"a", b"b", b"c")) == (OUT_OF_ORDER, -1)
    assert await bounds(wire, "orders") == (0, 2)


async def test_a_refused_batch_uses_up_no_number(wire: Wire):
    await create(wire, "orders", configs={"message.timestamp.before.max.ms": "0"})
    assert (await send(wire, "orders", sequenced(7, 0, b"too old")))[0] == INVALID_TIMESTAMP
    await set_config(wire, "orders", "message.timestamp.before.max.ms", str(2**63 - 1))
    assert await send(wire, "orders", sequenced(7, 0, b"a")) == (0, 0)
    assert (await send(wire, "orders", patched(sequenced(7, 1, b"b"), 57, bytes(4))))[0] == INVALID_RECORD
    assert await send(wire, "orders", sequenced(7, 1, b"b")) == (0, 1)


async def test_producers_and_partitions_are_told_apart_and_others_have_no_sequence(wire: Wire):
    await create(wire, "orders", partitions=2)
    for partition in (0, 1):
        for producer, offset in ((7, 0), (8, 2)):
            assert await send(wire, "orders", sequenced(producer, 0, b"x"), partition=partition) == (0, offset)
            assert await send(wire, "orders", batch(b"plain"), partition=partition) == (0, offset + 1)


async def test_a_topic_created_anew_knows_no_producer(wire: Wire):
    for _ in range(2):
        await create(wire, "orders")
        assert await send(wire, "orders", sequenced(7, 0, b"x")) == (0, 0)
        await send(wire, "orders", sequenced(7, 1, b"y"))
        await wire.ask(Api.DELETE_TOPICS, 5, topic_names=("orders",))


async def send_some(wire: Wire) -> None:
    await create(wire, "orders", configs={"segment.bytes": "400"})
    for sequence in range(12):
        assert await send(wire, "orders", sequenced(7, sequence, b"%d" % sequence)) == (0, sequence)
    await send(wire, "orders", sequenced(8, 0, b"old", epoch=1))
    await send(wire, "orders", sequenced(8, 0, b"new", epoch=2))


async def expect_all_known(wire: Wire) -> None:
    """Check that what ``send_some`` sent is known, though it is in more than one segment."""
    for sequence in range(12):
        answer = await send(wire, "orders", sequenced(7, sequence, b"%d" % sequence))
        assert answer == ((0, sequence) if sequence >= 12 - REMEMBERED else (OUT_OF_ORDER, -1))
    assert await send(wire, "orders", sequenced(7, 13, b"gap")) == (OUT_OF_ORDER, -1)
    assert await send(wire, "orders", sequenced(8, 1, b"old", epoch=1)) == (OLD_EPOCH, -1)
    assert await send(wire, "orders", sequenced(8, 0, b"new", epoch=2)) == (0, 13)
    assert await send(wire, "orders", sequenced(7, 12, b"12")) == (0, 14)
    values = [record.value for record in await read_records(wire, "orders")]
    assert values == [*(b"%d" % number for number in range(12)), b"old", b"new", b"12"]


async def test_a_restart_knows_what_was_sent(data: Path):
    async with running(data) as wire:
        await send_some(wire)
    async with running(data) as wire:
        await expect_all_known(wire)


@asynccontextmanager
async def killed_at_the_end(data: Path, *options: str) -> AsyncIterator[Wire]:
    with broker_process(data, *options) as process:
        async with connect(process.address) as wire:
            yield wire
            process.kill()


async def test_a_broker_that_was_killed_knows_what_was_sent(data: Path):
    async with killed_at_the_end(data) as wire:
        await send_some(wire)
    async with killed_at_the_end(data) as wire:
        await expect_all_known(wire)
    async with running(data) as wire:
        assert await send(wire, "orders", sequenced(7, 12, b"12")) == (0, 14)


async def test_batches_that_were_not_answered_when_the_broker_stopped_may_come_again(data: Path, disk: Disk):
    batches = [sequenced(7, sequence, b"%d" % sequence) for sequence in range(REMEMBERED)]

    async def release_once_the_broker_waits() -> None:
        await anyio.wait_all_tasks_blocked()
        disk.release()

    async with anyio.create_task_group() as group, running(data) as wire:
        await create(wire, "orders")
        disk.hold()
        for raw in batches:
            await wire.send(Api.PRODUCE, 9, produce_values({"orders": {0: raw}}))
        log_file = data / "orders-0" / segment_file_name(0)
        await until(lambda: log_file.stat().st_size == sum(map(len, batches)))
        group.start_soon(release_once_the_broker_waits)
    async with running(data) as wire:
        assert await bounds(wire, "orders") == (0, REMEMBERED), "they were synced all the same"
        assert [await send(wire, "orders", raw) for raw in batches] == [(0, offset) for offset in range(REMEMBERED)]
        assert await bounds(wire, "orders") == (0, REMEMBERED)


@pytest.mark.parametrize("spoiled", [b"", b"\0" * 50, None], ids=["empty", "zeros", "missing"])
async def test_a_broker_whose_snapshots_are_spoiled_knows_what_was_sent(data: Path, spoiled: bytes | None):
    async with running(data) as wire:
        await send_some(wire)
    snapshots = list((data / "orders-0").glob("*.snapshot"))
    assert len(snapshots) > 1
    for path in snapshots:
        path.write_bytes(spoiled) if spoiled is not None else path.unlink()
    async with running(data) as wire:
        await expect_all_known(wire)


async def test_a_producer_that_is_silent_for_too_long_is_forgotten_but_not_its_messages(data: Path):
    settings: dict[str, Any] = {"producer_id_expiration_ms": 1, "retention_check_interval": 0.01}
    async with running(data, **settings) as wire:
        await create(wire, "orders")
        await send(wire, "orders", sequenced(7, 0, b"a"))
        while await send(wire, "orders", sequenced(7, 0, b"a")) == (0, 0):
            pass  # until it is forgotten: then it is new, and its message too
        found = [record.value for record in await read_records(wire, "orders")]
        assert found == [b"a", b"a"]
