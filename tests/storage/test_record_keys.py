"""Keys, offsets and places of records: the same as decoding them says, or a refusal."""

from itertools import chain
from typing import Any

import pytest
from hypothesis import given, strategies as st

from gomq_storage.batch import check_batch
from gomq_storage.compression import Codec
from gomq_storage.errors import CorruptBatchError
from gomq_storage.record import NewRecord, build_batch, decode_batch, encode_batch
from gomq_storage.record_keys import BatchKeys, KeyColumns
from tests.support.log_batches import NOW

RECORDS = st.lists(
    st.builds(
        NewRecord,
        value=st.none() | st.binary(max_size=300),
        key=st.none() | st.binary(max_size=80),
        headers=st.lists(st.tuples(st.text(max_size=3), st.none() | st.binary(max_size=3)), max_size=2).map(tuple),
        timestamp=st.integers(0, 2**50),
    ),
    min_size=1,
    max_size=150,
)


def taken(batch: bytes, most: int) -> tuple[bytes, KeyColumns]:
    keys = BatchKeys(batch, check_batch(batch))
    parts: list[KeyColumns] = []
    while not keys.is_taken:
        parts.append(keys.take(most))
    columns: list[list[Any]] = [list(chain.from_iterable(column)) for column in zip(*parts, strict=True)]
    return keys.data, KeyColumns(*columns)


@given(RECORDS, st.sampled_from(Codec), st.integers(1, 200))
def test_it_says_of_records_what_decoding_says(records: list[NewRecord], codec: Codec, most: int):
    batch = encode_batch(records, now_ms=NOW, codec=codec)
    header = check_batch(batch)

    data, columns = taken(batch, most)

    decoded = decode_batch(batch, header)
    assert columns.offsets == [record.offset for record in decoded]
    assert columns.keys == [record.key for record in decoded]
    assert columns.tombstones == [record.value is None for record in decoded]
    assert [header.base_timestamp + delta for delta in columns.timestamp_deltas] == [it.timestamp for it in decoded]
    assert [0, *columns.ends] == [*columns.starts, len(data)]


def of_bytes(records: bytes, count: int) -> bytes:
    return build_batch(records, record_count=count, base_timestamp=NOW, max_timestamp=NOW)


def record(*, length: int = 7, delta: int = 0, key_size: int = 1) -> bytes:
    return bytes([2 * length, 0, 0, 2 * delta, 2 * key_size, 0x6B, 0x01, 0])


@pytest.mark.parametrize(
    "records",
    [
        record(length=6),
        record(length=8),
        record(length=60),
        record(key_size=3),
        record(key_size=63),
        record() + b"x",
        b"\x0d" + record()[1:],
        b"\xff" * 8,
    ],
)
def test_a_record_that_is_not_what_it_says_is_refused(records: bytes):
    with pytest.raises(CorruptBatchError):
        taken(of_bytes(records, 1), 10)


def test_a_record_that_ends_with_its_key_is_refused_and_does_not_take_its_value_from_the_next_one():
    with pytest.raises(CorruptBatchError, match="key ends at byte 6, the record at 6"):
        taken(of_bytes(record(length=5)[:6] + record(delta=1), 2), 10)


def test_records_whose_offsets_do_not_ascend_or_leave_the_batch_are_refused():
    with pytest.raises(CorruptBatchError, match="offset delta 0 behind 0"):
        taken(of_bytes(record() + record(), 2), 10)
    with pytest.raises(CorruptBatchError, match="offset delta 5 behind 1"):
        taken(of_bytes(record() + record(delta=5), 2), 1)


def test_more_records_than_there_are_bytes_for_are_refused():
    with pytest.raises(CorruptBatchError, match="100 records in 8 bytes"):
        taken(of_bytes(record(), 100), 10)


@given(st.binary(min_size=7, max_size=60), st.integers(1, 8))
def test_any_bytes_are_read_or_refused(records: bytes, count: int):
    try:
        data, columns = taken(of_bytes(records, count), 3)
    except CorruptBatchError:
        return
    assert columns.ends[-1] == len(data)
