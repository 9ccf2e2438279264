"""Records that are laid out alike are read at once, and come out as when each is read by itself."""

import os
import struct

import pytest
from crc32c import crc32c
from hypothesis import given, strategies as st

from gomq_storage.batch import ATTRIBUTES_POSITION, HEADER, HEADER_SIZE, check_batch
from gomq_storage.errors import CorruptBatchError
from gomq_storage.record import BatchRecords
from gomq_storage.record_columns import IS_COMPILED
from gomq_storage.record_fields import Columns
from gomq_storage.varint import decode, encode

BASE_OFFSET = 1000
BASE_TIMESTAMP = 1_700_000_000_000
sizes = st.sampled_from([-1, 0, 1, 5, 63, 64, 100])
deltas = st.sampled_from([0, 0, 0, 1, -1, 63, 64, -64, -65, 5000, 8191, 8192, 10**9])


def field(size: int, number: int) -> bytes:
    """Lay out a key or a value of that size; no two in a row are the same."""
    return encode(size) + bytes((number + place) % 256 for place in range(max(size, 0)))


def header(name: str, size: int, number: int) -> bytes:
    raw = name.encode(errors="surrogateescape")
    return encode(len(raw)) + raw + field(size, number)


def laid_out(delta: int, timestamp_delta: int, key: bytes, value: bytes, headers: bytes = b"\0") -> bytes:
    body = b"\0" + encode(timestamp_delta) + encode(delta) + key + value + headers
    return encode(len(body)) + body


@st.composite
def runs(draw: st.DrawFn, first: int) -> tuple[bytes, int, int]:
    """A run of records of one shape, more or less: the bytes, how many they are, and the offset delta behind them."""
    count = draw(st.integers(1, 100))
    key_size, value_size = draw(sizes), draw(sizes)
    timestamps = draw(st.lists(deltas, min_size=1, max_size=3))
    gaps = draw(st.lists(st.sampled_from([1, 1, 1, 2, 70]), min_size=1, max_size=3))
    headers = draw(
        st.lists(st.tuples(st.sampled_from(["", "a", "é", "\udcff\udcc3", "b" * 64, "b" * 65]), sizes), max_size=2)
    )
    header_count = encode(len(headers))
    records: list[bytes] = []
    delta = first
    for number in range(count):
        key, value = field(key_size, number), field(value_size, number + 1)
        tail = header_count + b"".join(header(name, size, number) for name, size in headers)
        records.append(laid_out(delta, timestamps[number % len(timestamps)], key, value, tail))
        delta += gaps[number % len(gaps)]
    return b"".join(records), count, delta


@st.composite
def records_of_several_shapes(draw: st.DrawFn) -> tuple[bytes, int]:
    data, count, delta = b"", 0, draw(st.sampled_from([0, 0, 50, 8150, 16_350, 2**20 - 20]))
    for _ in range(draw(st.integers(1, 3))):
        more, more_records, delta = draw(runs(delta))
        data, count = data + more, count + more_records
    return data, count


def sealed(records: bytes, count: int) -> bytes:
    header = bytearray(HEADER_SIZE)
    length = HEADER_SIZE - 12 + len(records)
    HEADER.pack_into(header, 0, BASE_OFFSET, length, 0, 2, 0, 0, 2**30, BASE_TIMESTAMP, 0, -1, -1, -1, count)
    struct.pack_into(">I", header, 17, crc32c(records, crc32c(header[ATTRIBUTES_POSITION:])))
    return bytes(header) + records


def taken(batch: bytes, at_once: int) -> Columns | str:
    """Take all records, so many at a time; or say that they are refused."""
    columns = Columns([], [], [], [], [])
    try:
        records = BatchRecords(batch, check_batch(batch))
        while not records.is_taken:
            for column, more in zip(columns, records.take(at_once), strict=True):
                column.extend(more)  # type: ignore[attr-defined]
    except CorruptBatchError:
        return "refused"
    return columns


def sized(data: bytes, position: int) -> tuple[bytes | None, int]:
    size, position = decode(data, position)
    return (data[position : position + size] if size >= 0 else None), position + max(size, 0)


def read_one_by_one(data: bytes, count: int) -> Columns:
    """The plainest reader there can be of records that are sound."""
    columns = Columns([], [], [], [], [])
    position = 0
    for _ in range(count):
        _, position = decode(data, position)
        timestamp, position = decode(data, position + 1)
        delta, position = decode(data, position)
        columns.timestamps.append(BASE_TIMESTAMP + timestamp)
        columns.offsets.append(BASE_OFFSET + delta)
        key, position = sized(data, position)
        value, position = sized(data, position)
        columns.keys.append(key)
        columns.values.append(value)
        header_count, position = decode(data, position)
        headers: list[tuple[str, bytes | None]] = []
        for _ in range(header_count):
            name, position = sized(data, position)
            header_value, position = sized(data, position)
            headers.append(((name or b"").decode(errors="surrogateescape"), header_value))
        columns.headers.append(tuple(headers))
    return columns


@given(records_of_several_shapes(), st.sampled_from([9, 64, 300, 5000]))
def test_runs_are_read_as_one_by_one(records: tuple[bytes, int], at_once: int):
    data, count = records

    assert taken(sealed(data, count), at_once) == read_one_by_one(data, count)


@given(records_of_several_shapes(), st.data())
def test_runs_with_changed_bytes_are_read_or_refused_as_one_by_one(records: tuple[bytes, int], draws: st.DataObject):
    data, count = bytearray(records[0]), records[1]
    for _ in range(draws.draw(st.integers(1, 3))):
        data[draws.draw(st.integers(0, len(data) - 1))] = draws.draw(st.sampled_from([0, 1, 2, 127, 128, 129, 255]))
    batch = sealed(bytes(data), count)

    assert taken(batch, 300) == taken(batch, 1)


@given(records_of_several_shapes(), st.data())
def test_runs_that_are_cut_off_are_refused(records: tuple[bytes, int], draws: st.DataObject):
    data, count = records
    batch = sealed(data[: draws.draw(st.integers(0, len(data) - 1))], count)

    assert taken(batch, 300) == "refused"


@pytest.mark.parametrize("number", [8, 20, 39])
@pytest.mark.parametrize(
    "odd",
    [
        pytest.param(laid_out(0, 0, field(-1, 0), field(9, 0)), id="a shorter value"),
        pytest.param(laid_out(0, 0, field(0, 0), field(10, 0)), id="an empty key instead of none"),
        pytest.param(laid_out(0, 0, field(3, 0), field(6, 0)), id="a key, and a value that is shorter by it"),
        pytest.param(laid_out(0, 100, field(-1, 0), field(9, 0)), id="a longer timestamp and a shorter value"),
        pytest.param(laid_out(100, 0, field(-1, 0), field(9, 0)), id="a longer offset and a shorter value"),
        pytest.param(laid_out(0, 0, field(-1, 0), field(6, 0), b"\2\2h\1"), id="a header and a shorter value"),
        pytest.param(laid_out(0, 0, field(-1, 0), field(10, 0), b"\1"), id="a header count below 0"),
        pytest.param(laid_out(0, 0, b"\x81\0", field(9, 0)), id="a size written with a byte too many"),
    ],
)
def test_a_run_ends_in_front_of_a_record_of_another_shape(odd: bytes, number: int):
    records = [laid_out(delta, 0, field(-1, 0), field(10, delta)) for delta in range(40)]
    records.insert(number, odd)
    batch = sealed(b"".join(records), 41)

    assert taken(batch, 300) == taken(batch, 1)


@pytest.mark.parametrize("number", [7, 8, 20, 39])
@pytest.mark.parametrize("delta", [-1, 3, 2**30 + 1, 2**60])
def test_a_run_with_an_offset_that_no_record_of_the_batch_can_have_is_refused(number: int, delta: int):
    gaps = [100 + 2 * each for each in range(40)]
    gaps[number] = delta
    batch = sealed(b"".join(laid_out(each, 0, field(-1, 0), field(9, each)) for each in gaps), 40)

    assert taken(batch, 300) == taken(batch, 1) == "refused"


@pytest.mark.parametrize("number", [8, 20, 39])
@pytest.mark.parametrize(
    "tail",
    [
        pytest.param(b"\2" + header("other", 3, 0), id="another name"),
        pytest.param(b"\2" + header("trac", 4, 0), id="a shorter name and a longer value"),
        pytest.param(b"\2" + header("trace", -1, 0), id="no value"),
        pytest.param(b"\0", id="no header"),
        pytest.param(b"\2\1" + field(8, 0), id="no name"),
        pytest.param(b"\2\4\xff\xfe" + field(6, 0), id="a name that is no text"),
        pytest.param(b"\2" + encode(2**40) + bytes(8), id="a name of a terabyte"),
    ],
)
def test_a_run_ends_in_front_of_a_record_with_other_headers(tail: bytes, number: int):
    plain = field(-1, 0)
    records = [laid_out(delta, 0, plain, plain, b"\2" + header("trace", 3, delta)) for delta in range(40)]
    records.insert(number, laid_out(0, 0, plain, plain, tail))
    batch = sealed(b"".join(records), 41)

    assert taken(batch, 300) == taken(batch, 1)


@pytest.mark.parametrize("count", [1, 8, 9, 200])
def test_headers_come_out_however_many_they_are(count: int):
    tail = encode(count) + b"".join(header(f"name {number}", 4, number) for number in range(count))
    records = b"".join(laid_out(delta, 0, field(-1, 0), field(2, delta), tail) for delta in range(20))

    columns = taken(sealed(records, 20), 300)

    assert columns == read_one_by_one(records, 20)


def test_values_of_a_run_come_out_in_front_of_and_behind_every_change_of_width():
    count = 17_000
    data = b"".join(laid_out(delta, delta, field(2, delta), field(3, delta)) for delta in range(count))

    columns = taken(sealed(data, count), 2000)

    assert columns == read_one_by_one(data, count)


def test_the_decoder_is_compiled_where_that_was_asked_for():
    assert (os.environ.get("GOMQ_COMPILE", "0") == "1") == IS_COMPILED
