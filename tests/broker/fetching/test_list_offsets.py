"""ListOffsets: the log's two ends, and the first record at or after a time."""

from typing import Any

import pytest

from gomq.protocol.api import Api
from gomq_storage.compression import Codec
from gomq_storage.record import NewRecord, encode_batch
from tests.broker.conftest import Disk
from tests.support.wire import Wire, batch, create_values, patched, produce_values, timed_batch, versions

LATEST, EARLIEST, LARGEST, EARLIEST_LOCAL, LATEST_TIERED, PENDING_UPLOAD = -1, -2, -3, -4, -5, -6
CORRUPT, UNKNOWN, UNSUPPORTED, INVALID_REQUEST, UNKNOWN_EPOCH = 2, 3, 35, 42, 75
NEWEST = 11


@pytest.fixture
async def wire(wire: Wire) -> Wire:
    """A connection to a broker that has the topic ``orders``."""
    await wire.ask(Api.CREATE_TOPICS, **create_values("orders"))
    return wire


async def produce(wire: Wire, *batches: bytes) -> None:
    for raw in batches:
        answer = await wire.ask(Api.PRODUCE, 9, **produce_values({"orders": {0: raw}}))
        assert answer.responses[0].partition_responses[0].error_code == 0


async def ask(
    wire: Wire, timestamp: int, *, version: int = NEWEST, topic: str = "orders", partition: int = 0, epoch: int = -1
) -> Any:
    entry = {"partition_index": partition, "current_leader_epoch": epoch, "timestamp": timestamp}
    answer = await wire.ask(Api.LIST_OFFSETS, version, topics=[{"name": topic, "partitions": [entry]}])
    return answer.topics[0].partitions[0]


async def offset_at(wire: Wire, timestamp: int) -> int:
    found = await ask(wire, timestamp)
    assert found.error_code == 0
    offset: int = found.offset
    return offset


async def test_every_version_tells_the_logs_ends_and_finds_a_time(wire: Wire):
    await produce(wire, timed_batch(100, 200), timed_batch(300))
    for version in versions(Api.LIST_OFFSETS):
        offsets = [(await ask(wire, timestamp, version=version)).offset for timestamp in (EARLIEST, LATEST, 200, 250)]
        assert offsets == [0, 3, 1, 2]


async def test_an_empty_log_starts_and_ends_at_0_and_has_no_time(wire: Wire):
    assert [await offset_at(wire, timestamp) for timestamp in (EARLIEST, LATEST, LARGEST, 0)] == [0, 0, -1, -1]


@pytest.mark.parametrize("codec", list(Codec))
async def test_a_time_between_two_records_finds_the_later_one(wire: Wire, codec: Codec):
    await produce(wire, timed_batch(100, 200, 300, codec=codec), timed_batch(400, 500, codec=codec))
    asked = (0, 100, 101, 200, 299, 301, 400, 450, 500, 501)
    assert [await offset_at(wire, timestamp) for timestamp in asked] == [0, 0, 1, 1, 2, 3, 3, 4, 4, -1]


async def test_a_time_is_answered_with_the_records_own(wire: Wire):
    await produce(wire, timed_batch(100, 200))
    found = await ask(wire, 150)
    assert (found.offset, found.timestamp, found.leader_epoch) == (1, 200, 0)


async def test_times_out_of_order_find_the_first_record_that_is_late_enough(wire: Wire):
    await produce(wire, timed_batch(500), timed_batch(100, 300, 200), timed_batch(400), timed_batch(600))
    assert [await offset_at(wire, timestamp) for timestamp in (50, 400, 500, 501, 601)] == [0, 0, 0, 5, -1]


@pytest.mark.parametrize("timestamp", [2**63 - 1, 10**15])
async def test_a_time_far_in_the_future_finds_nothing(wire: Wire, timestamp: int):
    await produce(wire, timed_batch(100))
    assert await offset_at(wire, timestamp) == -1


@pytest.mark.parametrize("timestamp", [-(2**63), -7, -100])
async def test_a_negative_time_that_stands_for_nothing_is_unsupported(wire: Wire, timestamp: int):
    await produce(wire, timed_batch(100))
    for version in versions(Api.LIST_OFFSETS):
        found = await ask(wire, timestamp, version=version)
        assert (found.error_code, found.offset, found.timestamp) == (UNSUPPORTED, -1, -1)


async def test_times_out_of_order_over_many_segments_find_the_first_record_that_is_late_enough(wire: Wire):
    await wire.ask(Api.CREATE_TOPICS, **create_values("rolled", configs={"segment.bytes": "1048576"}))
    times = [(500 * number) % 3001 for number in range(12)]  # ascending, but for two falls
    for time in times:
        raw = encode_batch([NewRecord(b"x" * 400_000, timestamp=time)], now_ms=time)
        answer = await wire.ask(Api.PRODUCE, 9, **produce_values({"rolled": {0: raw}}))
        assert answer.responses[0].partition_responses[0].error_code == 0
    for time in (0, 1, 499, 500, 1000, 2999, 3000, 3001):
        expected = next((offset for offset, each in enumerate(times) if each >= time), -1)
        assert (await ask(wire, time, topic="rolled")).offset == expected
    assert (await ask(wire, LARGEST, topic="rolled")).offset == times.index(max(times))


async def test_a_partition_named_twice_is_an_invalid_request_answered_once(wire: Wire):
    await wire.ask(Api.CREATE_TOPICS, **create_values("pairs", partitions=2))
    entries = [{"partition_index": index, "current_leader_epoch": -1, "timestamp": LATEST} for index in (0, 1, 0)]
    answer = await wire.ask(Api.LIST_OFFSETS, NEWEST, topics=[{"name": "pairs", "partitions": entries}])
    found = [(each.partition_index, int(each.error_code), each.offset) for each in answer.topics[0].partitions]
    assert found == [(0, INVALID_REQUEST, -1), (1, 0, 0)]


@pytest.mark.parametrize("version", [10, 11])
async def test_an_answer_waits_for_a_sync_no_longer_than_the_request_says(wire: Wire, disk: Disk, version: int):
    disk.hold()
    answer = await wire.ask(Api.PRODUCE, 9, **produce_values({"orders": {0: timed_batch(100)}}, acks=1))
    assert answer.responses[0].partition_responses[0].error_code == 0
    entry = {"partition_index": 0, "current_leader_epoch": -1, "timestamp": LATEST}
    topics = [{"name": "orders", "partitions": [entry]}]
    answer = await wire.ask(Api.LIST_OFFSETS, version, topics=topics, timeout=20)
    assert answer.topics[0].partitions[0].offset == 0
    answer = await wire.ask(Api.LIST_OFFSETS, version, topics=topics, timeout=20, replica_id=5)
    assert answer.topics[0].partitions[0].offset == 1  # what a replica asks for is the log's own end


async def test_the_largest_timestamp_need_not_be_the_last(wire: Wire):
    await produce(wire, timed_batch(100), timed_batch(900, 200), timed_batch(300))
    found = await ask(wire, LARGEST)
    assert (found.offset, found.timestamp) == (1, 900)


async def test_nothing_is_in_another_tier(wire: Wire):
    await produce(wire, batch(b"x"))
    offsets = [await offset_at(wire, timestamp) for timestamp in (EARLIEST_LOCAL, LATEST_TIERED, PENDING_UPLOAD)]
    assert offsets == [0, -1, -1]


@pytest.mark.parametrize(
    ("timestamp", "since"), [(LARGEST, 7), (EARLIEST_LOCAL, 8), (LATEST_TIERED, 9), (PENDING_UPLOAD, 11)]
)
async def test_what_a_version_does_not_have_is_unsupported(wire: Wire, timestamp: int, since: int):
    for version in versions(Api.LIST_OFFSETS):
        found = await ask(wire, timestamp, version=version)
        assert found.error_code == (0 if version >= since else UNSUPPORTED)


@pytest.mark.parametrize(("topic", "partition"), [("orders", 1), ("orders", -1), ("bills", 0), ("..", 0)])
@pytest.mark.parametrize("timestamp", [LATEST, EARLIEST, 0])
async def test_an_unknown_topic_or_partition_is_told(wire: Wire, topic: str, partition: int, timestamp: int):
    assert (await ask(wire, timestamp, topic=topic, partition=partition)).error_code == UNKNOWN


async def test_a_leader_epoch_that_has_not_been_is_unknown(wire: Wire):
    assert (await ask(wire, LATEST, epoch=1)).error_code == UNKNOWN_EPOCH
    assert (await ask(wire, LATEST, epoch=0)).error_code == 0


async def test_records_that_lie_are_a_corrupt_message_only_where_they_must_be_opened(wire: Wire):
    good = timed_batch(100, 200)
    await produce(wire, patched(good, 61, b"\xff" * (len(good) - 61)))
    assert (await ask(wire, 150)).error_code == CORRUPT
    assert await offset_at(wire, LATEST) == 2


async def test_the_end_is_behind_what_was_acknowledged_though_it_is_not_synced_yet(wire: Wire, disk: Disk):
    disk.hold()
    answer = await wire.ask(Api.PRODUCE, 9, **produce_values({"orders": {0: timed_batch(100)}}, acks=1))
    assert answer.responses[0].partition_responses[0].error_code == 0
    entry = {"partition_index": 0, "current_leader_epoch": -1, "timestamp": LATEST}
    asked = await wire.send(Api.LIST_OFFSETS, NEWEST, {"topics": [{"name": "orders", "partitions": [entry]}]})
    assert not await wire.has_answer(within=0.05)
    disk.release()
    answer = await wire.receive(Api.LIST_OFFSETS, NEWEST, asked)
    assert answer.topics[0].partitions[0].offset == 1
    assert [await offset_at(wire, timestamp) for timestamp in (LARGEST, 100)] == [0, 0]
