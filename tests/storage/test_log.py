"""A log: what is appended is read, in segments that roll, also after it is opened again."""

from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st

from gomq_storage.batch import HEADER_SIZE, read_header, walk
from gomq_storage.compression import Codec
from gomq_storage.config import LogConfig
from gomq_storage.epochs import EpochStart
from gomq_storage.errors import BatchTooLargeError, CorruptBatchError, OffsetOutOfRangeError
from gomq_storage.log import Log
from gomq_storage.log_values import AppendResult, LogPosition
from gomq_storage.offset_index import MAX_RELATIVE_OFFSET
from gomq_storage.record import NewRecord, build_batch, encode_batch, encode_values
from tests.support.log_batches import batch_of, numbered, values_in, values_of, whole_batches
from tests.support.memory_files import MemoryFiles
from tests.support.small_log import SIZE, SMALL, filled, log_files, opened

RECORDS = 3


def test_an_empty_log_starts_and_ends_at_nothing(tmp_path: Path):
    log = Log.open(tmp_path)

    assert (log.log_start, log.log_end, log.size, log.end) == (0, 0, 0, LogPosition(0, 0, 0))
    assert log.read(0, max_bytes=100) is None
    assert log.find_timestamp(0) is None
    assert log.largest_timestamp() is None
    log.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        ".kafka_cleanshutdown", "00000000000000000000.index", "00000000000000000000.log",
        "00000000000000000000.snapshot", "00000000000000000000.timeindex",
        "leader-epoch-checkpoint", "recovery-point-offset-checkpoint",
    ]  # fmt: skip


def test_a_log_on_a_real_disk_is_read_as_it_was_written(tmp_path: Path):
    batches = [numbered(number, codec=list(Codec)[number % 5]) for number in range(30)]
    log = Log.open(tmp_path, SMALL)
    for batch in batches:
        log.append(batch)
    assert values_in(log) == values_of(*batches)
    log.close()

    again = Log.open(tmp_path, SMALL)

    assert values_in(again) == values_of(*batches)
    assert again.append(numbered(30)).base_offset == 30 * RECORDS
    again.close()


def test_every_batch_gets_the_offsets_behind_the_last():
    _, log = filled(0)

    landed = [log.append(batch_of(*[b"v"] * count)) for count in (1, 3, 2)]
    assert landed == [AppendResult(0, 0), AppendResult(1, 3), AppendResult(4, 5)]
    assert log.append(numbered(0), leader_epoch=7) == AppendResult(6, 8)
    found = log.read(6, max_bytes=1)
    assert found is not None
    assert read_header(found.read()).leader_epoch == 7


def test_a_leader_epoch_never_goes_back_and_stays_where_none_is_given():
    _, log = filled(1)
    log.append(numbered(1), leader_epoch=3)
    log.append(numbered(2))

    with pytest.raises(ValueError, match="leader epoch 2 behind 3"):
        log.append(numbered(3), leader_epoch=2)

    assert [header.leader_epoch for header, _ in whole_batches(log)] == [0, 3, 3]
    log.begin_epoch(5)
    log.begin_epoch(4)
    assert (log.epochs.entries, log.log_end) == ((EpochStart(0, 0), EpochStart(3, 3), EpochStart(5, 9)), 9)


def test_segments_are_named_by_their_first_offset_and_never_pass_their_size():
    files, log = filled(11)

    assert log_files(files) == [0, 12, 24]
    sizes = [len(data) for name, data in files.snapshot(files.root).items() if name.endswith(".log")]
    assert sizes == [4 * SIZE, 4 * SIZE, 3 * SIZE]
    assert log.size == sum(sizes) == 11 * SIZE
    assert log.end == LogPosition(33, 24, 3 * SIZE)


def test_a_batch_as_large_as_a_segment_has_one_to_itself():
    files, log = filled(1, LogConfig(segment_bytes=SIZE))
    log.append(numbered(1))
    with pytest.raises(BatchTooLargeError) as raised:
        log.append(numbered(2, size=21))

    assert raised.value.max_bytes == SIZE
    assert log_files(files) == [0, 3]
    assert log.log_end == 6


def test_a_batch_larger_than_a_message_may_be_is_refused():
    _, log = filled(1, LogConfig(max_message_bytes=SIZE))

    with pytest.raises(BatchTooLargeError) as raised:
        log.append(numbered(1, size=21))

    assert (raised.value.size, raised.value.max_bytes) == (SIZE + 3, SIZE)
    assert log.log_end == 3


def test_a_batch_with_offsets_beyond_the_index_begins_a_segment():
    _, log = filled(0, LogConfig())
    wide = build_batch(encode_values([b"v"]), record_count=1, base_timestamp=0, max_timestamp=0)
    header = read_header(wide)._replace(last_offset_delta=MAX_RELATIVE_OFFSET)

    log.append_checked(wide, header)
    log.append_checked(wide, header)

    assert log.end.segment_base_offset == MAX_RELATIVE_OFFSET + 1


@pytest.mark.parametrize("damage", [16, 30, HEADER_SIZE + 3])
def test_a_damaged_batch_is_refused_and_nothing_is_written(damage: int):
    files, log = filled(1)
    before = files.snapshot(files.root)
    batch = bytearray(numbered(1))
    batch[damage] ^= 0x40

    with pytest.raises(CorruptBatchError):
        log.append(batch)

    assert (files.snapshot(files.root), log.log_end) == (before, 3)


@settings(deadline=None)
@given(st.lists(st.integers(1, 4), min_size=1, max_size=12), st.integers(0, 600), st.integers(200, 700), st.data())
def test_a_read_from_any_offset_starts_with_the_whole_batch_that_holds_it(
    counts: list[int], interval: int, segment_bytes: int, data: st.DataObject
):
    files = MemoryFiles()
    log = opened(files, LogConfig(segment_bytes=segment_bytes, index_interval_bytes=interval))
    starts = [log.append(batch_of(*[b"v" * count] * count)).base_offset for count in counts]
    offset = data.draw(st.integers(0, log.log_end - 1), label="offset")
    max_bytes = data.draw(st.integers(0, 1000), label="max_bytes")
    holder = max(start for start in starts if start <= offset)

    found = log.read(offset, max_bytes=max_bytes)

    assert found is not None
    content = found.read()
    whole = [header for _, header in walk(content)]
    assert whole[0].base_offset == holder
    assert len(content) <= max(max_bytes, whole[0].size)
    assert [header.base_offset for header in whole] == [start for start in starts if start >= holder][: len(whole)]
    following = starts.index(whole[-1].base_offset) + 1
    end_of_segment = found.segment.size == found.position + found.size
    assert len(content) == max_bytes or end_of_segment or len(whole) == 1
    if following < len(starts) and end_of_segment:
        assert starts[following] >= found.segment.base_offset


def test_a_first_batch_that_is_too_large_is_returned_whole_or_cut_as_the_caller_likes():
    _, log = filled(2)

    whole = log.read(0, max_bytes=10)
    cut = log.read(0, max_bytes=10, at_least_one_batch=False)

    assert whole is not None
    assert cut is not None
    assert (whole.size, cut.size) == (SIZE, 10)
    assert log.read(0, max_bytes=0, at_least_one_batch=False) is None


@pytest.mark.parametrize("offset", [-1, 34, 2**62])
def test_an_offset_that_the_log_does_not_hold_is_out_of_range(offset: int):
    _, log = filled(11)

    with pytest.raises(OffsetOutOfRangeError) as raised:
        log.read(offset, max_bytes=100)

    assert (raised.value.offset, raised.value.log_start, raised.value.log_end) == (offset, 0, 33)


def test_nothing_is_deleted_or_cut_off_at_an_offset_that_the_log_does_not_have():
    _, log = filled(11)
    log.delete_records(5)

    for offset, remove in ((34, log.delete_records), (34, log.truncate), (4, log.truncate)):
        with pytest.raises(OffsetOutOfRangeError) as raised:
            remove(offset)
        assert (raised.value.offset, raised.value.log_start, raised.value.log_end) == (offset, 5, 33)
    assert (log.log_start, log.log_end) == (5, 33)


def test_nothing_at_or_behind_the_limit_is_read():
    files, log = filled(0)
    ends = [log.end]
    for number in range(9):
        log.append(numbered(number))
        ends.append(log.end)

    for upto in ends:
        offset, values = 0, []
        while (found := log.read(offset, max_bytes=10_000, upto=upto)) is not None:
            values += values_of(found.read())
            offset = [header for _, header in walk(found.read())][-1].next_offset
        assert values == values_of(*[numbered(number) for number in range(upto.offset // RECORDS)])
        assert offset == upto.offset
    assert len(log_files(files)) > 2


def test_a_range_to_be_sent_holds_what_is_read_and_survives_the_log():
    _, log = filled(3)
    found = log.read(3, max_bytes=10_000)
    assert found is not None
    content = found.read()

    part = found.open_range()
    log.close()

    assert part.read() == content
    part.close()


timestamps = st.lists(st.lists(st.integers(0, 30), min_size=1, max_size=3), min_size=1, max_size=15)


@settings(deadline=None)
@given(timestamps, st.integers(0, 400), st.booleans())
def test_the_first_record_at_or_after_a_time_is_found_across_segments(
    times: list[list[int]], interval: int, reopen: bool
):
    files = MemoryFiles()
    config = LogConfig(segment_bytes=300, index_interval_bytes=interval)
    log = opened(files, config)
    for each in times:
        log.append(encode_batch([NewRecord(b"v" * 20, timestamp=time) for time in each], now_ms=0))
    if reopen:
        log.close()
        log = opened(files, config)
    flat = [time for each in times for time in each]

    for timestamp in range(-1, 32):
        expected = next(((time, offset) for offset, time in enumerate(flat) if time >= timestamp), None)
        # Among segments the first is taken that has such a time; within it, the first record.
        assert log.find_timestamp(timestamp) == expected
    assert log.largest_timestamp() == (max(flat), flat.index(max(flat)))


def test_only_segments_that_follow_each_other_in_the_log_are_replaced():
    _, log = filled(14)
    before = log.segments
    first, _, third, active = before

    for old in ((first, third), (third, first), (active, first)):
        with pytest.raises(ValueError, match="no run of the log's"):
            log.replace_segments(old, [first])

    assert log.segments == before
    assert not log.may_have_gaps


def test_a_roll_on_request_begins_a_segment_unless_the_last_is_empty():
    files, log = filled(1)

    assert log.roll().base_offset == 3
    assert log.roll().base_offset == 3
    assert log_files(files) == [0, 3]
    log.append(numbered(1))

    assert values_in(log) == values_of(numbered(0), numbered(1))
