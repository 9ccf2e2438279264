"""Records that begin alike, with keys, values and headers of many sizes, come out as when each is read by itself."""

import pytest
from hypothesis import given, settings, strategies as st

from gomq_storage import record_heads
from gomq_storage.record_columns import IS_COMPILED
from gomq_storage.record_fields import Columns
from gomq_storage.record_heads import take_similar
from gomq_storage.varint import encode
from tests.storage.test_record_runs import laid_out, read_one_by_one, sealed, taken

values = st.none() | st.binary(max_size=12) | st.sampled_from([b"x" * 63, b"x" * 64, b"y" * 300, b"z" * 9000])
names = st.sampled_from(["", "trace", "é", "\udcff\udcc3", "n" * 70])
tails = st.lists(st.tuples(names, values), max_size=3)
stamps = st.sampled_from([0, 0, 1, -1, 63, 64, -65, 8192])


def field(data: bytes | None) -> bytes:
    return encode(-1) if data is None else encode(len(data)) + data


def tail(headers: list[tuple[str, bytes | None]]) -> bytes:
    return encode(len(headers)) + b"".join(
        field(name.encode(errors="surrogateescape")) + field(value) for name, value in headers
    )


@st.composite
def batches(draw: st.DrawFn) -> tuple[bytes, int]:
    """Records whose offsets may have gaps, laid out: the bytes, and how many they are."""
    drawn = draw(st.lists(st.tuples(stamps, values, values, tails), min_size=1, max_size=6))
    delta = draw(st.sampled_from([0, 0, 40, 8180]))
    records = []
    for number in range(draw(st.integers(1, 60))):
        stamp, key, value, headers = drawn[number % len(drawn)]
        records.append(laid_out(delta, stamp, field(key), field(value), tail(headers)))
        delta += draw(st.sampled_from([1] * 12 + [2]))
    return b"".join(records), len(records)


@settings(max_examples=60)
@given(batches(), st.sampled_from([9, 60]))
def test_records_that_begin_alike_are_read_as_one_by_one(batch: tuple[bytes, int], at_once: int):
    data, count = batch

    assert taken(sealed(data, count), at_once) == read_one_by_one(data, count)


@settings(max_examples=60)
@given(batches(), st.data())
def test_records_with_changed_bytes_are_read_or_refused_as_one_by_one(batch: tuple[bytes, int], draws: st.DataObject):
    data, count = bytearray(batch[0]), batch[1]
    for _ in range(draws.draw(st.integers(1, 3))):
        data[draws.draw(st.integers(0, len(data) - 1))] = draws.draw(st.sampled_from([0, 1, 2, 127, 128, 129, 255]))
    changed = sealed(bytes(data), count)

    assert taken(changed, 60) == taken(changed, 1)


@settings(max_examples=60)
@given(batches(), st.data())
def test_records_that_are_cut_off_are_refused(batch: tuple[bytes, int], draws: st.DataObject):
    data, count = batch
    cut = data[: draws.draw(st.integers(0, len(data) - 1))]

    assert taken(sealed(cut, count), 60) == "refused"


def columns_of(count: int) -> Columns:
    return Columns(list(range(count)), [0] * count, [None] * count, [None] * count, [()] * count)


@pytest.mark.skipif(IS_COMPILED, reason="machine code takes field by field what is not laid out alike")
def test_keys_values_and_headers_of_any_size_are_one_stretch():
    records = [
        laid_out(number, 0, field(b"k" * (number % 7)), field(b"v" * (60 + number)), tail([("trace", b"%d" % number)]))
        for number in range(60)
    ]
    columns = columns_of(60)

    assert take_similar(columns, b"".join(records), 0, 0, 0) == (60, sum(map(len, records)))
    assert columns.values[59] == b"v" * 119
    assert columns.headers[59] == (("trace", b"59"),)


def test_the_stretch_ends_in_front_of_a_record_that_begins_otherwise():
    records = [laid_out(number, 0, field(b"k"), field(b"v" * 70)) for number in (0, 1, 3)]

    assert take_similar(columns_of(3), b"".join(records), 0, 0, 0)[0] == 2


def test_what_is_kept_of_numbers_does_not_grow_without_end():
    for start in range(0, 3 * record_heads._MOST_KEPT, 60):
        records = [
            laid_out(number, start + number, field(b"k"), field(b"v" * 70), tail([("id", b"%d" % (start + number))]))
            for number in range(60)
        ]
        take_similar(columns_of(60), b"".join(records), 0, 0, 0)

    assert len(record_heads._NUMBERS) <= record_heads._MOST_KEPT
