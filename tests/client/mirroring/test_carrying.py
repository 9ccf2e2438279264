"""What becomes of a batch on its way: as it is where that can be, else made anew with the same messages."""

import pytest
from crc32c import crc32c
from hypothesis import given, strategies as st

from gomq.client.consuming.fetched import Chunk
from gomq.client.mirroring.carrying import Carried, Run, carry, read_columns
from gomq.client.producing.batch import OutgoingBatch
from gomq_storage.batch import (
    ATTRIBUTES_POSITION,
    HEADER,
    HEADER_SIZE,
    STAMP_SIZE,
    check_batch,
    read_header,
    stamp,
    walk,
)
from gomq_storage.compression import Codec
from gomq_storage.errors import CorruptBatchError
from gomq_storage.layout import TopicPartition
from gomq_storage.record import NewRecord, Record, build_batch, decode_batch, encode_batch, encode_records

PARTITION = TopicPartition("orders", 0)
RECORDS = [NewRecord(b"v%d" % number, b"k%d" % number, (("h", b"1"),), 1000 + number) for number in range(4)]


def chunk_of(*batches: bytes, wanted: int = 0) -> Chunk:
    """Make a chunk of batches as they were fetched."""
    data = b"".join(batches)
    return Chunk(
        target=PARTITION, wanted=wanted, data=data, batches=list(walk(data)), max_decompressed_bytes=1 << 20
    )  # fmt: skip


def stored(carried: Carried) -> list[Record]:
    """Encode a batch as the producer would, and decode it again."""
    batch = OutgoingBatch(PARTITION, now=0, deadline=1)
    batch.body, batch.codec, batch.timestamps = carried.body, carried.codec, carried.timestamps
    batch.count = carried.message_count
    raw = b"".join(batch.encode(Codec.NONE))
    return decode_batch(raw, check_batch(raw))


def plain(record: Record) -> tuple[object, ...]:
    """All of a message but its offset."""
    return (record.timestamp, record.key, record.value, record.headers)


@pytest.mark.parametrize("codec", list(Codec))
def test_a_whole_batch_keeps_its_body_and_codec(codec: Codec):
    raw = stamped(encode_batch(RECORDS, now_ms=5, codec=codec), 7)

    (carried,) = carry(chunk_of(raw, wanted=7), wanted=7, until=None)

    assert carried.body == raw[HEADER_SIZE:]
    assert carried.codec is codec
    assert carried.runs == (Run(7, 4),)
    assert carried.next_source == 11
    assert [plain(each) for each in stored(carried)] == [
        (each.timestamp, each.key, each.value, each.headers) for each in RECORDS
    ]


def test_of_a_batch_whose_front_is_not_wanted_only_the_rest_is_carried():
    raw = stamped(encode_batch(RECORDS, now_ms=5, codec=Codec.GZIP), 7)

    (carried,) = carry(chunk_of(raw, wanted=9), wanted=9, until=None)

    assert carried.runs == (Run(9, 2),)
    assert [each.value for each in stored(carried)] == [b"v2", b"v3"]


def test_the_first_message_goes_alone_where_that_is_wanted():
    raw = stamped(encode_batch(RECORDS, now_ms=5), 0)
    following = stamped(encode_batch(RECORDS, now_ms=5), 4)

    first, rest, whole = carry(chunk_of(raw, following), wanted=0, until=None, first_alone=True)

    assert [first.runs, rest.runs] == [(Run(0, 1),), (Run(1, 3),)]
    assert [first.next_source, rest.next_source] == [1, 4]
    assert whole.body == following[HEADER_SIZE:]


def test_nothing_from_the_end_on_is_carried():
    batches = [stamped(encode_batch(RECORDS, now_ms=5), base) for base in (0, 4, 8)]

    assert [each.next_source for each in carry(chunk_of(*batches), wanted=0, until=8)] == [4, 8]


def test_a_control_batch_has_nothing_to_carry_and_its_offset_counts():
    chunk = chunk_of(stamped(encode_batch(RECORDS[:1], now_ms=5), 3), wanted=3)
    position, header = chunk.batches[0]
    chunk.batches[0] = (position, header._replace(attributes=header.attributes | 0b10_0000))

    assert list(carry(chunk, wanted=3, until=None)) == [Carried((), 4)]


def test_a_batch_with_missing_messages_is_made_anew_without_the_gap():
    raw = altered(stamped(encode_batch(RECORDS, now_ms=5), 0), last_offset_delta=9)

    (carried,) = carry(chunk_of(raw), wanted=0, until=None)

    assert carried.runs == (Run(0, 4),)
    assert carried.next_source == 10
    assert len(stored(carried)) == 4


def test_names_of_headers_that_are_no_text_are_the_same_in_a_batch_made_anew():
    records = [record._replace(headers=(("\udcff\udcc3(", b"1"), ("ü", None))) for record in RECORDS]
    raw = altered(stamped(encode_batch(records, now_ms=5), 0), last_offset_delta=9)

    (carried,) = carry(chunk_of(raw), wanted=0, until=None)

    assert carried.body.count(b"\xff\xc3(") == len(records)
    assert carried.body == raw[HEADER_SIZE:]


def test_the_first_gap_is_between_two_batches_where_that_is_wanted():
    raw = with_gap(RECORDS[:3], RECORDS[3:], gap=2)

    front, rest = carry(chunk_of(raw), wanted=0, until=None, gap_apart=True)
    first, second, third = carry(chunk_of(raw), wanted=0, until=None, gap_apart=True, first_alone=True)
    (together,) = carry(chunk_of(raw), wanted=0, until=None)

    assert (front.runs, front.next_source, rest.runs, rest.next_source) == ((Run(0, 3),), 3, (Run(5, 1),), 6)
    assert [each.runs for each in (first, second, third)] == [(Run(0, 1),), (Run(1, 2),), (Run(5, 1),)]
    assert together.runs == (Run(0, 3), Run(5, 1))
    assert [each.value for each in stored(front) + stored(rest)] == [each.value for each in RECORDS]


def test_times_that_the_brokers_clock_set_are_written_into_the_messages():
    raw = stamped(encode_batch(RECORDS, now_ms=5), 0)
    chunk = chunk_of(altered(raw, attributes=0b1000, max_timestamp=99))

    (carried,) = carry(chunk, wanted=0, until=None)

    assert {each.timestamp for each in stored(carried)} == {99}


@given(st.binary(min_size=1, max_size=8), st.integers(0, 400))
def test_damage_is_noticed(damage: bytes, place: int):
    raw = bytearray(stamped(encode_batch(RECORDS * 4, now_ms=5), 0))
    chunk = chunk_of(bytes(raw))
    place = HEADER_SIZE + place % (len(raw) - HEADER_SIZE - len(damage))
    if raw[place : place + len(damage)] == damage:
        return
    raw[place : place + len(damage)] = damage
    chunk.data = bytes(raw)

    with pytest.raises(CorruptBatchError):
        list(carry(chunk, wanted=0, until=None))
    with pytest.raises(CorruptBatchError):
        list(read_columns(chunk, wanted=0, until=None))


def stamped(batch: bytes, base_offset: int) -> bytes:
    """Have a batch begin at an offset."""
    return stamp(read_header(batch), base_offset=base_offset, leader_epoch=0) + batch[STAMP_SIZE:]


def altered(batch: bytes, **fields: int) -> bytes:
    """Change a batch's header, and make its CRC hold."""
    header = read_header(batch)._replace(**fields)
    crc = crc32c(HEADER.pack(*header)[ATTRIBUTES_POSITION:] + batch[HEADER_SIZE:])
    return HEADER.pack(*header._replace(crc=crc)) + batch[HEADER_SIZE:]


def with_gap(front: list[NewRecord], back: list[NewRecord], *, gap: int) -> bytes:
    """Make a batch of which some messages in the middle were compacted away."""
    records = [*front, *[NewRecord(b"compacted")] * gap, *back]
    encoded = [encode_records([each], base_timestamp=1000) for each in records]
    body = b"".join(
        each[:3] + bytes([2 * number]) + each[4:]  # the delta of its offset, as a zigzag varint
        for number, each in enumerate(encoded)
        if not len(front) <= number < len(front) + gap
    )
    raw = build_batch(body, record_count=len(front) + len(back), base_timestamp=1000, max_timestamp=1003)
    return altered(stamped(raw, 0), last_offset_delta=len(records) - 1)
