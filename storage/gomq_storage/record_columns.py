"""The records of a batch, field by field: the hot loop of every consumer. The format is drawn in ``record.py``.

Four lanes, of which each takes a stretch of records. Records that are laid out alike are read all at once; that is in
``record_runs.py``. *Plain* records have a value and neither key nor headers: their length says where everything is, so
one call of ``struct`` reads all of a record, and what it read is compared with what a plain record of that length must
hold. Records with keys or headers that at least begin alike are in ``record_heads.py``. Whatever is neither is read
field by field.

This module and what it imports can be compiled; ``make compiled`` shows how. Field by field is then the fastest way for
all that are not laid out alike.
"""

import struct
from collections.abc import Callable
from typing import Final, NamedTuple

from gomq_storage.batch import BatchHeader
from gomq_storage.record_fields import Columns
from gomq_storage.record_heads import decode_headers, take_similar
from gomq_storage.record_runs import FEW, take_alike
from gomq_storage.varint import SMALL, decode, encode

_MAX_LAYOUTS: Final = 4096
_LONGEST_STRETCH: Final = 1024


class Place(NamedTuple):
    """A record in a batch."""

    number: int
    """How many are in front of it."""
    position: int
    """Where it starts."""


def decode_columns(data: bytes, header: BatchHeader, place: Place, count: int) -> tuple[Columns, Place]:
    """Decode some records of a batch; return them and the place behind the last one.

    Args:
        data: all records of the batch, not compressed any more.
        header: the batch's.
        place: the first record to decode.
        count: how many, no more than there are.

    Raises:
        IndexError, ValueError: they are not what the header says, or not records.
    """
    first, position = place
    last_delta = header.last_offset_delta
    columns = Columns(  # what most records hold, until something else is found
        list(range(header.base_offset + first, header.base_offset + first + count)),
        [header.base_timestamp] * count,
        [None] * count,
        [None] * count,
        [()] * count,
    )
    if count <= FEW:
        return columns, Place(first + count, _take_any(columns, data, first, 0, count, position, last_delta))
    slot = 0
    stretch = FEW
    while slot < count:
        start = slot
        slot, position = take_alike(columns, data, first, slot, position, last_delta)
        if slot == start and not IS_COMPILED:
            slot, position = _take_plain(columns, data, first, slot, position)
            if slot - start < FEW and slot < count:
                slot, position = take_similar(columns, data, first, slot, position)
        if slot - start >= FEW:
            stretch = FEW
            continue
        end = min(slot + stretch, count)
        position = _take_any(columns, data, first, slot, end, position, last_delta)
        slot = end
        stretch = min(2 * stretch, _LONGEST_STRETCH)
    return columns, Place(first + count, position)


class _Layout(NamedTuple):
    """Where everything is in a plain record of one length, offset deltas of one width."""

    unpack: Callable[[bytes, int], tuple[int, bytes, bytes, bytes, int]]
    """Reads timestamp delta, offset delta, what is in front of the value, value, header count."""
    middle: bytes
    """What must be in front of the value: a null key and the value's size."""
    size: int


class _Layouts(dict[bytes, _Layout | None]):
    """The layouts by a record's first two bytes, its length; made at first use, a bounded number."""

    def __init__(self, offset_width: int) -> None:
        super().__init__()
        self._offset_width = offset_width

    def __missing__(self, start: bytes) -> _Layout | None:
        if len(self) >= _MAX_LAYOUTS:
            self.clear()
        layout = self[start] = self._make(start)
        return layout

    def _make(self, start: bytes) -> _Layout | None:
        try:
            length, behind = decode(start, 0)
        except IndexError:
            return None  # longer than two bytes can say
        rest = length - 4 - self._offset_width  # without attributes, timestamp, offset, key and header count
        value_size = next(
            (rest - width for width in (1, 2) if rest >= width and len(encode(rest - width)) == width), None
        )
        if value_size is None:
            return None
        middle = encode(-1) + encode(value_size)
        fields = struct.Struct(f"{behind + 1}xB{self._offset_width}s{len(middle)}s{value_size}sB")
        return _Layout(fields.unpack_from, middle, fields.size)


_LAYOUTS: Final = tuple((_Layouts(width), last) for width, last in ((1, 64), (2, 8192), (3, len(SMALL))))
"""With the index up to which offset deltas have that width."""


def _take_plain(columns: Columns, data: bytes, first: int, slot: int, position: int) -> tuple[int, int]:
    """Take plain records for as long as there are any; return slot and position of the next record.

    Args:
        columns: where to put them.
        data: all records of the batch.
        first: how many records of the batch are in front of the columns' first.
        slot: where in the columns to begin.
        position: where that record starts.
    """
    _, timestamps, _, values, _ = columns
    last = first + len(values)
    for layouts, width_ends in _LAYOUTS:
        for slot, expected in enumerate(SMALL[first + slot : min(width_ends, last)], slot):  # noqa: B020, PLR1704
            layout = layouts[data[position : position + 2]]
            if layout is None or position + layout[2] > len(data):
                return slot, position
            unpack, middle, size = layout
            timestamp_delta, offset_delta, found_middle, value, header_count = unpack(data, position)
            if found_middle != middle or offset_delta != expected or header_count or timestamp_delta > 0x7F:
                return slot, position
            if timestamp_delta:
                timestamps[slot] += (timestamp_delta >> 1) ^ -(timestamp_delta & 1)
            values[slot] = value
            position += size
        slot = max(slot, min(width_ends, last) - first)
    return slot, position


def _take_any(  # noqa: C901, PLR0912, PLR0913, PLR0915, PLR0917 - one flat loop: a call per field would double the time
    columns: Columns, data: bytes, first: int, slot: int, end: int, position: int, last_delta: int
) -> int:
    """Take records of whatever form up to a slot; return the position of the next record; see ``_take_plain``.

    An offset that no record of the batch can have is refused: whoever read it would go on outside the batch.
    """
    offsets, timestamps, keys, values, headers = columns
    for number in range(slot, end):
        raw = data[position]
        if raw < 0x80:
            position += 1
            length = (raw >> 1) ^ -(raw & 1)
        elif (high := data[position + 1]) < 0x80:
            position += 2
            length = ((high << 6) | (raw & 0x7F) >> 1) ^ -(raw & 1)
        else:
            length, position = decode(data, position)
        record_end = position + length

        raw = data[position + 1]  # behind the attributes, which mean nothing
        if raw < 0x80:
            position += 2
            if raw:
                timestamps[number] += (raw >> 1) ^ -(raw & 1)
        elif (high := data[position + 2]) < 0x80:
            position += 3
            timestamps[number] += ((high << 6) | (raw & 0x7F) >> 1) ^ -(raw & 1)
        else:
            delta, position = decode(data, position + 1)
            timestamps[number] += delta

        raw = data[position]
        if raw < 0x80:
            position += 1
            delta = (raw >> 1) ^ -(raw & 1)
        elif (high := data[position + 1]) < 0x80:
            position += 2
            delta = ((high << 6) | (raw & 0x7F) >> 1) ^ -(raw & 1)
        else:
            delta, position = decode(data, position)
        if delta != first + number:  # compaction has taken some out
            if not first + number < delta <= last_delta:
                raise ValueError(f"record {first + number} has offset delta {delta}, the last one {last_delta}")
            offsets[number] += delta - first - number

        raw = data[position]
        if raw < 0x80:
            position += 1
            size = (raw >> 1) ^ -(raw & 1)
        elif (high := data[position + 1]) < 0x80:
            position += 2
            size = ((high << 6) | (raw & 0x7F) >> 1) ^ -(raw & 1)
        else:
            size, position = decode(data, position)
        if size >= 0:
            keys[number] = data[position : position + size]
            position += size

        raw = data[position]
        if raw < 0x80:
            position += 1
            size = (raw >> 1) ^ -(raw & 1)
        elif (high := data[position + 1]) < 0x80:
            position += 2
            size = ((high << 6) | (raw & 0x7F) >> 1) ^ -(raw & 1)
        else:
            size, position = decode(data, position)
        if size >= 0:
            values[number] = data[position : position + size]
            position += size

        if data[position]:
            headers[number], position = decode_headers(data, position)
        else:
            position += 1
        if position != record_end or length < 0:
            raise ValueError(f"record {first + number} ends at byte {position}, its length says {record_end}")
    return position


IS_COMPILED: Final = not hasattr(_take_any, "__code__")
"""Whether this is machine code rather than Python."""
