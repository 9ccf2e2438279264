"""Names of headers are whatever bytes a client sends, as with Kafka, and are the same bytes again when written."""

from collections.abc import Callable

import pytest
from hypothesis import example, given, strategies as st

from gomq_storage.batch import HEADER_SIZE
from gomq_storage.record import NewRecord, encode_batch, encode_records
from gomq_storage.record_columns import IS_COMPILED
from gomq_storage.record_fields import Columns, decode_name, encode_name
from gomq_storage.record_heads import decode_headers, take_similar
from gomq_storage.record_runs import take_alike
from gomq_storage.varint import encode
from tests.storage.test_record_runs import BASE_TIMESTAMP, laid_out, sealed, taken

names = st.binary(max_size=12) | st.sampled_from(
    [b"\xff", b"\xc3", b"\xed\xb3\xbf", b"\xf0\x9f\x98", b"n" * 70 + b"\xff"]
)
name_lists = st.lists(names, min_size=1, max_size=3)


def field(data: bytes) -> bytes:
    return encode(len(data)) + data


def tail(raw_names: list[bytes], value: bytes) -> bytes:
    return encode(len(raw_names)) + b"".join(field(name) + field(value) for name in raw_names)


def alike(raw_names: list[bytes], count: int) -> list[bytes]:
    """Records of which each byte is where it is in all others."""
    return [laid_out(number, 0, field(b"k"), field(b"v"), tail(raw_names, b"%02d" % number)) for number in range(count)]


def similar(raw_names: list[bytes], count: int) -> list[bytes]:
    """Records that begin alike, and are of many sizes."""
    return [
        laid_out(number, 0, field(b"k" * (number % 3)), field(b"v" * (70 + number)), tail(raw_names, b"%d" % number))
        for number in range(count)
    ]


def columns_of(count: int) -> Columns:
    return Columns(list(range(count)), [0] * count, [None] * count, [None] * count, [()] * count)


def raw_names_in(columns: Columns) -> list[list[bytes]]:
    return [[encode_name(name) for name, _ in headers] for headers in columns.headers]


@given(names)
@example("grüße".encode())
def test_a_name_is_text_where_it_is_utf8_and_the_same_bytes_again(raw: bytes):
    name = decode_name(raw)

    assert encode_name(name) == raw
    try:
        assert name == raw.decode()
    except UnicodeDecodeError:
        with pytest.raises(UnicodeEncodeError):
            name.encode()


@given(name_lists, st.sampled_from([alike, similar]), st.sampled_from([1, 5, 40]), st.sampled_from([1, 9, 60]))
def test_names_come_out_of_a_batch_and_go_back_as_they_were(
    raw_names: list[bytes], lay_out: Callable[[list[bytes], int], list[bytes]], count: int, at_once: int
):
    data = b"".join(lay_out(raw_names, count))

    columns = taken(sealed(data, count), at_once)

    assert isinstance(columns, Columns)
    assert raw_names_in(columns) == [raw_names] * count
    again = map(NewRecord, columns.values, columns.keys, columns.headers, columns.timestamps)
    assert encode_records(again, base_timestamp=BASE_TIMESTAMP) == data
    records = [NewRecord(*fields) for fields in zip(columns.values, columns.keys, columns.headers, strict=False)]
    assert encode_batch(records, now_ms=5)[HEADER_SIZE:] == data


@given(name_lists)
def test_a_run_of_records_that_are_alike_has_such_names(raw_names: list[bytes]):
    columns = columns_of(20)

    slot, _ = take_alike(columns, b"".join(alike(raw_names, 20)), 0, 0, 0, 19)

    assert slot == (0 if any(len(name) > 64 for name in raw_names) else 20)
    assert raw_names_in(columns)[:slot] == [raw_names] * slot


@pytest.mark.skipif(IS_COMPILED, reason="machine code takes field by field what is not laid out alike")
@given(name_lists)
def test_a_stretch_of_records_that_begin_alike_has_such_names(raw_names: list[bytes]):
    columns = columns_of(20)

    assert take_similar(columns, b"".join(similar(raw_names, 20)), 0, 0, 0)[0] > 0
    assert raw_names_in(columns)[0] == raw_names


@given(name_lists)
def test_headers_read_by_themselves_have_such_names(raw_names: list[bytes]):
    data = tail(raw_names, b"1")

    headers, end = decode_headers(data, 0)

    assert ([encode_name(name) for name, _ in headers], end) == (raw_names, len(data))


@pytest.mark.parametrize("surrogate", [0xD800, 0xDC7F, 0xDD00])
def test_a_surrogate_that_stands_for_no_byte_is_refused(surrogate: int):
    with pytest.raises(UnicodeEncodeError):
        encode_batch([NewRecord(b"v", headers=((chr(surrogate), b"1"),))], now_ms=5)
