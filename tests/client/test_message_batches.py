"""A batch: the same messages, one by one or field by field."""

from datetime import UTC, datetime

from hypothesis import given, strategies as st

import gomq
from gomq.client.consuming.fetched import Chunk
from gomq.client.message import Batch
from gomq_storage.batch import BatchHeader, walk
from gomq_storage.layout import TopicPartition
from gomq_storage.record import NewRecord, encode_batch
from gomq_storage.record_fields import Columns

TARGET = TopicPartition("orders", 3)


def batch_of(count: int, *, first: int = 0) -> Batch:
    numbers = range(first, first + count)
    return Batch(
        "orders",
        3,
        Columns(
            list(numbers),
            [1000 + number for number in numbers],
            [b"k%d" % number for number in numbers],
            [b"v%d" % number for number in numbers],
            [(("h", b"%d" % number),) for number in numbers],
        ),
    )


def test_messages_and_fields_say_the_same():
    batch = batch_of(4, first=7)

    assert batch.messages[2] == gomq.Message("orders", 3, 9, 1009, b"k9", b"v9", (("h", b"9"),))
    assert [message.offset for message in batch.messages] == batch.offsets
    assert [message.timestamp for message in batch.messages] == batch.timestamps
    assert [message.key for message in batch.messages] == batch.keys
    assert [message.value for message in batch.messages] == batch.values
    assert [message.headers for message in batch.messages] == batch.headers
    assert list(batch) == batch.messages
    assert len(batch) == 4


def test_a_timestamp_is_a_time_where_a_datetime_can_be_that():
    message = batch_of(1).messages[0]
    last = datetime(9999, 12, 31, 23, 59, 59, 999000, tzinfo=UTC)

    assert message.time == datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)
    assert message._replace(timestamp=253_402_300_799_999).time == last
    for none in (-1, 253_402_300_800_000, 1_700_000_000_000_000, 2**63 - 1):
        assert message._replace(timestamp=none).time is None


def test_messages_are_made_once():
    batch = batch_of(2)

    assert batch.messages is batch.messages


@given(st.integers(0, 5), st.integers(-6, 6), st.none() | st.integers(-6, 6), st.booleans())
def test_a_part_of_a_batch_has_the_messages_that_a_slice_has(count: int, start: int, stop: int | None, are_made: bool):
    batch = batch_of(count)
    expected = list(batch_of(count))[start:stop]
    if are_made:
        assert batch.messages is not None

    part = batch.part(start, stop)

    assert part.messages == expected
    assert part.offsets == [message.offset for message in expected]
    assert (part.topic, part.partition, len(part)) == ("orders", 3, len(expected))
    assert bool(part) == bool(expected)


def test_a_batch_says_what_is_in_it():
    assert repr(batch_of(4, first=7)) == "<Batch of 4 messages, orders-3, offsets 7 to 10>"
    assert repr(batch_of(0)) == "<Batch of 0 messages, orders-3>"


def chunk_of(*sizes: int, wanted: int = 0) -> Chunk:
    """What a fetch brings: batches of so many messages, whose values are their offsets."""
    data = b""
    offset = 0
    for size in sizes:
        batch = bytearray(encode_batch([NewRecord(b"%d" % (offset + n)) for n in range(size)], now_ms=0))
        batch[:8] = offset.to_bytes(8, "big")
        data += batch
        offset += size
    batches: list[tuple[int, BatchHeader]] = [each for each in walk(data) if each[1].next_offset > wanted]
    return Chunk(target=TARGET, wanted=wanted, data=data, batches=batches, max_decompressed_bytes=1 << 20)


@given(st.lists(st.sampled_from([1, 2, 10, 299, 300, 301, 1000]), min_size=1, max_size=6), st.data())
def test_what_a_fetch_brought_is_handed_out_once_and_in_order(sizes: list[int], data: st.DataObject):
    end = sum(sizes)
    wanted = data.draw(st.integers(0, end - 1))
    chunk = chunk_of(*sizes, wanted=wanted)

    values: list[bytes | None] = []
    while not chunk.is_taken:
        batch = chunk.take()
        assert len(batch) <= 300
        assert batch.values == [b"%d" % offset for offset in batch.offsets]
        assert not batch or chunk.next_offset == batch.offsets[-1] + 1
        values += batch.values

    assert values == [b"%d" % offset for offset in range(wanted, end)]
    assert chunk.next_offset == end
