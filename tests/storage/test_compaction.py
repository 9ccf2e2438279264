"""The two passes over a log's files: what they leave is what a model leaves, and a failure leaves nothing behind."""

import errno
from collections.abc import Callable
from contextlib import suppress

import pytest
from crc32c import crc32c
from hypothesis import given, settings, strategies as st

from gomq_storage import compaction
from gomq_storage.batch import ATTRIBUTES_POSITION, HEADER, HEADER_SIZE, BatchHeader, check_batch
from gomq_storage.compaction import CompactionStoppedError, Pace, build_map, clean_group
from gomq_storage.compression import Codec
from gomq_storage.config import LogConfig
from gomq_storage.errors import CorruptBatchError
from gomq_storage.key_map import KEY_BYTES, KeyMap
from gomq_storage.layout import CLEANED_SUFFIX
from gomq_storage.record import NewRecord, Record, decode_batch, encode_batch
from gomq_storage.segment import Segment
from gomq_storage.survivors import Survivors
from gomq_storage.swap import replace
from tests.support.log_batches import NOW
from tests.support.memory_files import MemoryFiles

CONFIG = LogConfig(index_interval_bytes=100)
TRANSACTIONAL, CONTROL = 0b1_0000, 0b10_0000


def keyed(*pairs: tuple[bytes | None, bytes | None], codec: Codec = Codec.NONE) -> bytes:
    return encode_batch([NewRecord(value, key) for key, value in pairs], now_ms=NOW, codec=codec)


class SmallLog:
    """Sealed segments, one behind the other."""

    def __init__(self, *segments: list[bytes]) -> None:
        self.files = MemoryFiles()
        self.segments: list[Segment] = []
        self.end = 0
        for batches in segments:
            self.add(batches)

    def add(self, batches: list[bytes], *, attributes: int = 0) -> None:
        segment = Segment.open(self.files, self.files.root, self.end, create=True)
        for batch in batches:
            header = check_batch(batch)
            segment.append(batch, header, base_offset=self.end, leader_epoch=4, config=CONFIG)
            self.end += header.last_offset_delta + 1
        segment.seal()
        segment.sync()
        self.segments.append(segment)
        if attributes:
            rewrite_attributes(segment, attributes)

    def map(self, *, first_dirty: int = 0, keys: int = 1000) -> KeyMap:
        key_map = KeyMap(keys * KEY_BYTES)
        end = build_map(self.segments, first_dirty=first_dirty, upto=self.end, key_map=key_map, pace=no_break)
        assert end == key_map.end
        return key_map

    def clean(
        self,
        key_map: KeyMap,
        *,
        now_ms: int = NOW,
        is_last_of_producer: Callable[[BatchHeader], bool] = lambda _: False,
        pace: Callable[[int], None] = lambda _: None,
    ) -> Segment:
        return clean_group(
            self.files,
            self.files.root,
            self.segments,
            survivors=Survivors(key_map, now_ms=now_ms, delete_retention_ms=1000, pace=pace),
            is_last_of_producer=is_last_of_producer,
            config=CONFIG,
        )

    def compact(self, key_map: KeyMap, *, now_ms: int = NOW) -> None:
        cleaned = self.clean(key_map, now_ms=now_ms)
        replace(self.files, self.files.root, cleaned, self.segments)
        self.segments = [cleaned]

    def names(self) -> list[str]:
        return [name for name in self.files.names(self.files.root) if CLEANED_SUFFIX in name]


def no_break(_: int) -> None:
    """Go on."""


def rewrite_attributes(segment: Segment, attributes: int) -> None:
    """Make all batches those of a transaction, or its markers."""
    parts: list[bytes] = []
    for header, batch in batches_in(segment):
        changed = header._replace(attributes=attributes)
        crc = crc32c(batch[HEADER_SIZE:], crc32c(HEADER.pack(*changed)[ATTRIBUTES_POSITION:]))
        parts += (HEADER.pack(*changed._replace(crc=crc)), batch[HEADER_SIZE:])
    segment._log.write(0, parts)


def batches_in(segment: Segment) -> list[tuple[BatchHeader, bytes]]:
    return [(header, segment.read(position, header.size)) for position, header in segment.headers()]


def records_in(*segments: Segment) -> list[Record]:
    return [
        record
        for segment in segments
        for header, batch in batches_in(segment)
        for record in decode_batch(batch, check_batch(batch))
    ]


A1, A2, B1 = keyed((b"a", b"1")), keyed((b"a", b"2")), keyed((b"b", b"1"))


def test_the_map_holds_the_latest_offsets_of_the_dirty_part():
    log = SmallLog([A1, B1], [A2, keyed((None, b"x"), (b"c", None))])

    assert [log.map().latest(key) for key in (b"a", b"b", b"c", b"d")] == [2, 1, 4, -1]
    assert [log.map(first_dirty=2).latest(key) for key in (b"a", b"b", b"c")] == [2, -1, 4]


def test_a_map_begins_and_ends_within_a_batch():
    log = SmallLog([keyed(*[(b"%d" % number, b"") for number in range(10)])])

    key_map = log.map(first_dirty=3, keys=4)

    assert (key_map.end, key_map.is_full) == (7, True)
    assert [key_map.latest(b"%d" % number) for number in range(10)] == [-1, -1, -1, 3, 4, 5, 6, -1, -1, -1]


def test_a_map_says_nothing_of_what_is_not_to_be_compacted():
    log = SmallLog([A1], [A2])
    key_map = KeyMap(1 << 20)

    assert build_map(log.segments, first_dirty=0, upto=1, key_map=key_map, pace=no_break) == 1
    assert key_map.latest(b"a") == 0


@pytest.mark.parametrize("attributes", [TRANSACTIONAL, CONTROL, TRANSACTIONAL | CONTROL])
def test_a_map_ends_in_front_of_the_first_transaction(attributes: int):
    log = SmallLog([A1])
    log.add([A2], attributes=attributes)
    log.add([B1])

    key_map = log.map()

    assert (key_map.end, len(key_map)) == (1, 1)
    assert log.map(first_dirty=1).end == 1


def test_survivors_of_several_segments_are_one_segment_on_the_device():
    log = SmallLog([A1, B1], [A2, keyed((b"c", None), codec=Codec.LZ4)])
    wanted = [record for record in records_in(*log.segments) if record.offset > 0]

    cleaned = log.clean(log.map())

    assert records_in(cleaned) == wanted
    assert [header.leader_epoch for header, _ in batches_in(cleaned)] == [4, 4, 4]
    assert cleaned.largest.timestamp == NOW
    log.files.sync_directory(log.files.root)
    after = log.files.crash().snapshot(log.files.root)
    assert {name: after[name] for name in log.names()} == {
        name: log.files.content(log.files.root / name) for name in log.names()
    }
    assert len(log.names()) == 3


def test_the_last_batch_stays_without_records_so_that_the_segment_ends_where_it_did():
    log = SmallLog([A1, B1], [A1, A1])
    newer = KeyMap(1 << 20)
    newer.put(b"a", 100)
    newer.end = 101

    cleaned = log.clean(newer)

    headers = [header for header, _ in batches_in(cleaned)]
    assert [(header.base_offset, header.record_count) for header in headers] == [(1, 1), (3, 0)]
    assert (cleaned.base_offset, headers[-1].next_offset) == (0, log.end)
    assert cleaned.size == len(B1) + HEADER_SIZE


def test_the_last_batch_of_a_producer_stays_without_records():
    log = SmallLog([A1, A1, A2])

    cleaned = log.clean(log.map(), is_last_of_producer=lambda header: header.base_offset == 1)

    counts = [(header.base_offset, header.record_count) for header, _ in batches_in(cleaned)]
    assert counts == [(1, 0), (2, 1)]


def test_empty_segments_at_the_end_make_no_difference():
    log = SmallLog([A1, A1])
    log.segments.append(Segment.open(log.files, log.files.root, 2, create=True))

    assert [header.base_offset for header, _ in batches_in(log.clean(log.map()))] == [1]


def test_what_an_earlier_compaction_left_is_not_in_the_way():
    log = SmallLog([A1, A2])
    for suffix in (".log", ".index", ".timeindex", ".txnindex"):
        log.files.put(log.files.root / f"00000000000000000000{suffix}{CLEANED_SUFFIX}", b"junk" * 100)

    assert [record.value for record in records_in(log.clean(log.map()))] == [b"2"]
    assert len(log.names()) == 3


@pytest.mark.parametrize("chunk_bytes", [1, 61, 100, 150, 10_000])
def test_batches_are_read_whatever_the_size_of_a_chunk(chunk_bytes: int, monkeypatch: pytest.MonkeyPatch):
    log = SmallLog([keyed((b"%d" % number, b"x" * number)) for number in range(100)])
    monkeypatch.setattr(compaction, "_CHUNK_BYTES", max(chunk_bytes, HEADER_SIZE))
    monkeypatch.setattr(compaction, "_SYNC_BYTES", 1000)

    assert records_in(log.clean(log.map())) == records_in(*log.segments)


def test_a_damaged_batch_is_refused_by_both_passes_with_nothing_left_behind():
    log = SmallLog([A1, B1, A2])
    sound = log.map()
    damaged = bytearray(log.segments[0].read(0, log.segments[0].size))
    damaged[-2] ^= 1
    log.segments[0]._log.write(0, [damaged])

    for attempt in (log.map, lambda: log.clean(sound)):
        with pytest.raises(CorruptBatchError) as caught:
            attempt()
        assert (caught.value.path, caught.value.position) == (log.segments[0].path, len(A1) + len(B1))
    assert log.names() == []


def test_a_batch_that_lies_about_its_size_is_not_read(monkeypatch: pytest.MonkeyPatch):
    log = SmallLog([A1])
    monkeypatch.setattr(compaction, "MAX_BATCH_BYTES", len(A1) - 1)

    with pytest.raises(CorruptBatchError, match=f"batch of {len(A1)} bytes"):
        log.map()


def test_any_call_may_fail_and_the_log_is_as_it_was():
    reference = SmallLog([A1, B1, A2])
    start = reference.files.calls
    reference.clean(reference.map())
    for call in range(start, reference.files.calls):
        log = SmallLog([A1, B1, A2])
        before = log.files.snapshot(log.files.root)
        log.files.fail_call(call, error=errno.ENOSPC)
        with suppress(OSError):
            log.clean(log.map()).remove(log.files)
        assert log.files.snapshot(log.files.root) == before
        log.files.fail_when(None)
        assert [record.value for record in records_in(log.clean(log.map()))] == [b"1", b"2"]


def test_a_copy_that_cannot_even_be_cut_off_takes_nothing_else_with_it():
    log = SmallLog([A1, B1])
    key_map = log.map()
    before = log.files.snapshot(log.files.root)
    log.files.fail_when(lambda _call, name, _path: OSError(28, "full") if name in {"write", "truncate"} else None)

    with pytest.raises(OSError, match="full"):
        log.clean(key_map)

    assert log.files.snapshot(log.files.root) == before


def test_a_compaction_that_is_stopped_leaves_nothing_behind():
    log = SmallLog([A1, B1, A2])
    key_map, calls = log.map(), 0

    def stop_at_the_second() -> bool:
        nonlocal calls
        calls += 1
        return calls > 1

    with pytest.raises(CompactionStoppedError):
        log.clean(key_map, pace=Pace(should_stop=stop_at_the_second))

    assert log.names() == []


class Time:
    """A clock that moves when somebody works or sleeps."""

    def __init__(self) -> None:
        self.now = 100.0
        self.slept: list[float] = []

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.slept.append(seconds)
        self.now += seconds


def test_only_a_share_of_the_time_is_worked():
    time = Time()
    pace = Pace(share=0.25, slice_seconds=0.001, clock=time.clock, sleep=time.sleep)
    for _ in range(1000):
        time.now += 0.0004
        pace(10**9)

    assert 0.24 < 0.4 / (time.now - 100) < 0.26
    assert len(time.slept) == 1000 // 3


def test_no_more_bytes_a_second_than_allowed_and_time_lost_is_not_made_good():
    time = Time()
    pace = Pace(max_bytes_per_second=1000, share=1.0, clock=time.clock, sleep=time.sleep)
    for _ in range(100):
        pace(100)
    assert time.now - 100 == pytest.approx(10, abs=0.01)

    time.now += 50
    pace(0)
    before = time.now
    for _ in range(100):
        pace(100)
    assert time.now - before == pytest.approx(10, abs=0.01)


def test_a_long_break_ends_when_it_is_told_to_stop():
    time = Time()
    pace = Pace(max_bytes_per_second=1, clock=time.clock, sleep=time.sleep, should_stop=lambda: time.now > 101)

    with pytest.raises(CompactionStoppedError, match="was stopped"):
        pace(1000)

    assert time.now < 101.2


@pytest.mark.parametrize("bad", [{"share": 0.0}, {"share": 1.1}, {"max_bytes_per_second": 0}])
def test_a_pace_must_let_something_through(bad: dict[str, float]):
    with pytest.raises(ValueError, match="must be above 0"):
        Pace(**bad)  # type: ignore[arg-type]


PAIRS = st.tuples(st.sampled_from([b"a", b"b", b"c", b"d"]), st.none() | st.binary(max_size=3))
SEGMENTS = st.lists(st.lists(st.lists(PAIRS, min_size=1, max_size=5), min_size=1, max_size=4), min_size=1, max_size=3)


@settings(max_examples=60, deadline=None)
@given(st.lists(SEGMENTS, min_size=1, max_size=3), st.sampled_from(Codec), st.integers(1, 4), st.booleans())
def test_whoever_reads_the_log_from_its_start_ends_up_with_the_same_values(
    rounds: list[list[list[list[tuple[bytes, bytes | None]]]]], codec: Codec, keys: int, expires: bool
):
    log = SmallLog()
    table: dict[bytes, bytes] = {}
    first_dirty, now_ms = 0, NOW
    for segments in rounds:
        for batches in segments:
            log.add([keyed(*pairs, codec=codec) for pairs in batches])
            for key, value in (pair for pairs in batches for pair in pairs):
                table[key] = value or b""
                if value is None:
                    del table[key]
        while first_dirty < log.end:
            key_map = log.map(first_dirty=first_dirty, keys=keys)
            assert key_map.end > first_dirty
            log.compact(key_map, now_ms=now_ms)
            first_dirty = key_map.end
            now_ms += 2000 if expires else 0

        records = records_in(*log.segments)
        read: dict[bytes, bytes] = {}
        for record in records:
            assert record.key is not None
            read[record.key] = record.value or b""
            if record.value is None:
                del read[record.key]
        assert read == table
        assert len(records) == len({record.key for record in records})
        assert batches_in(log.segments[-1])[-1][0].next_offset == log.end
