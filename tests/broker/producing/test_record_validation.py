"""Every batch is judged as a plain reading of it says, whether our encoder made it or something changed it since."""

import struct
import tracemalloc
from typing import Final

import cramjam
import pytest
from hypothesis import given, settings, strategies as st
from kio.schema.errors import ErrorCode

from gomq.broker.producing.record_scan import Place, scan
from gomq.broker.producing.record_validation import MAX_DECOMPRESSED_BYTES, RecordRules, check_records, open_records
from gomq.broker.producing.timestamps import TimeWindow, check_largest_timestamp, check_timestamp_type, time_window
from gomq.broker.producing.validation import RejectedBatchError, validate
from gomq.protocol.produce import RecordError
from gomq_storage.batch import HEADER_SIZE, check_batch
from gomq_storage.compression import Codec, compress
from gomq_storage.config import LogConfig, TimestampType
from gomq_storage.errors import DecompressedTooLargeError
from gomq_storage.record import NewRecord, build_batch, decode_batch, encode_batch, encode_records
from gomq_storage.record_fields import decode_name
from tests.support.naive_records import INVALID_RECORD, TIMESTAMP, Verdict, judge
from tests.support.wire import NOW_MS, patched

WINDOW: Final = TimeWindow(NOW_MS - 1000, NOW_MS + 500)
MAX_BYTES: Final = 1 << 20
RECORDS: Final = st.lists(
    st.builds(
        NewRecord,
        value=st.none() | st.binary(max_size=5) | st.sampled_from([bytes(63), bytes(64), bytes(8192)]),
        key=st.none() | st.binary(max_size=3) | st.sampled_from([bytes(64), bytes(9000)]),
        headers=st.lists(st.tuples(st.text(max_size=3), st.none() | st.binary(max_size=3)), max_size=2).map(tuple),
        timestamp=st.integers(NOW_MS - 900, NOW_MS + 500)
        | st.sampled_from([-1, 0, NOW_MS - 1001, NOW_MS + 501, 2**60]),
    ),
    min_size=1,
    max_size=6,
)
CHANGES: Final = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 255)), max_size=3)
"""Places in the records, from the first byte, and what is put there."""
FIELDS: Final = {
    "length": (8, ">i"), "magic": (16, ">b"), "attributes": (21, ">h"), "last offset delta": (23, ">i"),
    "base timestamp": (27, ">q"), "max timestamp": (35, ">q"), "producer id": (43, ">q"), "base sequence": (53, ">i"),
    "count": (57, ">i"), "base offset": (0, ">q"),
}  # fmt: skip


def our_verdict(batch: bytes, *, needs_keys: bool = False, window: TimeWindow | None = WINDOW) -> Verdict:
    """Say what header and full validation make of a batch together."""
    try:
        header = validate(batch, produce_version=9, max_bytes=MAX_BYTES)
        check_timestamp_type(header)
        checking = check_records(open_records(batch, header), header, RecordRules(needs_keys, window))
        while True:
            next(checking)
    except RejectedBatchError as error:
        return Verdict(int(error.error_code), tuple(each.batch_index for each in error.record_errors))
    except StopIteration as done:
        return Verdict(0, (), done.value)


def built(records: bytes, count: int, codec: Codec = Codec.NONE, *, base_timestamp: int = NOW_MS) -> bytes:
    return build_batch(records, record_count=count, base_timestamp=base_timestamp, max_timestamp=NOW_MS, codec=codec)


@given(RECORDS, st.sampled_from(Codec), st.booleans(), st.sampled_from([WINDOW, None]))
def test_what_an_encoder_makes_is_judged_by_its_records(
    records: list[NewRecord], codec: Codec, needs_keys: bool, window: TimeWindow | None
):
    plain = encode_batch(records, now_ms=NOW_MS)

    found = our_verdict(encode_batch(records, now_ms=NOW_MS, codec=codec), needs_keys=needs_keys, window=window)

    assert found == judge(plain, needs_keys=needs_keys, window=window)
    if not found.error_code:
        assert found.largest == max(record.timestamp for record in decode_batch(plain, check_batch(plain)))


@given(RECORDS, CHANGES, st.booleans(), st.integers(-1, 1), st.sampled_from(list(Codec)))
@settings(max_examples=400)
def test_records_that_were_changed_are_judged_as_a_plain_reading_says(
    records: list[NewRecord], changes: list[tuple[int, int]], needs_keys: bool, more: int, codec: Codec
):
    data = bytearray(encode_records(records, base_timestamp=NOW_MS))
    for position, value in changes:
        data[position % len(data)] = value
    count = max(len(records) + more, 1)

    found = our_verdict(built(bytes(data), count, codec), needs_keys=needs_keys)

    assert found == judge(built(bytes(data), count), needs_keys=needs_keys, window=WINDOW)


@given(RECORDS, st.sampled_from(list(FIELDS)), st.data())
@settings(max_examples=300)
def test_headers_that_were_changed_are_judged_as_a_plain_reading_says(
    records: list[NewRecord], field: str, data: st.DataObject
):
    position, layout = FIELDS[field]
    most = 1 << 8 * struct.calcsize(layout) - 1
    value = (
        data.draw(st.integers(-3, 130) if most > 200 else st.integers(-3, 5))
        if data.draw(st.booleans())
        else data.draw(st.integers(-most, most - 1))
    )
    batch = patched(encode_batch(records, now_ms=NOW_MS), position, struct.pack(layout, value))
    if codec_bits(batch) in {1, 2, 3, 4} or (field == "length" and value >= 14):
        return  # whether that is compressed data is not for the plain reading to say; nor what lies behind a batch

    assert our_verdict(batch) == judge(batch, needs_keys=False, window=WINDOW)


def codec_bits(batch: bytes) -> int:
    return batch[22] & 0b111


@given(st.binary(min_size=7, max_size=60), st.integers(1, 8))
@settings(max_examples=300)
def test_any_bytes_are_judged_as_a_plain_reading_says(records: bytes, count: int):
    assert our_verdict(built(records, count)) == judge(built(records, count), needs_keys=False, window=WINDOW)


@pytest.mark.parametrize("count", [64, 65, 8192, 8193, 20_000])
def test_long_batches_are_in_a_row_whatever_the_width_of_their_numbers(count: int):
    raw = encode_batch([NewRecord(b"x")] * count, now_ms=NOW_MS)
    assert our_verdict(raw) == Verdict(0, (), NOW_MS)
    data = raw[HEADER_SIZE:]
    _, place = scan(data, Place(0, 0), count)
    assert place == (count, len(data))
    swapped = encode_records([NewRecord(b"x")] * (count - 1), base_timestamp=0)
    assert our_verdict(built(swapped + swapped[:8], count)).error_code == INVALID_RECORD


def record(*, delta: bytes = b"\0", offset: bytes = b"\0", key: bytes = b"\1", value: bytes = b"\1") -> bytes:
    body = b"\0" + delta + offset + key + value + b"\0"
    return bytes([2 * len(body)]) + body


@pytest.mark.parametrize(
    ("fields", "is_taken"),
    [
        ({"offset": b"\x80\x80\x80\x80\x00"}, True),
        ({"offset": b"\x80\x80\x80\x80\x80\x00"}, False),
        ({"key": b"\xff\xff\xff\xff\x0f"}, True),
        ({"key": b"\xff\xff\xff\xff\x1f"}, False),
        ({"delta": b"\x80" * 9 + b"\x00"}, True),
        ({"delta": b"\x80" * 10 + b"\x00"}, False),
        ({"delta": b"\x80" * 9 + b"\x02"}, False),
        ({"value": b"\x03"}, True),
    ],
)
def test_numbers_are_as_long_as_kafka_takes_them(fields: dict[str, bytes], is_taken: bool):
    assert (our_verdict(built(record(**fields), 1), window=None).error_code == 0) is is_taken


@given(st.binary(max_size=8))
def test_no_name_of_a_header_is_looked_at(name: bytes):
    raw = encode_batch([NewRecord(b"x", headers=((decode_name(name), b"1"),))], now_ms=NOW_MS)

    assert name in raw
    assert our_verdict(raw) == Verdict(0, (), NOW_MS)


@pytest.mark.parametrize("base", [2**63 - 1, -(2**63)])
def test_a_timestamp_that_64_bits_do_not_hold_is_refused(base: int):
    window = time_window(LogConfig(message_timestamp_after_max_ms=2**63 - 1), now_ms=NOW_MS)
    delta = b"\x02" if base > 0 else b"\x01"
    assert our_verdict(built(record(delta=delta), 1, base_timestamp=base), window=window) == Verdict(TIMESTAMP, (0,))


def test_every_record_that_is_bad_is_named_up_to_a_hundred():
    records = [NewRecord(b"x", key=None if number % 3 == 0 else b"k") for number in range(3000)]
    records[1501] = NewRecord(b"x", key=b"k", timestamp=NOW_MS + 501)
    raw = encode_batch(records, now_ms=NOW_MS)
    with pytest.raises(RejectedBatchError, match=r"1001 of 3000 .* first record 0: it has no key") as refused:
        raise_verdict(raw)
    assert refused.value.error_code == ErrorCode.invalid_timestamp
    assert [each.batch_index for each in refused.value.record_errors] == list(range(0, 300, 3))


def raise_verdict(raw: bytes) -> None:
    list(check_records(raw[HEADER_SIZE:], check_batch(raw), RecordRules(True, WINDOW)))


def test_what_a_topic_takes_follows_from_its_settings_and_the_time():
    config = LogConfig(message_timestamp_before_max_ms=1000, message_timestamp_after_max_ms=500)
    assert time_window(config, now_ms=NOW_MS) == WINDOW
    assert time_window(LogConfig(), now_ms=NOW_MS) == (NOW_MS - (2**63 - 1), NOW_MS + 3_600_000)
    assert time_window(LogConfig(message_timestamp_type=TimestampType.LOG_APPEND_TIME), now_ms=NOW_MS) is None


@pytest.mark.parametrize("timestamp", [NOW_MS - 1001, NOW_MS - 1000, NOW_MS + 500, NOW_MS + 501, -1])
@pytest.mark.parametrize("count", [1, 2])
def test_of_a_header_the_largest_timestamp_is_checked(timestamp: int, count: int):
    header = check_batch(encode_batch([NewRecord(b"x", timestamp=timestamp)] * count, now_ms=NOW_MS))
    config = LogConfig(message_timestamp_before_max_ms=1000, message_timestamp_after_max_ms=500)
    if timestamp in {NOW_MS - 1001, NOW_MS + 501}:
        with pytest.raises(RejectedBatchError) as refused:
            check_largest_timestamp(header, config, now_ms=NOW_MS)
        assert refused.value.error_code == ErrorCode.invalid_timestamp
        expected = (RecordError(0, refused.value.message),) if count == 1 else ()
        assert refused.value.record_errors == expected, "which record it is is known of one"
    else:
        check_largest_timestamp(header, config, now_ms=NOW_MS)


def zeros_as_records(size: int) -> tuple[bytes, int]:
    """Make records of so many bytes that compress well."""
    value = bytes((1 << 20) - 20)
    count = size >> 20
    return encode_records([NewRecord(value)] * count, base_timestamp=NOW_MS), count


@pytest.mark.parametrize("codec", [codec for codec in Codec if codec])
def test_what_decompresses_to_more_than_the_cap_is_not_opened(codec: Codec):
    data, count = zeros_as_records(4 << 20)
    batch = built(data, count, codec)
    header = check_batch(batch)
    assert open_records(batch, header) == data
    with pytest.raises(DecompressedTooLargeError):
        open_records(batch, header, max_bytes=len(data) - 1)


@pytest.mark.parametrize("codec", [codec for codec in Codec if codec])
def test_compressed_data_that_is_spoiled_is_corrupt(codec: Codec):
    data, count = zeros_as_records(1 << 20)
    body = compress(codec, data)
    spoiled = patched(built(data, count, codec), HEADER_SIZE + len(body) // 2, b"\x5a\xa5\x5a\xa5\x5a")
    assert our_verdict(spoiled).error_code in {ErrorCode.corrupt_message, ErrorCode.invalid_record}


def rle_block(size: int, *, is_last: bool) -> bytes:
    """Make a zstd block of so many zeros."""
    return (size << 3 | 0b10 | is_last).to_bytes(3, "little") + b"\0"


def zstd_frame(*, window_log: int, blocks: int) -> bytes:
    head = b"\x28\xb5\x2f\xfd\x00" + bytes([window_log - 10 << 3])
    return head + rle_block(1 << 17, is_last=False) * (blocks - 1) + rle_block(1 << 17, is_last=True)


def xerial(block: bytes, count: int) -> bytes:
    return b"\x82SNAPPY\0" + b"\0\0\0\1" * 2 + (len(block).to_bytes(4, "big") + block) * count


MEBIBYTE: Final = bytes(1 << 20)
TOO_LARGE, CORRUPT = DecompressedTooLargeError, RejectedBatchError
BOMBS: Final[dict[str, tuple[Codec, bytes, type[Exception]]]] = {
    "32 GiB in zstd's shortest blocks": (Codec.ZSTD, zstd_frame(window_log=20, blocks=250_000), TOO_LARGE),
    "a zstd window of 128 MiB": (Codec.ZSTD, zstd_frame(window_log=27, blocks=1000), TOO_LARGE),
    "a zstd window of 2 GiB": (Codec.ZSTD, zstd_frame(window_log=31, blocks=2), CORRUPT),
    "a zstd frame of an exbibyte": (
        Codec.ZSTD, b"\x28\xb5\x2f\xfd\xe0" + (1 << 60).to_bytes(8, "little") + rle_block(9, is_last=True), CORRUPT
    ),
    "many zstd frames": (Codec.ZSTD, compress(Codec.ZSTD, MEBIBYTE) * 65, TOO_LARGE),
    "many gzip members": (Codec.GZIP, compress(Codec.GZIP, MEBIBYTE) * 65, TOO_LARGE),
    "many lz4 frames": (Codec.LZ4, compress(Codec.LZ4, MEBIBYTE) * 65, TOO_LARGE),
    "many snappy blocks": (Codec.SNAPPY, xerial(bytes(cramjam.snappy.compress_raw(MEBIBYTE)), 65), TOO_LARGE),
    "a snappy block of 4 GiB": (Codec.SNAPPY, b"\xff\xff\xff\xff\x0f" + bytes(99), TOO_LARGE),
}  # fmt: skip


@pytest.mark.parametrize("name", list(BOMBS))
def test_bombs_that_were_made_by_hand_are_not_opened(name: str):
    codec, body, expected = BOMBS[name]
    raw = patched(build_batch(body, record_count=1, base_timestamp=0, max_timestamp=0), 21, bytes([0, codec]))
    header = validate(raw, produce_version=9, max_bytes=8 << 20)
    tracemalloc.start()
    try:
        with pytest.raises(expected):
            open_records(raw, header)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < MAX_DECOMPRESSED_BYTES + (16 << 20)
