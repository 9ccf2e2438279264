"""Consumers that want only committed messages: up to where, what was aborted, and what that costs the event loop.

Transactions come into the log as Kafka's coordinator would have written them: clients cannot make any.
"""

import threading
from pathlib import Path
from typing import Any

import pytest

import gomq
from gomq.protocol.api import Api
from gomq_storage import segmented_log
from gomq_storage.batch import check_batch
from gomq_storage.segment_scan import rebuild_indexes
from gomq_storage.txn_scan import TransactionScan
from tests.support.fetching import SessionClient, base_offsets, entries, indexes, parked
from tests.support.transactional import ABORT, COMMIT, marker, part_of
from tests.support.waiting import until
from tests.support.wire import Wire, batch, connect, create_values, fetch_values, versions

LATEST = -1
LONG_MS = 3_600_000
SMALL_SEGMENTS = {"segment.bytes": "1048576"}


@pytest.fixture
async def wire(wire: Wire) -> Wire:
    """A connection to a broker that has the topic ``orders``."""
    await wire.ask(Api.CREATE_TOPICS, **create_values("orders", configs=SMALL_SEGMENTS))
    return wire


async def write(broker: gomq.Broker, *batches: bytes) -> None:
    """Append batches to ``orders``, and wait until they can be seen."""
    assert broker._state is not None
    partition = broker._state.topics.partition("orders", 0)
    assert partition is not None
    for raw in batches:
        partition.append(raw, check_batch(raw))
        broker._state.flusher.appended(partition)
    end = partition.log.log_end
    await until(lambda: partition.high_watermark == end)


async def fetch(wire: Wire, offset: int = 0, *, version: int = 11, committed: bool = True, **limits: int) -> Any:
    topic_id = (await wire.ask(Api.METADATA, 12, topics=None)).topics[0].topic_id
    values = fetch_values({topic_id if version >= 13 else "orders": [(0, offset)]}, **limits)
    (found,) = entries(await wire.ask(Api.FETCH, version, **{**values, "isolation_level": int(committed)}))
    assert found.error_code == 0
    return found


def aborted(found: Any) -> list[tuple[int, int]]:
    return [(each.producer_id, each.first_offset) for each in found.aborted_transactions]


async def offset_at(wire: Wire, timestamp: int, *, committed: bool, version: int = 11) -> int:
    entry = {"partition_index": 0, "current_leader_epoch": -1, "timestamp": timestamp}
    topics = [{"name": "orders", "partitions": [entry]}]
    answer = await wire.ask(Api.LIST_OFFSETS, version, topics=topics, isolation_level=int(committed))
    offset: int = answer.topics[0].partitions[0].offset
    return offset


async def test_every_version_ends_where_a_transaction_is_open(broker: gomq.Broker, wire: Wire):
    await write(broker, batch(b"0"), part_of(7, b"1"), batch(b"2"))
    for version in versions(Api.FETCH):
        found = await fetch(wire, version=version)
        assert (found.high_watermark, found.last_stable_offset, aborted(found)) == (3, 1, [])
        assert base_offsets(found.records) == [0]
        found = await fetch(wire, version=version, committed=False)
        assert (found.last_stable_offset, base_offsets(found.records)) == (1, [0, 1, 2])
        assert found.aborted_transactions is None


@pytest.mark.parametrize("offset", [1, 2, 3])
async def test_behind_the_last_stable_offset_there_is_nothing_yet(broker: gomq.Broker, wire: Wire, offset: int):
    await write(broker, batch(b"0"), part_of(7, b"1"), batch(b"2"))
    assert (await fetch(wire, offset, max_wait=1)).records == b""


async def test_every_version_tells_what_was_aborted(broker: gomq.Broker, wire: Wire):
    await write(broker, part_of(7, b"0"), part_of(8, b"1"), marker(7, ABORT), marker(8, COMMIT))
    await write(broker, part_of(9, b"4"), part_of(7, b"5", sequence=1), marker(9, ABORT), batch(b"7"))
    for version in versions(Api.FETCH):
        found = await fetch(wire, version=version)
        assert (found.last_stable_offset, aborted(found)) == (5, [(7, 0), (9, 4)])
        assert base_offsets(found.records) == [0, 1, 2, 3, 4]
        assert aborted(await fetch(wire, 3, version=version)) == [(9, 4)]


@pytest.mark.parametrize("kind", [ABORT, COMMIT])
async def test_a_marker_ends_the_wait_for_it_and_what_is_open_does_not(broker: gomq.Broker, wire: Wire, kind: int):
    await write(broker, part_of(7, b"0"))
    values = {**fetch_values({"orders": [(0, 0)]}, max_wait=LONG_MS), "isolation_level": 1}
    await wire.send(Api.FETCH, 11, values)
    await until(lambda: parked(broker))
    await write(broker, batch(b"1"), part_of(7, b"2", sequence=1))
    await until(lambda: parked(broker))
    await write(broker, marker(7, kind))
    (found,) = entries(await wire.receive(Api.FETCH, 11))
    assert (found.last_stable_offset, base_offsets(found.records)) == (4, [0, 1, 2, 3])
    assert aborted(found) == ([(7, 0)] if kind == ABORT else [])


async def test_a_session_may_read_what_is_committed(broker: gomq.Broker, wire: Wire):
    await write(broker, batch(b"0"), part_of(7, b"1"))
    client = SessionClient(wire)
    assert indexes(await client.fetch({"orders": [(0, 1)]}, committed=True)) == [0]
    assert indexes(await client.fetch(committed=True)) == []
    await write(broker, marker(7, ABORT))
    (found,) = entries(await client.fetch(committed=True))
    assert aborted(found) == [(7, 1)]


async def test_the_latest_offset_is_the_last_stable_one(broker: gomq.Broker, wire: Wire):
    await write(broker, batch(b"0"), part_of(7, b"1"), batch(b"2"))
    for version in [version for version in versions(Api.LIST_OFFSETS) if version >= 2]:
        assert await offset_at(wire, LATEST, committed=True, version=version) == 1
        assert await offset_at(wire, LATEST, committed=False, version=version) == 3
    assert await offset_at(wire, LATEST, committed=False, version=1) == 3
    await write(broker, marker(7, COMMIT))
    assert await offset_at(wire, LATEST, committed=True) == 4


async def test_a_time_that_only_an_open_transaction_has_is_not_found(broker: gomq.Broker, wire: Wire):
    await write(broker, batch(b"0", now_ms=100), part_of(7, b"1"))
    assert await offset_at(wire, 101, committed=True) == -1
    assert await offset_at(wire, 101, committed=False) == 1


async def test_transactions_of_an_earlier_life_are_looked_for_in_a_thread_and_once(
    data: Path, monkeypatch: pytest.MonkeyPatch
):
    async with gomq.Broker(data=data, listen="127.0.0.1:0") as broker, connect(broker.address) as wire:
        await wire.ask(Api.CREATE_TOPICS, **create_values("orders", configs=SMALL_SEGMENTS))
        await write(broker, part_of(7, b"0"), marker(7, ABORT), batch(b"x" * 900_000), batch(b"x" * 900_000))
    (data / "orders-0" / f"{0:020d}.txnindex").write_bytes(b"\0\1" + b"\0" * 32)  # damaged
    threads: list[threading.Thread] = []
    advance = TransactionScan.advance

    def watched(scan: TransactionScan) -> None:
        threads.append(threading.current_thread())
        advance(scan)

    monkeypatch.setattr(TransactionScan, "advance", watched)
    async with gomq.Broker(data=data, listen="127.0.0.1:0") as broker, connect(broker.address) as wire:
        for _ in range(2):
            found = await fetch(wire)
            assert (base_offsets(found.records), aborted(found)) == ([0, 1, 2], [(7, 0)])
    assert len(threads) == 1
    assert threads[0] is not threading.current_thread()


@pytest.mark.parametrize("content", [b"", b"\xff" * 80])
async def test_a_wrong_index_is_made_anew_in_a_thread_by_its_first_reader(
    data: Path, monkeypatch: pytest.MonkeyPatch, content: bytes
):
    async with gomq.Broker(data=data, listen="127.0.0.1:0") as broker, connect(broker.address) as wire:
        await wire.ask(Api.CREATE_TOPICS, **create_values("orders", configs=SMALL_SEGMENTS))
        await write(broker, *[batch(b"x" * 300_000)] * 8)
    (data / "orders-0" / f"{0:020d}.index").write_bytes(content)
    threads: list[threading.Thread] = []

    def watched(*arguments: Any, **fields: Any) -> None:
        threads.append(threading.current_thread())
        rebuild_indexes(*arguments, **fields)

    monkeypatch.setattr(segmented_log, "rebuild_indexes", watched)
    async with gomq.Broker(data=data, listen="127.0.0.1:0") as broker, connect(broker.address) as wire:
        for _ in range(2):
            found = await fetch(wire, 1, max_bytes=2 << 20, partition_max_bytes=2 << 20, committed=False)
            assert base_offsets(found.records) == [1, 2]
    assert len(threads) == 1
    assert threads[0] is not threading.current_thread()
