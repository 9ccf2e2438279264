"""Zig-zag variable-length integers, as Kafka's records have them (``ByteUtils.writeVarint``).

Seven bits a byte, lowest first, the top bit says that another byte follows. Zig-zag puts the sign into
the lowest bit, so that small negative numbers stay short: 0, -1, 1, -2 are coded as 0, 1, 2, 3.
"""

from collections.abc import Iterator, Sequence
from typing import Final

MAX_VARLONG_BYTES = 10


def encode_unsigned(value: int) -> bytes:
    """Encode a number that is not negative."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def encode(value: int) -> bytes:
    """Encode a signed number of at most 64 bits."""
    return encode_unsigned((value << 1) ^ (value >> 63))


def _small() -> Iterator[bytes]:
    """Put together what ``encode`` gives for 0, 1, 2 ..., a fifth as slow: a start of the broker waits for it."""
    last = [bytes([value]) for value in range(0x80)]
    low = [bytes([value | 0x80]) for value in range(0, 0x80, 2)]  # numbers that are not negative are even by then
    middle = [bytes([value | 0x80]) for value in range(0x80)]
    yield from last[::2]
    yield from (first + second for second in last[1:] for first in low)
    yield from (first + second + b"\1" for second in middle for first in low)


SMALL: Final[Sequence[bytes]] = tuple(_small())
"""``SMALL[n] == encode(n)`` for the lengths and offset deltas that nearly all records have, up to 2^14."""


def decode(data: bytes, position: int) -> tuple[int, int]:
    """Decode the signed number at a position; return it and the position behind it.

    Raises:
        IndexError: the data ends within the number.
        ValueError: the number has more than ten bytes.
    """
    raw = data[position]
    position += 1
    if raw > 0x7F:
        raw &= 0x7F
        shift = 7
        while True:
            byte = data[position]
            position += 1
            raw |= (byte & 0x7F) << shift
            if byte < 0x80:
                break
            shift += 7
            if shift >= 7 * MAX_VARLONG_BYTES:
                raise ValueError("varint longer than ten bytes")
    return (raw >> 1) ^ -(raw & 1), position
