"""Records that begin alike, read with one call of ``struct`` each. The format of a record is drawn in ``record.py``.

Messages with keys and headers differ in the sizes of these, yet in a stretch of a batch nearly all lengths, timestamp
deltas and offset deltas take as many bytes as those of the record before. What is read so is compared with what it must
be; where anything is otherwise, the stretch ends and the other lanes go on, see ``record_columns.py``.
"""

import struct
from collections.abc import Callable
from functools import lru_cache
from typing import Final

from gomq_storage.record_fields import Columns, Headers, decode_name
from gomq_storage.varint import SMALL, decode

_MOST_KEPT: Final = 4096


class _Numbers(dict[bytes, int]):
    """What varints of a few bytes stand for; -1 << 63 for bytes that are none, or more than one."""

    def __missing__(self, raw: bytes) -> int:
        if len(self) >= _MOST_KEPT:
            self.clear()
        try:
            number, end = decode(raw, 0)
        except IndexError:
            number, end = NO_NUMBER, len(raw)
        self[raw] = number = number if end == len(raw) else NO_NUMBER
        return number


NO_NUMBER: Final = -1 << 63
_NUMBERS: Final = _Numbers()


def take_similar(  # noqa: C901, PLR0912, PLR0915 - one flat loop, as in the lane for all others
    columns: Columns, data: bytes, first: int, slot: int, position: int
) -> tuple[int, int]:
    """Take records that begin like the next one, for as long as there are any; return slot and position behind them.

    Args:
        columns: where to put them.
        data: all records of the batch.
        first: how many records of the batch are in front of the columns' first.
        slot: where in the columns to begin.
        position: where that record starts.

    Raises:
        IndexError, ValueError: one of them is no record.
    """
    _, timestamps, keys, values, headers = columns
    _, behind_length = decode(data, position)
    _, offset = decode(data, behind_length + 1)
    _, behind_offset = decode(data, offset)
    length_width, head_size = behind_length - position, behind_offset + 1 - position
    if length_width > 3 or head_size > 16 or position + head_size > len(data):
        return slot, position
    unpack = _head(length_width, offset - behind_length - 1, behind_offset - offset)
    numbers = _NUMBERS
    tail = b""  # what the last record had behind its value
    found: Headers = ()  # the headers that this stands for
    last = len(data) - head_size
    for number, expected in enumerate(SMALL[first + slot : first + len(values)], slot):
        if position > last:
            break
        raw_length, raw_timestamp, raw_offset, raw_key = unpack(data, position)
        place = position + head_size
        if raw_offset != expected or raw_key > 0x7F:
            break
        key_end = place + (raw_key >> 1)
        if raw_key & 1:
            key_end = place
            if raw_key != 1:
                break
        raw = data[key_end]
        if raw < 0x80:
            start = key_end + 1
            end = start + (raw >> 1)
        else:
            high = data[key_end + 1]
            start = key_end + 2
            end = start + (high << 6 | (raw & 0x7F) >> 1)
            if high > 0x7F:
                break
        delta = numbers[raw_timestamp]
        record_end = position + length_width + numbers[raw_length]
        if raw & 1 or end >= record_end or record_end > len(data) or delta == NO_NUMBER:
            break
        if delta:
            timestamps[number] += delta
        if raw_key != 1:
            keys[number] = data[place:key_end]
        values[number] = data[start:end]
        if data[end] or end + 1 != record_end:
            if data[end:record_end] != tail:
                tail = data[end:record_end]
                found, stop = decode_headers(tail, 0)
                if stop != len(tail):
                    raise ValueError(f"{len(tail) - stop} bytes are left behind the headers")
            headers[number] = found
        position = record_end
        slot = number + 1
    return slot, position


def decode_headers(  # noqa: C901, PLR0915 - one flat loop: a call per size would double the time
    data: bytes, position: int
) -> tuple[Headers, int]:
    """Decode the headers of a record from their count on; return them and the position behind them.

    Raises:
        IndexError, ValueError: they are none.
    """
    raw = data[position]
    if raw < 0x80 and not raw & 1:  # what nearly all of these numbers are: not negative, and one byte
        count, position = raw >> 1, position + 1
    else:
        count, position = decode(data, position)
    size = len(data)
    if not 0 <= count <= size - position:
        raise ValueError(f"{count} headers in {size - position} bytes")
    headers: list[tuple[str, bytes | None]] = []
    for _ in range(count):
        raw = data[position]
        if raw < 0x80 and not raw & 1:
            start = position + 1
            end = start + (raw >> 1)
        else:
            length, start = decode(data, position)
            end = start + length
        if not start <= end <= size:
            raise ValueError(f"header name of {end - start} bytes, {size - start} are left")
        try:  # costs nothing; to name an error handler would, with every name
            name = data[start:end].decode()
        except UnicodeDecodeError:
            name = decode_name(data[start:end])
        raw = data[end]
        if raw < 0x80 and not raw & 1:
            start = end + 1
            position = start + (raw >> 1)
        else:
            length, start = decode(data, end)
            if length < 0:
                headers.append((name, None))
                position = start
                continue
            position = start + length
        if position > size:
            raise ValueError(f"header value of {position - start} bytes, {size - start} are left")
        headers.append((name, data[start:position]))
    return tuple(headers), position


@lru_cache(maxsize=256)
def _head(length: int, timestamp: int, offset: int) -> Callable[[bytes, int], tuple[bytes, bytes, bytes, int]]:
    """Make what reads length, timestamp delta and offset delta of such widths, and the byte behind them."""
    return struct.Struct(f"{length}sx{timestamp}s{offset}sB").unpack_from
