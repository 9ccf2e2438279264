"""The records inside a batch, both ways, and what lies in a batch that somebody else made."""

import struct
import tracemalloc

import pytest
from crc32c import crc32c
from hypothesis import given, strategies as st

from gomq_storage.batch import ATTRIBUTES_POSITION, HEADER, HEADER_SIZE, check_batch, read_header
from gomq_storage.compression import Codec
from gomq_storage.errors import CorruptBatchError, DecompressedTooLargeError, UnsupportedCodecError
from gomq_storage.record import (
    BatchRecords,
    NewRecord,
    Record,
    build_batch,
    decode_batch,
    encode_batch,
    encode_records,
    encode_values,
)
from gomq_storage.varint import encode

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
small = st.binary(max_size=6) | st.binary(min_size=60, max_size=70)
new_records = st.builds(
    NewRecord,
    value=st.none() | small,
    key=st.none() | small,
    headers=st.lists(st.tuples(texts, st.none() | small), max_size=3).map(tuple),
    timestamp=st.none() | st.integers(-1, 2**62),
)
plain_records = small.map(NewRecord)
record_lists = st.lists(new_records, min_size=1, max_size=20) | st.lists(plain_records | new_records, min_size=9)


def decoded(batch: bytes, **limits: int) -> list[Record]:
    return decode_batch(batch, check_batch(batch), **limits)


def sealed(records: bytes, *, count: int, attributes: int = 0, delta: int | None = None) -> bytes:
    """Put a header that says what it likes in front of records, its CRC right."""
    header = bytearray(HEADER_SIZE)
    fields: list[int] = [0, HEADER_SIZE - 12 + len(records), 0, 2, 0, attributes, 0, 100, 200, -1, -1, -1, count]
    fields[6] = max(count - 1, 0) if delta is None else delta
    HEADER.pack_into(header, 0, *fields)
    struct.pack_into(">I", header, 17, crc32c(records, crc32c(header[ATTRIBUTES_POSITION:])))
    return bytes(header) + records


def record(*fields: bytes | int, length: int | None = None) -> bytes:
    """Lay out one record of fields: numbers as varints, bytes as they are; its length right, or a lie."""
    body = b"\0" + b"".join(encode(field) if isinstance(field, int) else field for field in fields)
    return encode(len(body) if length is None else length) + body


@given(record_lists, st.sampled_from(list(Codec)), st.integers(0, 2**62))
def test_records_come_back_as_they_went_in(records: list[NewRecord], codec: Codec, now_ms: int):
    batch = encode_batch(records, now_ms=now_ms, codec=codec)

    expected = [
        Record(offset, now_ms if new.timestamp is None else new.timestamp, new.key, new.value, new.headers)
        for offset, new in enumerate(records)
    ]
    assert decoded(batch) == expected
    header = read_header(batch)
    assert (header.record_count, header.last_offset_delta) == (len(records), len(records) - 1)
    assert header.max_timestamp == max(each.timestamp for each in expected)
    assert header.base_timestamp == expected[0].timestamp


@given(st.lists(small, max_size=80), st.sampled_from([0, 1, 63, 64, 65]))
def test_the_fast_lane_for_values_writes_the_same_bytes(values: list[bytes], repeated: int):
    values = values + [b"same"] * repeated

    assert encode_values(values) == encode_records(map(NewRecord, values), base_timestamp=0)


@pytest.mark.parametrize("count", [8191, 8192, 8193, 16384, 16385])
def test_the_fast_lane_is_right_where_offset_deltas_get_longer(count: int):
    values = [b"v%d" % (number % 7) for number in range(count)]
    encoded = encode_values(values)

    assert encoded == encode_records(map(NewRecord, values), base_timestamp=0)
    batch = build_batch(encoded, record_count=count, base_timestamp=5, max_timestamp=5)
    assert [(each.offset, each.value) for each in decoded(batch)] == list(enumerate(values))


@pytest.mark.parametrize("size", [61, 62, 8180, 8190, 8191, 8192, 16360, 16367, 16368, 16369, 16384, 100_000])
def test_the_fast_lane_is_right_where_sizes_get_longer(size: int):
    values = [bytes(size), b"", bytes(size)]

    encoded = encode_values(values)

    assert encoded == encode_records(map(NewRecord, values), base_timestamp=0)
    assert [each.value for each in decoded(sealed(encoded, count=3))] == values


@pytest.mark.parametrize(("size", "count"), [(50, 30), (8000, 30), (8180, 30), (20_000, 30), (0, 5000)])
def test_values_of_many_sizes_are_read_right(size: int, count: int):
    records = [NewRecord(bytes(size + number), timestamp=number % 100) for number in range(count)]

    found = decoded(sealed(encode_records(records, base_timestamp=50), count=count))

    assert [(each.value, each.timestamp - 100 + 50) for each in found] == [
        (new.value, new.timestamp) for new in records
    ]


def test_a_batch_holds_at_least_one_record():
    with pytest.raises(ValueError, match="at least one"):
        encode_batch([], now_ms=0)


@pytest.mark.parametrize("time", [0, 1, 1_700_000_000_000])
def test_under_log_append_time_every_record_has_the_brokers_time(time: int):
    batch = bytearray(encode_batch([NewRecord(b"a", timestamp=5), NewRecord(b"b", timestamp=6)], now_ms=5))
    struct.pack_into(">h", batch, 21, 0b1000)
    struct.pack_into(">q", batch, 35, time)

    assert [each.timestamp for each in decode_batch(batch, read_header(batch))] == [time, time]


def test_offsets_that_compaction_left_are_kept():
    records = b"".join(record(0, delta, -1, 1, b"v", 0) for delta in (0, 3, 70, 9000, 2**20))

    batch = sealed(records, count=5, delta=2**20)

    assert [each.offset for each in decoded(batch)] == [0, 3, 70, 9000, 2**20]


@pytest.mark.parametrize("delta", [-1, -64, -65, -8192, -8193])
def test_a_negative_timestamp_delta_is_read_as_one(delta: int):
    (found,) = decoded(sealed(record(delta, 0, -1, -1, 0), count=1))

    assert found.timestamp == 100 + delta


@pytest.mark.parametrize("deltas", [(-1, 1, 2), (0, 0, 2), (0, 10**15, 2), (0, 1, 11), (9, 0, 10)])
def test_an_offset_that_no_record_of_the_batch_can_have_is_refused(deltas: tuple[int, ...]):
    batch = sealed(b"".join(record(0, delta, -1, 1, b"v", 0) for delta in deltas), count=3, delta=10)

    with pytest.raises(CorruptBatchError, match="offset delta"):
        decoded(batch)


def test_more_records_than_the_batch_has_offsets_are_refused():
    batch = sealed(b"".join(record(0, delta, -1, 1, b"v", 0) for delta in range(3)), count=3, delta=1)

    with pytest.raises(CorruptBatchError, match="3 records up to offset delta 1"):
        decoded(batch)


def test_what_lies_behind_a_batch_is_not_looked_at():
    batch = encode_batch([NewRecord(b"v")], now_ms=1)

    assert decode_batch(batch + b"garbage", read_header(batch)) == decoded(batch)


@pytest.mark.parametrize("count", [-(2**31), -1, 0, 1, 3, 1000, 2**31 - 1])
def test_a_record_count_that_lies_is_refused_before_memory_is_taken(count: int):
    records = encode_values([b"one", b"two"])
    batch = sealed(records, count=count)
    tracemalloc.start()
    try:
        with pytest.raises(CorruptBatchError):
            decoded(batch)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 1 << 20


LIES: dict[str, bytes] = {
    "length short": record(0, 0, -1, 1, b"v", 0, length=6),
    "length long": record(0, 0, -1, 1, b"v", 0, length=8),
    "length zero": record(0, 0, -1, 1, b"v", 0, length=0),
    "length negative": record(0, 0, -1, 1, b"v", 0, length=-1),
    "length huge": record(0, 0, -1, 1, b"v", 0, length=2**31 - 1),
    "length beyond a long": record(0, 0, -1, 1, b"v", 0, length=2**62),
    "key huge": record(0, 0, 2**31 - 1, b"k", 1, b"v", 0),
    "key beyond a long": record(0, 0, 2**62, b"k", 1, b"v", 0),
    "key eats the value": record(0, 0, 3, b"k", 1, b"v", 0),
    "value huge": record(0, 0, -1, 2**31 - 1, b"v", 0),
    "value eats the headers": record(0, 0, -1, 2, b"v", 0),
    "header count huge": record(0, 0, -1, 1, b"v", 2**31 - 1),
    "header count beyond a long": record(0, 0, -1, 1, b"v", 2**62),
    "header count negative": record(0, 0, -1, 1, b"v", -1),
    "header count too many": record(0, 0, -1, 1, b"v", 2, 1, b"h", 1, b"x"),
    "header count too few": record(0, 0, -1, 1, b"v", 1, 1, b"h", 1, b"x", 1, b"h", 1, b"x"),
    "header name null": record(0, 0, -1, 1, b"v", 1, -1, 1, b"x"),
    "header name null and nothing behind": record(0, 0, -1, 1, b"v", 1, -1),
    "header name huge": record(0, 0, -1, 1, b"v", 1, 2**31 - 1, b"h", 1, b"x"),
    "header value huge": record(0, 0, -1, 1, b"v", 1, 1, b"h", 2**31 - 1, b"x"),
    "varint endless": record(b"\xff" * 11, 0, -1, 1, b"v", 0),
    "nothing but zeros": bytes(20),
    "more behind": record(0, 0, -1, 1, b"v", 0) + b"\0",
}


@pytest.mark.parametrize("records", LIES.values(), ids=LIES.keys())
def test_a_record_that_lies_is_refused(records: bytes):
    with pytest.raises(CorruptBatchError):
        decoded(sealed(records, count=1))


@pytest.mark.parametrize("records", LIES.values(), ids=LIES.keys())
@pytest.mark.parametrize("others", [10, 70])
def test_a_record_that_lies_is_refused_among_good_ones(records: bytes, others: int):
    good = encode_values([b"value"] * others)

    with pytest.raises(CorruptBatchError):
        decoded(sealed(good + records, count=others + 1))


def test_a_record_whose_last_header_reaches_beyond_the_batch_is_not_handed_out_before_the_next_one_is_missed():
    content = record(0, 0, -1, 1, b"v", 1, 1, b"h", 10, b"short")
    reaching = encode(len(content) - 1 + 5) + content[1:]
    batch = sealed(reaching, count=2)

    with pytest.raises(CorruptBatchError, match="header value of 10 bytes, 5 are left"):
        BatchRecords(batch, check_batch(batch)).take(1)


def test_every_cut_of_the_records_is_refused():
    records = encode_records(
        [NewRecord(b"value", b"key", (("h", b"1"), ("n", None)), 7), NewRecord(b"x" * 70)] * 5, base_timestamp=0
    )
    for size in range(len(records)):
        with pytest.raises(CorruptBatchError):
            decoded(sealed(records[:size], count=10))


@given(st.binary(max_size=120), st.integers(0, 20))
def test_any_bytes_with_a_good_crc_are_records_or_refused(records: bytes, count: int):
    try:
        found = decoded(sealed(records, count=count))
    except CorruptBatchError:
        return
    assert len(found) == count


@given(st.lists(plain_records, min_size=9, max_size=30), st.data())
def test_records_with_a_changed_byte_are_other_records_or_refused(records: list[NewRecord], data: st.DataObject):
    encoded = bytearray(encode_records(records, base_timestamp=0))
    encoded[data.draw(st.integers(0, len(encoded) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        found = decoded(sealed(bytes(encoded), count=len(records)))
    except CorruptBatchError:
        return
    again = [NewRecord(each.value, each.key, each.headers, each.timestamp) for each in found]
    reread = decoded(sealed(encode_records(again, base_timestamp=100), count=len(records)))
    assert [each[1:] for each in reread] == [each[1:] for each in found]


def test_records_that_would_become_too_large_are_not_decompressed():
    batch = encode_batch([NewRecord(bytes(100_000))], now_ms=0, codec=Codec.ZSTD)

    assert len(decoded(batch, max_bytes=110_000)) == 1
    with pytest.raises(DecompressedTooLargeError):
        decoded(batch, max_bytes=99_999)


def test_an_unknown_codec_is_refused():
    with pytest.raises(UnsupportedCodecError):
        decoded(sealed(encode_values([b"v"]), count=1, attributes=5))
