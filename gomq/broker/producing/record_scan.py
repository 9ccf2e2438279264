"""What a broker wants to know of a batch's records: are they records, in a row, of when, and has each a key.

The hot loop of full validation, and of what goes into a compacted topic. The format is drawn in
``gomq_storage/record.py``; Kafka: ``DefaultRecord.readFrom``. Keys, values and headers are passed over, not copied,
and whether names of headers are UTF-8 nobody asks. Numbers are as long as Kafka takes them: sizes and offsets up to
five bytes and 32 bits, timestamps up to ten and 64.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

_NO_DELTA: Final = 1 << 64


class Place(NamedTuple):
    """A record in a batch."""

    number: int
    """How many are in front of it."""
    position: int
    """Where it starts."""


class Found(NamedTuple):
    """What some records have."""

    least_delta: int
    """The smallest timestamp delta."""
    most_delta: int
    """The largest."""
    has_keys: bool
    """Whether each has a key."""


def scan(data: bytes, place: Place, count: int) -> tuple[Found, Place]:  # noqa: C901, PLR0912, PLR0915 - one flat loop
    """Look at some records; return what they have and the place behind the last.

    Args:
        data: all records of the batch, not compressed any more.
        place: the first to look at.
        count: how many, at least one and no more than there are.

    Raises:
        IndexError, ValueError: they are not records, or their offset deltas do not go on as 0, 1, 2 ...
    """
    first, position = place
    least, most, has_keys = _NO_DELTA, -_NO_DELTA, True
    for number in range(first, first + count):
        raw = data[position]
        if raw < 0x80:
            position += 1
            end = position + ((raw >> 1) ^ -(raw & 1))
        elif (high := data[position + 1]) < 0x80:
            position += 2
            end = position + (((high << 6) | (raw & 0x7F) >> 1) ^ -(raw & 1))
        else:
            length, position = _int32(data, position)
            end = position + length

        raw = data[position + 1]  # behind the attributes, which mean nothing
        if raw < 0x80:
            position += 2
            delta = (raw >> 1) ^ -(raw & 1)
        elif (high := data[position + 2]) < 0x80:
            position += 3
            delta = ((high << 6) | (raw & 0x7F) >> 1) ^ -(raw & 1)
        else:
            delta, position = _int64(data, position + 1)
        if delta > most:  # noqa: PLR1730 - a call takes longer than all of this
            most = delta
        if delta < least:  # noqa: PLR1730
            least = delta

        raw = data[position]
        if raw < 0x80:
            position += 1
            delta = (raw >> 1) ^ -(raw & 1)
        elif (high := data[position + 1]) < 0x80:
            position += 2
            delta = ((high << 6) | (raw & 0x7F) >> 1) ^ -(raw & 1)
        else:
            delta, position = _int32(data, position)
        if delta != number:
            raise ValueError(f"record {number} has the offset delta {delta}")

        raw = data[position]
        if raw == 1:
            position += 1
            has_keys = False
        elif raw < 0x80 and not raw & 1:
            position += 1 + (raw >> 1)
        else:
            size, position = _int32(data, position)
            if size < 0:
                has_keys = False
            else:
                position += size

        raw = data[position]
        if raw < 0x80 and not raw & 1:
            position += 1 + (raw >> 1)
        elif (high := data[position + 1]) < 0x80 and not raw & 1:
            position += 2 + ((high << 6) | (raw & 0x7F) >> 1)
        else:
            size, position = _int32(data, position)
            if size > 0:
                position += size

        if data[position]:
            position = _skip_headers(data, position)
        else:
            position += 1
        if position != end:
            raise ValueError(f"record {number} ends at byte {position}, its length says {end}")
    return Found(least, most, has_keys), Place(first + count, position)


def scan_each(data: bytes, place: Place, end: Place) -> Iterator[tuple[int, int, bool]]:
    """Yield number, timestamp delta and whether there is a key of records that ``scan`` has passed."""
    while place.number < end.number:
        (delta, _, has_key), behind = scan(data, place, 1)
        yield place.number, delta, has_key
        place = behind


def _skip_headers(data: bytes, position: int) -> int:
    count, position = _int32(data, position)
    if not 0 <= count <= len(data) - position:
        raise ValueError(f"{count} headers in {len(data) - position} bytes")
    for _ in range(count):
        size, position = _int32(data, position)
        if not 0 <= size <= len(data) - position:
            raise ValueError(f"header name of {size} bytes, {len(data) - position} are left")
        size, position = _int32(data, position + size)
        if size > len(data) - position:
            raise ValueError(f"header value of {size} bytes, {len(data) - position} are left")
        position += max(size, 0)
    return position


def _int32(data: bytes, position: int) -> tuple[int, int]:
    return _varint(data, position, bits=32)


def _int64(data: bytes, position: int) -> tuple[int, int]:
    return _varint(data, position, bits=64)


def _varint(data: bytes, position: int, *, bits: int) -> tuple[int, int]:
    raw = shift = 0
    while True:
        byte = data[position]
        position += 1
        raw |= (byte & 0x7F) << shift
        if byte < 0x80:
            break
        shift += 7
        if shift >= bits:
            raise ValueError(f"varint longer than {bits} bits")
    if raw >> bits:
        raise ValueError(f"varint of more than {bits} bits")
    return (raw >> 1) ^ -(raw & 1), position
