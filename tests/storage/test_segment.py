"""One segment: batches behind each other, found by offset and by time through indexes that may be wrong."""

import errno
from collections.abc import Sequence

import pytest
from hypothesis import given, settings, strategies as st

from gomq_storage import offset_index, time_index
from gomq_storage.batch import check_batch, read_header, walk
from gomq_storage.config import LogConfig
from gomq_storage.errors import CorruptBatchError, LogOfflineError
from gomq_storage.record import NewRecord, encode_batch
from gomq_storage.segment import Segment
from gomq_storage.segment_scan import is_sound, rebuild_indexes
from gomq_storage.time_index import TimestampOffset
from tests.support.log_batches import NOW, batch_of
from tests.support.memory_files import MemoryFiles

BASE = 100
SPARSE = LogConfig(index_interval_bytes=300)
FILES = ("00000000000000000100.log", "00000000000000000100.index", "00000000000000000100.timeindex")


def new_segment(files: MemoryFiles) -> Segment:
    return Segment.open(files, files.root, BASE, create=True)


def fill(segment: Segment, batches: Sequence[bytes], *, config: LogConfig = SPARSE) -> None:
    offset = BASE
    for batch in batches:
        header = check_batch(batch)
        segment.append(batch, header, base_offset=offset, leader_epoch=0, config=config)
        offset += header.last_offset_delta + 1


def filled(count: int = 40, *, config: LogConfig = SPARSE) -> tuple[MemoryFiles, Segment]:
    files = MemoryFiles()
    segment = new_segment(files)
    fill(segment, [batch_of(b"a", b"b", timestamp=NOW + 10 * number) for number in range(count)], config=config)
    return files, segment


def test_a_segment_is_three_files_named_by_its_first_offset():
    files, _ = filled(0)

    assert tuple(sorted(files.names(files.root), key=len)) == tuple(sorted(FILES, key=len))


def test_an_index_has_an_entry_once_more_than_the_interval_has_been_written():
    files, segment = filled(40)
    size = len(batch_of(b"a", b"b"))
    every = 300 // size + 1
    segment.flush_indexes()

    entries = list(offset_index.ENTRY.iter_unpack(files.content(files.root / FILES[1])))
    times = list(time_index.ENTRY.iter_unpack(files.content(files.root / FILES[2])))

    indexed = list(range(every, 40, every))
    assert entries == [(2 * number + 1, size * number) for number in indexed]
    assert times == [(NOW + 10 * number + 1, 2 * number + 1) for number in indexed]
    segment.seal()
    assert len(segment.time_index) == len(times) + 1
    assert segment.time_index.last == TimestampOffset(NOW + 10 * 39 + 1, BASE + 79)


def test_the_log_file_is_the_batches_with_offset_and_epoch_stamped():
    files = MemoryFiles()
    segment = new_segment(files)
    batches = [batch_of(b"x"), batch_of(b"y", b"z")]
    fill(segment, batches)

    content = files.content(files.root / FILES[0])

    assert [(header.base_offset, header.leader_epoch) for _, header in walk(content)] == [(100, 0), (101, 0)]
    first = len(batches[0])
    assert (content[16:first], content[first + 16 :]) == (batches[0][16:], batches[1][16:])


def test_bytes_behind_the_batch_are_not_written():
    files = MemoryFiles()
    fill(new_segment(files), [batch_of(b"x") + b"garbage"])

    assert len(files.content(files.root / FILES[0])) == len(batch_of(b"x"))


@settings(deadline=None)
@given(st.lists(st.integers(1, 5), min_size=1, max_size=30), st.integers(0, 500), st.data())
def test_an_offset_is_found_in_the_batch_that_holds_it(counts: list[int], interval: int, data: st.DataObject):
    segment = new_segment(MemoryFiles())
    fill(segment, [batch_of(*[b"v"] * count) for count in counts], config=LogConfig(index_interval_bytes=interval))
    where = [
        (offset, header.base_offset, position, header.size)
        for position, header in segment.headers()
        for offset in range(header.base_offset, header.next_offset)
    ]
    offset, base_offset, position, size = data.draw(st.sampled_from([where[0], where[-1], *where]))

    assert segment.find(offset) == ((base_offset, position), size)
    assert segment.find(BASE + sum(counts)) is None
    assert segment.find(BASE - 1) == ((BASE, 0), where[0][3])


def test_the_batch_appended_last_is_found_without_a_look_at_those_before_it():
    config = LogConfig(index_interval_bytes=1 << 20)
    files, segment = filled(40, config=config)
    size = len(batch_of(b"a", b"b"))
    files.open(files.root / FILES[0]).write(0, [bytes(39 * size)])

    assert segment.find(BASE + 78) == segment.find(BASE + 79) == ((BASE + 78, 39 * size), size)
    assert segment.find(BASE + 80) is None
    with pytest.raises(CorruptBatchError):
        segment.find(BASE + 77)


def test_what_was_cut_off_is_not_found_where_it_was():
    _, segment = filled(40)
    size = len(batch_of(b"a", b"b"))
    segment.cut(38 * size)
    segment.cut_indexes(BASE + 76)

    assert segment.find(BASE + 78) is None
    longer = batch_of(b"a", b"b", b"c" * 100, timestamp=NOW)
    segment.append(longer, check_batch(longer), base_offset=BASE + 76, leader_epoch=0, config=SPARSE)
    assert segment.find(BASE + 78) == ((BASE + 76, 38 * size), len(longer))


@settings(deadline=None)
@given(st.binary(max_size=80) | st.just(bytes(80)), st.binary(max_size=120) | st.just(bytes(120)))
def test_with_any_bytes_in_the_indexes_offsets_and_times_are_found_all_the_same(offsets: bytes, times: bytes):
    files, sound = filled(40)
    sound.seal()
    files.put(files.root / FILES[1], offsets)
    files.put(files.root / FILES[2], times)
    segment = Segment.open(files, files.root, BASE)

    for number in (0, 7, 8, 20, 39):
        assert segment.find(BASE + 2 * number) == sound.find(BASE + 2 * number)
    if not is_sound(segment, BASE + 80, SPARSE, may_have_gaps=False):  # which a log sees to
        rebuild_indexes(segment, BASE + 80, SPARSE, may_have_gaps=False)
    for number in (0, 7, 8, 20, 39):
        assert segment.find_timestamp(NOW + 10 * number) == (NOW + 10 * number, BASE + 2 * number)
    assert segment.find(BASE + 80) is None


def test_an_entry_that_points_behind_its_offset_is_refuted():
    files, sound = filled(40)
    size = len(batch_of(b"a", b"b"))
    files.put(files.root / FILES[1], offset_index.ENTRY.pack(5, 30 * size))
    segment = Segment.open(files, files.root, BASE)

    for number in range(40):
        assert segment.find(BASE + 2 * number) == sound.find(BASE + 2 * number)


def find_slowly(batches: Sequence[bytes], timestamp: int) -> TimestampOffset | None:
    offset = BASE
    for batch in batches:
        for delta in range(read_header(batch).record_count):
            if (time := TIMES[batch][delta]) >= timestamp:
                return TimestampOffset(time, offset + delta)
        offset += read_header(batch).record_count
    return None


TIMES: dict[bytes, list[int]] = {}


def timed(times: list[int]) -> bytes:
    batch = encode_batch([NewRecord(b"v" * 60, timestamp=time) for time in times], now_ms=0)
    TIMES[batch] = times
    return batch


times_of_batches = st.lists(st.lists(st.integers(-1, 40), min_size=1, max_size=4), min_size=1, max_size=25)


@settings(deadline=None)
@given(times_of_batches, st.integers(0, 400), st.integers(-3, 42))
def test_the_first_record_at_or_after_a_time_is_found_in_whatever_order_they_are(
    times: list[list[int]], interval: int, timestamp: int
):
    segment = new_segment(MemoryFiles())
    batches = list(map(timed, times))
    fill(segment, batches, config=LogConfig(index_interval_bytes=interval))

    assert segment.find_timestamp(timestamp) == find_slowly(batches, timestamp)
    assert segment.largest.timestamp == max(max(each) for each in times)


def test_a_batch_that_says_a_larger_time_than_its_records_have_is_passed_over():
    segment = new_segment(MemoryFiles())
    liar = bytearray(batch_of(b"x", timestamp=5))
    liar[35:43] = (1000).to_bytes(8, "big")
    header = read_header(liar)
    segment.append(liar, header, base_offset=BASE, leader_epoch=0, config=SPARSE)
    honest = batch_of(b"y", timestamp=50)
    segment.append(honest, check_batch(honest), base_offset=101, leader_epoch=0, config=SPARSE)

    assert segment.find_timestamp(20) == (50, 101)
    assert segment.find_timestamp(900) is None


@pytest.mark.parametrize("position", [0, 5])
def test_headers_stop_at_damage_and_say_where(position: int):
    files, segment = filled(10)
    size = len(batch_of(b"a", b"b"))
    files.open(segment.path).write(position * size + 16, [b"\x07"])

    with pytest.raises(CorruptBatchError) as raised:
        list(segment.headers())

    assert (raised.value.position, raised.value.path) == (position * size, segment.path)


def test_a_batch_that_is_longer_than_its_file_is_damage():
    files, segment = filled(3)
    files.open(segment.path).write(8, [(2**31 - 1).to_bytes(4, "big")])

    with pytest.raises(CorruptBatchError, match="longer than the file"):
        segment.find(BASE)


def test_a_file_that_somebody_cuts_is_damage_and_no_endless_search():
    files, segment = filled(10)
    files.open(segment.path).truncate(segment.size - 10)
    files.open(segment.path).truncate(segment.size - 400)

    with pytest.raises(CorruptBatchError):
        segment.find(BASE + 19)


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO, errno.EFBIG])
@pytest.mark.parametrize("seed", range(6))
def test_a_failed_write_leaves_the_segment_as_it_was(error: int, seed: int):
    files = MemoryFiles(seed=seed)
    segment = new_segment(files)
    fill(segment, [batch_of(b"a")] * 5)
    before = files.snapshot(files.root)
    files.fail_call(files.calls, error=error)

    with pytest.raises(OSError, match=r"error|space|large"):
        segment.append(batch_of(b"b"), check_batch(batch_of(b"b")), base_offset=105, leader_epoch=0, config=SPARSE)

    assert files.snapshot(files.root) == before
    assert segment.find(105) is None
    segment.append(batch_of(b"c"), check_batch(batch_of(b"c")), base_offset=105, leader_epoch=0, config=SPARSE)
    assert segment.find(105) is not None


def test_a_failed_write_that_cannot_be_undone_says_that_the_log_is_offline():
    files, segment = filled(5)
    files.fail_call(files.calls, forever=True)

    with pytest.raises(LogOfflineError, match="write failed"):
        segment.append(batch_of(b"b"), check_batch(batch_of(b"b")), base_offset=110, leader_epoch=0, config=SPARSE)


def test_an_index_that_cannot_be_written_costs_no_batch_and_is_written_later():
    files = MemoryFiles()
    segment = new_segment(files)
    files.fail_when(
        lambda _, name, path: OSError(errno.ENOSPC, "full") if name == "write" and path.suffix != ".log" else None
    )
    fill(segment, [batch_of(b"a", b"b", timestamp=NOW + 10 * number) for number in range(20)])
    segment.seal()

    assert segment.largest == (NOW + 191, BASE + 39)
    assert segment.find_timestamp(NOW + 100) == (NOW + 100, BASE + 20)
    files.fail_when(None)
    header = check_batch(batch_of(b"a"))
    segment.append(batch_of(b"a"), header, base_offset=BASE + 40, leader_epoch=0, config=SPARSE)
    segment.seal()

    assert is_sound(Segment.open(files, files.root, BASE), BASE + 41, SPARSE, may_have_gaps=False)


@pytest.mark.parametrize("failing", [0, 1, 2])
def test_a_segment_that_cannot_be_opened_leaves_no_file_open(failing: int):
    files, _ = filled(1)
    opened = []
    open_file = files.open

    def noting_open(*args, **options):
        opened.append(open_file(*args, **options))
        return opened[-1]

    files.open = noting_open  # type: ignore[method-assign]
    files.fail_call(files.calls + failing, error=errno.EMFILE)

    with pytest.raises(OSError, match="Too many open files"):
        Segment.open(files, files.root, BASE, create=True)

    assert len(opened) == failing
    for file in opened:
        with pytest.raises(OSError, match="Bad file descriptor"):
            file.size()
