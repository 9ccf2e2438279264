"""Many records at once are shown as one by one: the lines of text, and the objects of JSON."""

import json

import pytest
from hypothesis import given, strategies as st

from gomq_dump.reading.records import DecodedRecords
from gomq_dump.rendering.java_text import decode_as_java
from gomq_dump.rendering.json_objects import record_fields
from gomq_dump.rendering.line_template import LineTemplate
from gomq_dump.rendering.record_json import record_objects
from gomq_dump.rendering.record_lines import RecordKind, record_lines
from gomq_storage.batch import read_header
from gomq_storage.record import NewRecord, Record, encode_batch
from gomq_storage.record_fields import Columns, encode_name

data = st.none() | st.sampled_from(
    [b"", b"%d %b", b"\x7f", b'"\\\n\x00', "grüße".encode(), b"\xff", b"\xed\xa0\x80", b"x"]
)
names = st.sampled_from(["", "trace", "ü%", 'a"b', "\udcff", "ü\udced\udca0\udc80"])
records = st.builds(
    Record,
    offset=st.integers(40, 90),
    timestamp=st.sampled_from([-1, 5, 1_700_000_000_000]),
    key=data,
    value=data,
    headers=st.lists(st.tuples(names, data), max_size=3).map(tuple),
)
batches = st.lists(records, min_size=1, max_size=6) | st.builds(
    lambda record, count: [record] * count, records, st.integers(1, 4)
)


def columns_of(batch: list[Record]) -> Columns:
    (columns,) = DecodedRecords.of(batch).pieces()
    return columns


def plain_line(record: Record, base_sequence: int) -> str:
    sequence = -1 if base_sequence < 0 else (base_sequence + record.offset - 40) % 2**31
    line = (
        f"| offset: {record.offset} CreateTime: {record.timestamp} keySize: {size(record.key)}"
        f" valueSize: {size(record.value)} sequence: {sequence}"
        f" headerKeys: [{','.join(decode_as_java(encode_name(name)) for name, _ in record.headers)}]"
    )
    line += "" if record.key is None else f" key: {decode_as_java(record.key)}"
    return line + ("" if record.value is None else f" payload: {decode_as_java(record.value)}") + "\n"


def size(part: bytes | None) -> int:
    return -1 if part is None else len(part)


@given(batches, st.sampled_from([-1, 0, 2**31 - 3]))
def test_lines_are_written_as_one_by_one(batch: list[Record], base_sequence: int):
    written = record_lines(columns_of(batch), RecordKind("CreateTime", 40, base_sequence))

    assert written.decode() == "".join(plain_line(record, base_sequence) for record in batch)


@given(batches, st.sampled_from([-1, 0, 2**31 - 3]))
def test_objects_are_written_as_one_by_one(batch: list[Record], base_sequence: int):
    header = read_header(encode_batch([NewRecord(b"v")], now_ms=5))._replace(
        base_offset=40, base_sequence=base_sequence, last_offset_delta=50
    )

    written = record_objects(columns_of(batch), RecordKind("CreateTime", 40, base_sequence))

    encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
    assert written.decode() == "".join(encode(record_fields(header, record)) + "\n" for record in batch)


def test_no_records_are_no_lines():
    nothing = Columns([], [], [], [], [])

    assert record_lines(nothing, RecordKind("CreateTime", 0, -1)) == b""
    assert record_objects(nothing, RecordKind("CreateTime", 0, -1)) == b""


@pytest.mark.parametrize("count", [1, 3])
def test_lines_that_are_all_the_same_are_written_so_often(count: int):
    line = LineTemplate(count)
    line.text(b"100% ")
    line.numbers([7] * count)
    line.text(b"\n")

    assert line.write() == b"100% 7\n" * count


@given(
    st.sampled_from([0, 9_990, 10_000, 19_960, 1_767_225_600_000, 2**63 - 200]),
    st.lists(st.integers(-3, 90) | st.integers(0, 2), min_size=1, max_size=80),
)
def test_numbers_are_written_as_one_by_one(first: int, steps: list[int]):
    numbers = [first + step for step in steps]
    line = LineTemplate(len(numbers))
    line.numbers(numbers)
    line.text(b"\n")

    assert line.write() == b"".join([b"%d\n" % number for number in numbers])


@given(st.sampled_from([0, 9_990, 10_000, 19_960, 2**63 - 200]), st.integers(1, 80), st.booleans())
def test_ascending_numbers_are_written_as_one_by_one(first: int, count: int, with_gap: bool):
    numbers = [*range(first, first + count), first + count + with_gap]
    line = LineTemplate(len(numbers))
    line.ascending(numbers)
    line.text(b"\n")

    assert line.write() == b"".join([b"%d\n" % number for number in numbers])


@given(st.lists(records, max_size=5), st.integers(-7, 7), st.slices(5))
def test_decoded_records_are_a_sequence_of_records(batch: list[Record], index: int, part: slice):
    decoded = DecodedRecords.of(batch)

    assert decoded == batch
    assert len(decoded) == len(batch)
    assert decoded[part] == batch[part]
    if -len(batch) <= index < len(batch):
        assert decoded[index] == batch[index]
    else:
        with pytest.raises(IndexError):
            decoded[index]
