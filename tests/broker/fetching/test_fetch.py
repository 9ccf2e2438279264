"""Fetch: whole batches from the wanted offset on, within the limits, now or when there is enough."""

import struct
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any
from uuid import UUID

import anyio
import pytest

import gomq
from gomq.broker import BrokerConfig
from gomq.protocol.api import Api
from gomq.protocol.shape import MAX_REQUEST_ELEMENTS
from gomq_storage.batch import walk
from tests.support.fetching import base_offsets, parked
from tests.support.waiting import until
from tests.support.wire import (
    Wire,
    batch,
    connect,
    create_values,
    fetch_values,
    framed,
    produce_values,
    request_head,
    versions,
)

OUT_OF_RANGE, UNKNOWN, UNKNOWN_EPOCH, UNKNOWN_ID = 1, 3, 75, 100
LONG_MS = 3_600_000


@pytest.fixture
async def wire(wire: Wire) -> Wire:
    """A connection to a broker that has the topic ``orders`` with two partitions."""
    await wire.ask(Api.CREATE_TOPICS, **create_values("orders", partitions=2))
    return wire


async def produce(wire: Wire, *batches: bytes, partition: int = 0) -> None:
    for raw in batches:
        answer = await wire.ask(Api.PRODUCE, 9, **produce_values({"orders": {partition: raw}}))
        assert answer.responses[0].partition_responses[0].error_code == 0


async def fetch(wire: Wire, offset: int, *, version: int = 11, **limits: int) -> Any:
    """Fetch from the first partition and return its answer."""
    answer = await wire.ask(Api.FETCH, version, **fetch_values({"orders": [(0, offset)]}, **limits))
    return answer.responses[0].partitions[0]


async def test_every_version_returns_the_batches_from_the_offset_on(wire: Wire):
    await produce(wire, batch(b"0", b"1"), batch(b"2"), batch(b"3"))
    topic_id = (await wire.ask(Api.METADATA, 12, topics=None)).topics[0].topic_id
    for version in versions(Api.FETCH):
        topic = topic_id if version >= 13 else "orders"
        answer = await wire.ask(Api.FETCH, version, **fetch_values({topic: [(0, 2), (1, 0)]}))
        full, empty = answer.responses[0].partitions
        assert (full.error_code, full.high_watermark, full.last_stable_offset) == (0, 4, 4)
        assert base_offsets(full.records) == [2, 3]
        assert (empty.error_code, empty.high_watermark, empty.records) == (0, 0, b"")


@pytest.mark.parametrize("offset", [0, 1, 2])
async def test_an_offset_within_a_batch_returns_the_whole_batch(wire: Wire, offset: int):
    await produce(wire, batch(b"0", b"1", b"2"), batch(b"3"))
    assert base_offsets((await fetch(wire, offset)).records) == [0, 3]


async def test_the_limit_of_a_partition_cuts_behind_the_first_batch(wire: Wire):
    one = batch(b"x" * 100)
    await produce(wire, one, one, one)
    assert base_offsets((await fetch(wire, 0, partition_max_bytes=2 * len(one) + 5)).records) == [0, 1]


@pytest.mark.parametrize("limits", [{"max_bytes": 1}, {"partition_max_bytes": 1}, {"max_bytes": 0}])
async def test_a_first_batch_larger_than_the_limits_is_returned_whole(wire: Wire, limits: dict[str, int]):
    one = batch(b"x" * 100_000)
    await produce(wire, one, one)
    assert len((await fetch(wire, 0, **limits)).records) == len(one)


async def test_the_limit_over_all_partitions_goes_to_the_first_that_have_something(wire: Wire):
    await produce(wire, batch(b"x" * 1000))
    await produce(wire, batch(b"y" * 1000), partition=1)
    answer = await wire.ask(Api.FETCH, 11, **fetch_values({"orders": [(0, 1), (1, 0), (0, 0)]}, max_bytes=500))
    sizes = {entry.partition_index: len(entry.records) for entry in answer.responses[0].partitions}
    assert min(sizes.values()) == 0
    assert len([size for size in sizes.values() if size]) == 1


async def test_no_answer_is_larger_than_the_brokers_limit(data: Path):
    config = BrokerConfig(data=data, listen="127.0.0.1:0", max_fetch_bytes=3000)
    async with gomq.Broker(config=config) as broker, connect(broker.address) as wire:
        await wire.ask(Api.CREATE_TOPICS, **create_values("orders"))
        await produce(wire, *[batch(b"x" * 900)] * 9)
        assert len((await fetch(wire, 0, max_bytes=2**31 - 1, partition_max_bytes=2**31 - 1)).records) == 3000


async def test_nothing_new_is_an_empty_answer_once_the_wait_is_over(wire: Wire):
    assert (await fetch(wire, 0, max_wait=1)).records == b""
    assert (await fetch(wire, 0, max_wait=-1)).records == b""


async def test_a_wait_ends_with_the_append(broker: gomq.Broker, wire: Wire):
    await wire.send(Api.FETCH, 11, fetch_values({"orders": [(0, 0)]}, max_wait=LONG_MS))
    await until(lambda: parked(broker))
    async with connect(broker.address) as other:
        await produce(other, batch(b"x"))
    answer = await wire.receive(Api.FETCH, 11)
    assert base_offsets(answer.responses[0].partitions[0].records) == [0]
    assert parked(broker) == 0


async def test_a_wait_ends_when_there_are_as_many_bytes_as_wanted(broker: gomq.Broker, wire: Wire):
    one = batch(b"x" * 100)
    await wire.send(Api.FETCH, 11, fetch_values({"orders": [(0, 0)]}, max_wait=LONG_MS, min_bytes=3 * len(one)))
    await until(lambda: parked(broker))
    async with connect(broker.address) as other:
        await produce(other, one, one)
        await until(lambda: parked(broker))
        await produce(other, one)
    answer = await wire.receive(Api.FETCH, 11)
    assert base_offsets(answer.responses[0].partitions[0].records) == [0, 1, 2]


async def test_a_wait_for_more_than_comes_ends_with_what_there_is(broker: gomq.Broker, wire: Wire):
    await produce(wire, batch(b"x"))
    assert base_offsets((await fetch(wire, 0, max_wait=30, min_bytes=2**31 - 1)).records) == [0]
    assert parked(broker) == 0


async def test_an_append_to_another_partition_does_not_end_a_wait(broker: gomq.Broker, wire: Wire):
    await wire.send(Api.FETCH, 11, fetch_values({"orders": [(0, 0)]}, max_wait=LONG_MS))
    await until(lambda: parked(broker))
    async with connect(broker.address) as other:
        await produce(other, batch(b"x"), partition=1)
        assert parked(broker) == 1
        assert not await wire.has_answer(within=0.02)


@pytest.mark.parametrize("by_id", [False, True])
async def test_a_wait_ends_when_the_topic_is_deleted(broker: gomq.Broker, wire: Wire, by_id: bool):
    topic: Any = (await wire.ask(Api.METADATA, 12, topics=None)).topics[0].topic_id if by_id else "orders"
    version = 13 if by_id else 12
    await wire.send(Api.FETCH, version, fetch_values({topic: [(0, 0)]}, max_wait=LONG_MS))
    await until(lambda: parked(broker))
    async with connect(broker.address) as other:
        await other.ask(Api.DELETE_TOPICS, 5, topic_names=("orders",))
    answer = await wire.receive(Api.FETCH, version)
    assert answer.responses[0].partitions[0].error_code == (UNKNOWN_ID if by_id else UNKNOWN)


async def test_nothing_is_left_of_a_wait_whose_client_went_away(broker: gomq.Broker, wire: Wire):
    async with connect(broker.address) as other:
        values = fetch_values({"orders": [(0, 0), (1, 0)]}, max_wait=2**31 - 1, min_bytes=2**31 - 1)
        await other.send(Api.FETCH, 11, values)
        await until(lambda: parked(broker))
    await until(lambda: not parked(broker))
    await produce(wire, batch(b"x"))


async def test_the_broker_stops_and_waits_for_no_client_that_is_parked(data: Path, caplog: pytest.LogCaptureFixture):
    async with AsyncExitStack() as clients:
        async with gomq.Broker(data=data, listen="127.0.0.1:0") as broker:
            wire, idle = [await clients.enter_async_context(connect(broker.address)) for _ in range(2)]
            await wire.ask(Api.CREATE_TOPICS, **create_values("orders"))
            await wire.send(Api.FETCH, 11, fetch_values({"orders": [(0, 0)]}, max_wait=LONG_MS))
            await until(lambda: parked(broker))
        assert "connections.cut_off" not in caplog.messages
        assert (await wire.receive(Api.FETCH, 11)).responses[0].partitions[0].records == b""
        assert await wire.is_closed()
        assert await idle.is_closed()


@pytest.mark.parametrize("offset", [3, 100, 2**63 - 1, -1, -(2**63)])
async def test_an_offset_outside_of_the_log_is_told_at_once(wire: Wire, offset: int):
    await produce(wire, batch(b"0", b"1"))
    assert (await fetch(wire, offset, max_wait=LONG_MS)).error_code == OUT_OF_RANGE


@pytest.mark.parametrize(("topic", "partition"), [("orders", 2), ("orders", -1), ("bills", 0), ("..", 0)])
async def test_an_unknown_topic_or_partition_is_told_at_once(wire: Wire, topic: str, partition: int):
    answer = await wire.ask(Api.FETCH, 12, **fetch_values({topic: [(partition, 0)]}, max_wait=LONG_MS))
    assert answer.responses[0].topic == topic
    assert answer.responses[0].partitions[0].error_code == UNKNOWN


@pytest.mark.parametrize("key", [UUID(int=5), None])
async def test_an_unknown_topic_id_is_told_at_once(wire: Wire, key: UUID | None):
    answer = await wire.ask(Api.FETCH, 13, **fetch_values({key: [(0, 0)]}, max_wait=LONG_MS))
    assert answer.responses[0].topic_id == key
    assert answer.responses[0].partitions[0].error_code == UNKNOWN_ID


async def test_an_error_in_one_partition_does_not_keep_the_others_from_answering(wire: Wire):
    await produce(wire, batch(b"x"))
    answer = await wire.ask(Api.FETCH, 11, **fetch_values({"orders": [(0, 0), (1, 99)]}, max_wait=LONG_MS))
    found, failed = answer.responses[0].partitions
    assert (found.error_code, base_offsets(found.records)) == (0, [0])
    assert failed.error_code == OUT_OF_RANGE


async def test_a_leader_epoch_that_has_not_been_is_unknown(wire: Wire):
    values = fetch_values({"orders": [(0, 0)]}, leader_epoch=1)
    answer = await wire.ask(Api.FETCH, 9, **values)
    assert answer.responses[0].partitions[0].error_code == UNKNOWN_EPOCH


async def test_a_partition_named_many_times_is_looked_at_once(wire: Wire):
    await produce(wire, batch(b"x"))
    with anyio.fail_after(20):
        answer = await wire.ask(
            Api.FETCH, 11, **fetch_values({"orders": [(0, 0)] * (MAX_REQUEST_ELEMENTS - 1)}, max_wait=LONG_MS)
        )
    assert [len(topic.partitions) for topic in answer.responses] == [1]


@pytest.mark.parametrize("max_wait", [0, LONG_MS])
async def test_as_many_partitions_as_a_request_may_have_are_answered_in_bounded_time(wire: Wire, max_wait: int):
    count = MAX_REQUEST_ELEMENTS - 1
    head = request_head(Api.FETCH, 4) + struct.pack(">iiiibih", -1, max_wait, 0, 1 << 20, 0, 1, 6) + b"orders"
    entries = b"".join(struct.pack(">iqi", number, 0, 1 << 20) for number in range(count))
    with anyio.fail_after(20):
        await wire.send_bytes(framed(head + struct.pack(">i", count) + entries))
        frame = await wire.receive_frame()
    assert frame.count(struct.pack(">hqq", UNKNOWN, -1, -1)) == count - 2
    await produce(wire, batch(b"x"))


async def test_a_fetch_without_partitions_is_answered_at_once(wire: Wire):
    answer = await wire.ask(Api.FETCH, 11, **fetch_values({}, max_wait=LONG_MS))
    assert answer.responses == ()


async def test_an_answer_from_many_large_batches_is_byte_for_byte_what_was_stored(wire: Wire):
    sent = [batch(bytes([number]) * 300_000) for number in range(10)]
    await produce(wire, *sent)
    records = (await fetch(wire, 0, max_bytes=50 << 20, partition_max_bytes=50 << 20)).records
    assert [records[position : position + header.size][16:] for position, header in walk(records)] == [
        raw[16:] for raw in sent
    ]
