"""A check of messages that takes long keeps nobody waiting but who sent them, and its order is kept."""

import threading
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import anyio
import pytest
from anyio import to_thread

import gomq
from gomq.broker.config import MessageValidation
from gomq.broker.producing import record_checks
from gomq.broker.producing.record_checks import RecordChecks
from gomq.broker.producing.record_validation import MAX_DECOMPRESSED_BYTES, RecordRules
from gomq.broker.producing.validation import RejectedBatchError
from gomq.protocol.api import Api
from gomq_storage.batch import BatchHeader, check_batch
from gomq_storage.compression import Codec
from gomq_storage.record import NewRecord, build_batch, encode_batch, encode_records
from tests.support.running import bounds, read_records, send, sequenced
from tests.support.topics import create
from tests.support.waiting import until
from tests.support.wire import DEADLINE, NOW_MS, batch, connect, produce_values

UNKNOWN, TOO_LARGE = 3, 10
LONG: Final = 2000
"""Records that are too many to be checked on the event loop."""


def good(count: int) -> bytes:
    return encode_batch([NewRecord(b"x")] * count, now_ms=NOW_MS)


class Gate:
    """Holds long checks back."""

    def __init__(self, check: Callable[..., int]) -> None:
        self._check = check
        self.reached = threading.Event()
        self.opened = threading.Event()

    def __call__(self, *arguments: Any) -> int:
        self.reached.set()
        assert self.opened.wait(DEADLINE)
        return self._check(*arguments)

    async def wait(self) -> None:
        assert await to_thread.run_sync(self.reached.wait, DEADLINE)


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    """In front of every long check; open when the test ends."""
    closed = Gate(record_checks._check_slowly)
    monkeypatch.setattr(record_checks, "_check_slowly", closed)
    yield closed
    closed.opened.set()


def numbered(producer_id: int, sequence: int, count: int) -> bytes:
    return sequenced(producer_id, sequence, *(b"%d" % number for number in range(sequence, sequence + count)))


@pytest.fixture
async def full(data: Path) -> Any:
    """A broker that looks at every message, and has the topic ``orders``."""
    config = gomq.BrokerConfig(data=data, listen="127.0.0.1:0", message_validation=MessageValidation.FULL)
    async with gomq.Broker(config=config) as running_broker:
        async with connect(running_broker.address) as wire:
            await create(wire, "orders", "bills")
        yield running_broker


@pytest.mark.parametrize("acks", [1, -1])
async def test_no_batch_of_a_connection_overtakes_one_that_takes_long(full: gomq.Broker, gate: Gate, acks: int):
    batches = [numbered(7, 0, 5), numbered(7, 5, LONG), numbered(7, 5 + LONG, 5), numbered(7, 10 + LONG, LONG)]
    async with connect(full.address) as wire, connect(full.address) as other:
        sent = [await wire.send(Api.PRODUCE, 9, produce_values({"orders": {0: raw}}, acks=acks)) for raw in batches]
        await gate.wait()
        assert await send(other, "bills", batch(b"meanwhile")) == (0, 0), "nobody else waits"
        assert (await bounds(other, "orders"))[1] <= 5
        gate.opened.set()
        answers = [await wire.receive(Api.PRODUCE, 9, number) for number in sent]
        found = [answer.responses[0].partition_responses[0] for answer in answers]
        assert [each.error_code for each in found] == [0] * 4
        assert [each.base_offset for each in found] == [0, 5, 5 + LONG, 10 + LONG]
        values = [record.value for record in await read_records(other, "orders")]
        assert values == [b"%d" % number for number in range(10 + 2 * LONG)]


async def test_acks_0_waits_for_a_long_check_too(full: gomq.Broker, gate: Gate):
    gate.opened.set()
    async with connect(full.address) as wire:
        for sequence in range(0, 3 * LONG, LONG):
            await wire.send(Api.PRODUCE, 9, produce_values({"orders": {0: numbered(7, sequence, LONG)}}, acks=0))
        assert await send(wire, "orders", numbered(7, 3 * LONG, 1)) == (0, 3 * LONG)


async def test_a_topic_that_is_deleted_during_a_check_is_unknown(full: gomq.Broker, gate: Gate):
    async with connect(full.address) as wire, connect(full.address) as other:
        sent = await wire.send(Api.PRODUCE, 9, produce_values({"orders": {0: good(LONG)}}))
        await gate.wait()
        await other.ask(Api.DELETE_TOPICS, 5, topic_names=("orders",))
        gate.opened.set()
        answer = await wire.receive(Api.PRODUCE, 9, sent)
        assert answer.responses[0].partition_responses[0].error_code == UNKNOWN


async def test_a_client_that_leaves_during_a_check_harms_nobody(full: gomq.Broker, gate: Gate):
    async with connect(full.address) as wire:
        await wire.send(Api.PRODUCE, 9, produce_values({"orders": {0: good(LONG)}}))
        await gate.wait()
    gate.opened.set()
    async with connect(full.address) as other:
        assert await send(other, "bills", good(LONG)) == (0, 0)


async def test_who_stops_does_not_wait_for_the_end_of_a_check(monkeypatch: pytest.MonkeyPatch):
    raw = good(100 * LONG)
    reached, go_on, pauses = threading.Event(), threading.Event(), list[int]()

    def pause() -> None:
        pauses.append(len(pauses))
        reached.set()
        assert go_on.wait(DEADLINE)

    monkeypatch.setattr(record_checks, "_make_way", pause)
    async with anyio.create_task_group() as group:
        group.start_soon(RecordChecks().check, raw, check_batch(raw), RecordRules(False, None))
        await to_thread.run_sync(reached.wait, DEADLINE)
        group.cancel_scope.cancel()
        go_on.set()
    assert len(pauses) == 1


async def test_endless_batches_wait_for_each_other_and_no_other_for_them(monkeypatch: pytest.MonkeyPatch):
    checked, opened = list[int](), threading.Event()

    def check(_: bytes, header: BatchHeader, __: RecordRules) -> int:
        if header.record_count > 100_000:
            assert opened.wait(DEADLINE)
        checked.append(header.record_count)
        return 0

    monkeypatch.setattr(record_checks, "_check_slowly", check)
    header = check_batch(good(3))
    checks = RecordChecks()
    async with anyio.create_task_group() as group:
        for count in (100_001, 100_002, LONG, 100_000):
            arguments = (b"", header._replace(record_count=count), RecordRules(False, None))
            group.start_soon(checks.check, *arguments)
        await until(lambda: len(checked) == 2)
        opened.set()
    assert set(checked[:2]) == {LONG, 100_000}
    assert set(checked[2:]) == {100_001, 100_002}


def bomb(codec: Codec) -> bytes:
    """Encode one record whose value is more than what is decompressed, all zeros."""
    record = encode_records([NewRecord(bytes(MAX_DECOMPRESSED_BYTES), b"key")], base_timestamp=NOW_MS)
    return build_batch(record, record_count=1, base_timestamp=NOW_MS, max_timestamp=NOW_MS, codec=codec)


BOMBS: Final = (Codec.GZIP, Codec.LZ4, Codec.ZSTD)
"""Snappy does not make so little of so much: an honest batch of it passes ``max.message.bytes`` before."""


@pytest.mark.parametrize("codec", BOMBS)
async def test_a_bomb_is_refused_with_bounded_memory(codec: Codec):
    raw = bomb(codec)
    assert len(raw) < 1 << 20
    tracemalloc.start()
    try:
        with pytest.raises(RejectedBatchError, match="decompresses to more than") as refused:
            await RecordChecks().check(raw, check_batch(raw), RecordRules(True, None))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert refused.value.error_code == TOO_LARGE
    assert peak < MAX_DECOMPRESSED_BYTES + (16 << 20)


async def test_bombs_of_a_client_keep_nobody_waiting(full: gomq.Broker):
    async with connect(full.address) as hostile, connect(full.address) as wire:
        sent = [await hostile.send(Api.PRODUCE, 9, produce_values({"orders": {0: bomb(Codec.ZSTD)}})) for _ in range(3)]
        for number in range(20):
            assert await send(wire, "bills", good(3)) == (0, 3 * number)
        for number in sent:
            answer = await hostile.receive(Api.PRODUCE, 9, number)
            assert answer.responses[0].partition_responses[0].error_code == TOO_LARGE
