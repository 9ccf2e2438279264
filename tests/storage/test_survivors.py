"""What compaction leaves of one batch, compared with a naive model of Kafka's rules."""

from dataclasses import dataclass

import pytest
from crc32c import crc32c
from hypothesis import example, given, strategies as st

from gomq_storage.batch import ATTRIBUTES_POSITION, HEADER, HEADER_SIZE, BatchHeader, check_batch
from gomq_storage.compression import Codec
from gomq_storage.errors import CorruptBatchError, DecompressedTooLargeError
from gomq_storage.key_map import KeyMap
from gomq_storage.record import NewRecord, Record, build_batch, decode_batch, encode_batch, encode_records
from gomq_storage.survivors import RUN_RECORDS, Survivors
from tests.support.log_batches import NOW

BASE = 1000
RETENTION_MS = 500
LOG_APPEND_TIME = 0b1000
CONTROL = 0b10_0000
HORIZON = 0b100_0000


def with_header(batch: bytes, **fields: int) -> bytes:
    """Change fields of a batch's header, and make its CRC right."""
    header = check_batch(batch)._replace(**fields)
    crc = crc32c(batch[HEADER_SIZE:], crc32c(HEADER.pack(*header)[ATTRIBUTES_POSITION:]))
    return HEADER.pack(*header._replace(crc=crc)) + batch[HEADER_SIZE:]


def at(records: list[NewRecord], *, codec: Codec = Codec.NONE, attributes: int = 0, **fields: int) -> bytes:
    batch = encode_batch(records, now_ms=NOW, codec=codec)
    return with_header(batch, base_offset=BASE, attributes=attributes | codec, **fields)


def map_of(latest: dict[bytes, int], *, end: int = BASE + 1000) -> KeyMap:
    key_map = KeyMap(1 << 20)
    for key, offset in latest.items():
        key_map.put(key, offset)
    key_map.end = end
    return key_map


def survivors(key_map: KeyMap, *, now_ms: int = NOW) -> Survivors:
    return Survivors(key_map, now_ms=now_ms, delete_retention_ms=RETENTION_MS)


def left_of(batch: bytes, key_map: KeyMap, *, now_ms: int = NOW, keep: bool = False) -> tuple[BatchHeader, bytes]:
    """Filter a batch of which something stays, whose CRC must be right."""
    header = check_batch(batch)
    kept = survivors(key_map, now_ms=now_ms).of(batch, header, keep_if_empty=keep)
    assert kept is not None
    assert kept[1] == check_batch(bytes(kept[0]))
    assert kept[1].size == len(kept[0])
    return kept[1], bytes(kept[0])


def keyed(*pairs: tuple[bytes | None, bytes | None]) -> list[NewRecord]:
    return [NewRecord(value, key, (("h", b"x"),), NOW + 10 * number) for number, (key, value) in enumerate(pairs)]


def test_of_each_key_the_latest_record_stays_with_its_offset_and_time():
    batch = at(keyed((b"a", b"1"), (b"b", b"2"), (b"a", b"3"), (b"c", b"4")), producer_id=7, producer_epoch=2)
    before = decode_batch(batch, check_batch(batch))

    header, left = left_of(batch, map_of({b"a": BASE + 2, b"b": BASE + 1, b"c": BASE + 900}))

    assert decode_batch(left, header) == [before[1], before[2]]
    was = check_batch(batch)
    assert (header.base_offset, header.last_offset) == (was.base_offset, was.last_offset)
    assert (header.record_count, header.max_timestamp) == (2, NOW + 20)
    same = was._replace(length=header.length, crc=header.crc, record_count=2, max_timestamp=NOW + 20)
    assert header == same


def test_a_batch_of_which_all_stays_is_the_very_same_object():
    batch = at(keyed((b"a", b"1"), (b"b", b"2")), codec=Codec.ZSTD)
    header = check_batch(batch)

    kept = survivors(map_of({b"a": BASE, b"b": BASE + 1})).of(batch, header, keep_if_empty=False)

    assert kept is not None
    assert kept[0] is batch
    assert kept[1] is header


def test_a_batch_of_which_nothing_stays_is_gone_unless_its_header_is_wanted():
    batch = at(keyed((b"a", b"1")), codec=Codec.GZIP, producer_id=7, base_sequence=5, producer_epoch=1, leader_epoch=3)
    key_map = map_of({b"a": BASE + 10})

    assert survivors(key_map).of(batch, check_batch(batch), keep_if_empty=False) is None

    header, left = left_of(batch, key_map, keep=True)
    assert len(left) == HEADER_SIZE
    assert (header.record_count, header.base_timestamp, header.attributes) == (0, -1, 0)
    assert (header.base_offset, header.last_offset_delta, header.max_timestamp) == (BASE, 0, NOW)
    assert (header.producer_id, header.producer_epoch, header.base_sequence, header.leader_epoch) == (7, 1, 5, 3)


def test_a_batch_without_records_stays_or_goes_as_it_is_wanted():
    _, empty = left_of(at(keyed((b"a", b"1"))), map_of({b"a": BASE + 10}), keep=True)

    assert left_of(empty, map_of({}), keep=True)[1] is empty
    assert survivors(map_of({})).of(empty, check_batch(empty), keep_if_empty=False) is None


def test_what_lies_behind_the_maps_end_stays_untouched_even_without_a_key():
    batch = at(keyed((b"a", b"1"), (None, b"2"), (b"a", b"3"), (None, b"4")))
    header, left = left_of(batch, map_of({b"a": BASE + 900}, end=BASE + 2))

    assert [record.value for record in decode_batch(left, header)] == [b"3", b"4"]
    assert left_of(batch, map_of({b"a": BASE + 900}, end=BASE))[1] is batch


def test_a_tombstone_stays_until_the_horizon_that_the_first_pass_wrote():
    batch = at(keyed((b"a", None), (b"b", b"2"), (b"c", b"3")))
    key_map = map_of({b"a": BASE, b"b": BASE + 1, b"c": BASE + 900})
    before = decode_batch(batch, check_batch(batch))

    header, first = left_of(batch, key_map)
    assert header.delete_horizon_ms == NOW + RETENTION_MS
    assert header.attributes == HORIZON
    assert decode_batch(first, header) == before[:2]
    assert header.max_timestamp == NOW + 10

    assert left_of(first, key_map, now_ms=NOW + RETENTION_MS - 1)[1] is first

    header, last = left_of(first, key_map, now_ms=NOW + RETENTION_MS)
    assert decode_batch(last, header) == before[1:2]
    assert header.delete_horizon_ms == NOW + RETENTION_MS


def test_a_tombstone_that_a_newer_record_replaces_is_gone_at_once_and_leaves_no_horizon():
    batch = at(keyed((b"a", None), (b"b", b"2")))

    header, _ = left_of(batch, map_of({b"a": BASE + 10}))

    assert (header.delete_horizon_ms, header.record_count) == (None, 1)


def test_a_marker_of_a_transaction_stays_as_it_is():
    batch = at(keyed((b"a", b"1")), attributes=CONTROL)

    assert left_of(batch, map_of({b"a": BASE + 10}))[1] is batch


def test_times_that_the_broker_set_stay_the_brokers():
    batch = at(keyed((b"a", None), (b"b", b"2")), attributes=LOG_APPEND_TIME, max_timestamp=NOW + 99)

    header, left = left_of(batch, map_of({b"b": BASE + 900}))

    assert header.max_timestamp == NOW + 99
    assert [record.timestamp for record in decode_batch(left, header)] == [NOW + 99]
    assert header.is_log_append_time


def test_records_without_a_time_have_none_afterwards():
    records = encode_records(
        [NewRecord(None, b"a", timestamp=-1), NewRecord(b"", b"b", timestamp=-1)], base_timestamp=-1
    )
    batch = build_batch(records, record_count=2, base_timestamp=-1, max_timestamp=-1)

    header, left = left_of(batch, map_of({b"b": 900}))

    assert header.max_timestamp == -1
    assert [record.timestamp for record in decode_batch(left, header)] == [-1]


def test_records_that_are_none_are_refused():
    batch = build_batch(b"\x00" * 8, record_count=1, base_timestamp=0, max_timestamp=0)

    with pytest.raises(CorruptBatchError):
        left_of(batch, map_of({}))


def test_records_that_would_take_too_much_memory_are_refused():
    batch = at([NewRecord(bytes(100_000), b"a")], codec=Codec.GZIP)
    small = Survivors(map_of({}), now_ms=NOW, delete_retention_ms=0, max_decompressed_bytes=10_000)

    with pytest.raises(DecompressedTooLargeError):
        small.of(batch, check_batch(batch), keep_if_empty=False)


def test_a_large_batch_takes_breaks():
    batch = at(keyed(*[(b"%d" % number, None) for number in range(1000)]))
    sizes: list[int] = []
    paced = Survivors(map_of({}), now_ms=NOW, delete_retention_ms=0, pace=sizes.append)

    paced.of(batch, check_batch(batch), keep_if_empty=False)

    assert sum(sizes) == len(batch) - HEADER_SIZE
    assert len(sizes) == -(-1000 // RUN_RECORDS) + 1000 // RUN_RECORDS
    assert max(sizes) < len(batch) // 5


@dataclass(frozen=True)
class Case:
    """A batch, filtered in two passes."""

    records: list[NewRecord]
    latest: dict[bytes, int]
    end: int
    codec: Codec
    attributes: int
    waited_ms: int
    keep: bool


KEYS = st.sampled_from([b"", b"a", b"b", b"k" * 60])
CASES = st.builds(
    Case,
    records=st.lists(
        st.builds(
            NewRecord,
            value=st.none() | st.binary(max_size=100),
            key=st.none() | KEYS,
            headers=st.sampled_from([(), (("name", None),)]),
            timestamp=st.integers(-1, 2**42),
        ),
        min_size=1,
        max_size=20,
    ),
    latest=st.dictionaries(KEYS, st.integers(BASE - 5, BASE + 25)),
    end=st.integers(BASE - 1, BASE + 25),
    codec=st.sampled_from(Codec),
    attributes=st.sampled_from([0, LOG_APPEND_TIME, 0b1_0000]),
    waited_ms=st.integers(0, 2 * RETENTION_MS),
    keep=st.booleans(),
)


def stays(record: Record, case: Case, *, horizon_ms: int | None, now_ms: int) -> bool:
    """Say what ``Cleaner.shouldRetainRecord`` says."""
    if record.offset >= case.end:
        return True
    if record.key is None or record.offset < case.latest.get(record.key, -1):
        return False
    return record.value is not None or horizon_ms is None or now_ms < horizon_ms


@given(CASES)
@example(Case([NewRecord(b"", b"a", timestamp=-1)], {}, BASE + 1, Codec.NONE, 0, 0, keep=False))
def test_two_passes_leave_what_the_model_leaves(case: Case):
    batch: bytes = at(case.records, codec=case.codec, attributes=case.attributes)
    key_map = map_of(case.latest, end=case.end)
    for now_ms in (NOW, NOW + case.waited_ms):
        header = check_batch(batch)
        before = decode_batch(batch, header)
        horizon_ms = header.delete_horizon_ms
        wanted = [record for record in before if stays(record, case, horizon_ms=horizon_ms, now_ms=now_ms)]
        kept = survivors(key_map, now_ms=now_ms).of(batch, header, keep_if_empty=case.keep)
        if kept is None:
            assert not wanted
            assert not case.keep
            return
        left, after = bytes(kept[0]), kept[1]
        assert check_batch(left) == after
        assert decode_batch(left, after) == wanted
        assert (after.base_offset, after.last_offset) == (header.base_offset, header.last_offset)
        assert HEADER.unpack_from(left)[9:12] == HEADER.unpack_from(batch)[9:12]  # producer id, epoch, sequence
        if after is not header and wanted and not header.is_log_append_time:
            assert after.max_timestamp == max(record.timestamp for record in wanted)
        if horizon_ms is None and header.base_offset < case.end:
            has_tombstone = any(record.value is None for record in wanted)
            assert after.delete_horizon_ms == (now_ms + RETENTION_MS if has_tombstone else None)
        batch = left
