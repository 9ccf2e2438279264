"""A batch's header is read as it is written, and damage is noticed wherever it is."""

import struct

import pytest
from crc32c import crc32c
from hypothesis import given, settings, strategies as st

from gomq_storage.batch import (
    ATTRIBUTES_POSITION,
    HEADER,
    HEADER_SIZE,
    MIN_LENGTH,
    STAMP_SIZE,
    BatchHeader,
    check_batch,
    date,
    read_header,
    stamp,
    walk,
)
from gomq_storage.compression import Codec
from gomq_storage.errors import CorruptBatchError, UnsupportedMagicError
from gomq_storage.record import NewRecord, encode_batch
from tests.support.log_batches import batch_of

BATCH = encode_batch([NewRecord(b"value", b"key", (("header", b"1"),)), NewRecord(None)], now_ms=1_700_000_000_000)
OUTSIDE_OF_THE_CRC = range(17)
LENGTH = slice(8, 12)

int64 = st.integers(-(2**63), 2**63 - 1)
int32 = st.integers(-(2**31), 2**31 - 1)
int16 = st.integers(-(2**15), 2**15 - 1)
base_offsets = st.integers(0, 2**63 - 2**31 - 2)
headers = st.builds(
    BatchHeader,
    base_offset=base_offsets, length=st.integers(MIN_LENGTH, 2**31 - 1), leader_epoch=int32,
    magic=st.just(2), crc=st.integers(0, 2**32 - 1), attributes=int16, last_offset_delta=st.integers(0, 2**31 - 1),
    base_timestamp=int64, max_timestamp=int64, producer_id=int64, producer_epoch=int16, base_sequence=int32,
    record_count=int32,
)  # fmt: skip


def changed(field: int, value: int) -> bytes:
    """Change one field of the batch's header, and make its CRC right again."""
    fields = list(HEADER.unpack_from(BATCH))
    fields[field] = value
    data = bytearray(BATCH)
    HEADER.pack_into(data, 0, *fields)
    struct.pack_into(">I", data, 17, crc32c(data[ATTRIBUTES_POSITION:]))
    return bytes(data)


@given(headers, st.binary(max_size=9))
def test_a_header_is_read_as_it_was_written_wherever_it_is(header: BatchHeader, front: bytes):
    assert read_header(front + HEADER.pack(*header), len(front)) == header


def test_a_headers_fields_are_where_kafka_has_them():
    data = bytes.fromhex(
        "0000000000000102 00000031 00000003 02 0a0b0c0d 007b 00000004 0000000000000005"
        "0000000000000006 0000000000000007 0008 00000009 0000000a"
    )
    header = read_header(data)

    assert header == BatchHeader(0x102, 49, 3, 2, 0x0A0B0C0D, 0x7B, 4, 5, 6, 7, 8, 9, 10)
    assert (header.size, header.last_offset, header.next_offset) == (61, 0x106, 0x107)
    assert (header.codec, header.is_log_append_time, header.is_transactional) == (Codec.LZ4, True, True)
    assert (header.is_control, header.delete_horizon_ms) == (True, 5)
    plain = header._replace(attributes=0)
    assert (plain.codec, plain.is_log_append_time, plain.is_transactional) == (Codec.NONE, False, False)
    assert (plain.is_control, plain.delete_horizon_ms) == (False, None)


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview], ids=lambda kind: kind.__name__)
def test_a_whole_batch_passes_whatever_holds_it(kind: type):
    assert check_batch(kind(BATCH)).size == len(BATCH)
    assert check_batch(kind(b"abc" + BATCH + b"def"), 3).size == len(BATCH)


def test_every_cut_of_a_batch_is_refused():
    for size in range(len(BATCH)):
        with pytest.raises(CorruptBatchError):
            check_batch(BATCH[:size])


def test_every_flipped_bit_is_noticed_but_those_of_offset_and_leader_epoch_which_the_neighbours_tell():
    for bit in range(8 * len(BATCH)):
        data = bytearray(BATCH)
        data[bit // 8] ^= 1 << bit % 8
        position = bit // 8
        try:
            header = check_batch(data)
        except CorruptBatchError:
            continue
        assert position in range(8) or position in range(12, 16), f"bit {bit % 8} of byte {position}"
        assert (header.base_offset, header.leader_epoch) != (0, -1)


@pytest.mark.parametrize("magic", [0, 1, 3, 127, -1])
def test_another_message_format_is_refused_by_number(magic: int):
    data = changed(3, magic)

    for cut in (data, data[:HEADER_SIZE], data[:17]):
        with pytest.raises(UnsupportedMagicError) as raised:
            read_header(cut)
        assert raised.value.magic in {magic, magic & 0xFF}


@pytest.mark.parametrize("length", [-(2**31), -1, 0, 13, MIN_LENGTH - 1])
def test_a_length_that_no_batch_can_have_is_refused(length: int):
    with pytest.raises(CorruptBatchError, match=f"length {length}"):
        read_header(changed(1, length))


@pytest.mark.parametrize("length", [len(BATCH) - 11, 2**31 - 1])
def test_a_length_beyond_the_data_is_refused(length: int):
    with pytest.raises(CorruptBatchError, match="are there"):
        check_batch(changed(1, length))


@pytest.mark.parametrize(("field", "value"), [(0, -1), (0, -(2**63)), (6, -1), (6, -(2**31))])
def test_negative_offsets_are_refused(field: int, value: int):
    with pytest.raises(CorruptBatchError, match="offset"):
        check_batch(changed(field, value))


def test_an_error_says_where():
    with pytest.raises(CorruptBatchError) as raised:
        check_batch(BATCH + BATCH[:-1] + b"?", len(BATCH))

    assert raised.value.position == len(BATCH)
    assert "CRC" in raised.value.reason


@pytest.mark.parametrize(("base_offset", "is_sound"), [(2**63 - 3, True), (2**63 - 2, False), (2**63 - 1, False)])
def test_a_batch_behind_which_there_is_no_offset_is_corrupt(base_offset: int, is_sound: bool):
    header = read_header(BATCH)  # of two records
    batch = stamp(header, base_offset=base_offset, leader_epoch=0) + BATCH[STAMP_SIZE:]
    if is_sound:
        assert read_header(batch).next_offset == 2**63 - 1
    else:
        with pytest.raises(CorruptBatchError, match=f"base offset {base_offset}"):
            read_header(batch)


@given(base_offsets, st.integers(0, 2**31 - 1))
def test_a_stamped_batch_is_the_same_but_for_offset_and_epoch_and_its_crc_holds(base_offset: int, leader_epoch: int):
    header = read_header(BATCH)
    stamped = stamp(header, base_offset=base_offset, leader_epoch=leader_epoch) + BATCH[STAMP_SIZE:]

    assert check_batch(stamped) == header._replace(base_offset=base_offset, leader_epoch=leader_epoch)


@settings(deadline=None)
@given(st.lists(st.integers(0, 40), max_size=6), st.data())
def test_a_walk_yields_the_whole_batches_of_whatever_a_fetch_cut_off(sizes: list[int], data: st.DataObject):
    batches = [batch_of(bytes(size)) for size in sizes]
    stream = b"".join(batches)
    cut = data.draw(st.integers(0, len(stream)))
    whole: list[tuple[int, int]] = []
    for batch in batches:
        position = sum(size for _, size in whole)
        if position + len(batch) <= cut:
            whole.append((position, len(batch)))
        else:
            break

    assert [(position, header.size) for position, header in walk(stream[:cut])] == whole


@pytest.mark.parametrize("length", [-1, 0, MIN_LENGTH - 1])
def test_a_walk_over_a_length_that_cannot_be_ends_in_an_error_and_not_for_ever(length: int):
    stream = BATCH + changed(1, length) + BATCH

    with pytest.raises(CorruptBatchError) as raised:
        list(walk(stream))

    assert raised.value.position == len(BATCH)


@given(st.binary(max_size=200))
def test_a_walk_over_any_bytes_ends(data: bytes):
    try:
        found = list(walk(data))
    except CorruptBatchError:
        return
    assert sum(header.size for _, header in found) <= len(data)


@given(int64, st.booleans(), st.sampled_from(Codec), st.binary(max_size=20))
def test_another_date_changes_nothing_else(timestamp: int, is_append_time: bool, codec: Codec, behind: bytes):
    raw = encode_batch([NewRecord(b"value", b"key"), NewRecord(None)], now_ms=1_700_000_000_000, codec=codec)
    header = check_batch(raw)

    dated, its_header = date(raw + behind, header, max_timestamp=timestamp, is_log_append_time=is_append_time)

    assert its_header == check_batch(dated)
    assert (its_header.max_timestamp, its_header.is_log_append_time) == (timestamp, is_append_time)
    assert its_header.codec is codec
    again, same_header = date(dated, its_header, max_timestamp=header.max_timestamp, is_log_append_time=False)
    assert (again, same_header) == (raw, header)
