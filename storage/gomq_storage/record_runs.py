"""Runs of records that are laid out alike, read all at once. The format of a record is drawn in ``record.py``.

Most topics hold messages whose values, and keys, are all of one size. Their records are equally long and have every
field at the same place: the n-th bytes of all of them are one slice with a step, which is compared or decoded in one
go, and keys and values come out of a single call of ``struct``. Nothing is assumed: a run ends in front of the first
record in which any length, size or header's name is another than in the first one. What is in no run is left to the
other lanes, see ``record_columns.py``.
"""

import struct
from collections.abc import Sequence
from functools import lru_cache
from itertools import accumulate, repeat
from operator import lt
from typing import Final, NamedTuple

from gomq_storage.record_fields import Columns, decode_name
from gomq_storage.varint import SMALL, decode

FEW: Final = 8
"""So few records are read sooner one by one."""
_MOST: Final = 1024
"""How many are read at once: what ``struct`` keeps of a format is as long as the records are many."""
_MOST_HEADERS: Final = 8
_LONGEST_NAME: Final = 64
_CONTINUES: Final = bytes(byte >> 7 for byte in range(256))
"""For each byte of a varint, whether another one follows."""
_HALVES: Final = bytes(byte >> 1 for byte in range(256))
_EVEN: Final = bytes(range(0, 256, 2))
"""Varints of one byte that are not negative, which are half as much."""


class _Shape(NamedTuple):
    """Where a record has its fields, counted from its first byte."""

    size: int
    """Of the whole record."""
    fixed: tuple[int, ...]
    """The bytes that are the same in records of the same shape: all sizes, header count, header names."""
    timestamp: int
    """Where the timestamp delta begins; it ends where the offset delta begins."""
    offset: int
    offset_end: int
    fields: tuple[tuple[int, int], ...]
    """Begin and size, -1 for null, of key, value and each header's value."""
    names: tuple[str, ...]
    """The headers' names."""


def take_alike(columns: Columns, data: bytes, first: int, slot: int, position: int, last_delta: int) -> tuple[int, int]:
    """Take records that are laid out like the next one; return slot and position of the one behind them.

    Args:
        columns: where to put them.
        data: all records of the batch.
        first: how many records of the batch are in front of the columns' first.
        slot: where in the columns to begin.
        position: where that record starts.
        last_delta: the largest offset delta that a record of the batch can have.

    Raises:
        IndexError, ValueError: the next one is no record, or one of the run has an offset that it cannot have.
    """
    shape = _shape(data, position)
    if shape is None:
        return slot, position
    size = shape.size
    count = min(len(columns.values) - slot, (len(data) - position) // size, _MOST)
    if count < FEW or data[position] != data[position + (FEW - 1) * size]:
        return slot, position
    run = data[position : position + count * size]
    count = _count_alike(run, shape, count)
    if count < FEW:
        return slot, position
    run = run[: count * size]
    _put_timestamps(columns.timestamps, run, shape, slot)
    _put_offsets(columns.offsets, run, shape, slot, first + slot, last_delta)
    keys, values, *headers = _unpack(run, shape, count)
    stop = slot + count
    columns.keys[slot:stop] = keys
    columns.values[slot:stop] = values
    if headers:
        pairs = [zip(repeat(name), column, strict=False) for name, column in zip(shape.names, headers, strict=True)]
        columns.headers[slot:stop] = zip(*pairs, strict=True)
    return stop, position + len(run)


def _shape(data: bytes, position: int) -> _Shape | None:
    """Look at one record; None when it has large headers or is not as long as it says."""
    length, behind_length = decode(data, position)
    timestamp = behind_length + 1  # behind the attributes, which mean nothing
    _, offset = decode(data, timestamp)
    _, offset_end = decode(data, offset)
    place = offset_end
    fixed = list(range(position, behind_length))
    fields: list[tuple[int, int]] = []
    for _ in ("key", "value"):
        size, begin = decode(data, place)
        fixed += range(place, begin)
        fields.append((begin - position, size))
        place = begin + max(size, 0)
    count, begin = decode(data, place)
    fixed += range(place, begin)
    names: list[str] = []
    place = begin
    for _ in range(min(count, _MOST_HEADERS)):
        size, begin = decode(data, place)
        value_size, value = decode(data, begin + size)
        if not 0 <= size <= _LONGEST_NAME:
            return None
        names.append(decode_name(data[begin : begin + size]))
        fixed += range(place, value)
        fields.append((value - position, value_size))
        place = value + max(value_size, 0)
    if len(names) != count or place != behind_length + length or place > len(data):
        return None
    return _Shape(
        place - position,
        tuple(at - position for at in fixed),
        timestamp - position,
        offset - position,
        offset_end - position,
        tuple(fields),
        tuple(names),
    )


def _count_alike(data: bytes, shape: _Shape, count: int) -> int:
    """Count the records from the first byte on that have its shape, of so many at most that can."""
    for place in shape.fixed:
        column = data[place : count * shape.size : shape.size]
        if column != column[:1] * count:
            count -= len(column.lstrip(column[:1]))
    for begin, end in ((shape.timestamp, shape.offset), (shape.offset, shape.offset_end)):
        for place in range(begin, end):
            column = data[place : count * shape.size : shape.size]
            unlike = column.translate(_CONTINUES).find(1 if place == end - 1 else 0)
            if unlike >= 0:
                count = unlike
    return count


def _put_timestamps(timestamps: list[int], run: bytes, shape: _Shape, slot: int) -> None:
    """Add the timestamp deltas to the base timestamp, which is there already."""
    columns = [run[place :: shape.size] for place in range(shape.timestamp, shape.offset)]
    count = len(columns[0])
    base = timestamps[slot]
    if all(column == column[:1] * count for column in columns):
        delta = _deltas([column[:1] for column in columns])[0]
        if delta:
            timestamps[slot : slot + count] = [base + delta] * count
    elif len(columns) == 1 and not columns[0].translate(None, _EVEN):
        timestamps[slot : slot + count] = [base + delta for delta in columns[0].translate(_HALVES)]
    else:
        timestamps[slot : slot + count] = [base + delta for delta in _deltas(columns)]


_SEQUENCE: Final = (
    b"".join(SMALL[:64]) + b"".join(SMALL[64:8192])[0::2] + b"".join(SMALL[8192:])[0::3],
    bytes(64) + b"".join(SMALL[64:8192])[1::2] + b"".join(SMALL[8192:])[1::3],
    bytes(8192) + b"".join(SMALL[8192:])[2::3],
)
"""First, second and third bytes of the varints 0, 1, 2, ..., those that there are."""


def _put_offsets(offsets: list[int], run: bytes, shape: _Shape, slot: int, number: int, last_delta: int) -> None:
    """Correct offsets where compaction has taken records out, from that one of the batch on."""
    columns = [run[place :: shape.size] for place in range(shape.offset, shape.offset_end)]
    count = len(columns[0])
    expected = [column[number : number + count] for column in _SEQUENCE[: len(columns)]]
    if columns != expected:
        deltas = _deltas(columns)
        if max(deltas) > last_delta or any(map(lt, deltas, range(number, number + count))):
            raise ValueError(f"offset deltas from {min(deltas)} to {max(deltas)}, the last one is {last_delta}")
        base = offsets[slot] - number
        offsets[slot : slot + count] = [base + delta for delta in deltas]


def _deltas(columns: Sequence[bytes]) -> list[int]:
    """Decode varints, of which the n-th bytes are in the n-th column."""
    raws: Sequence[int] = columns[-1]
    for column in columns[-2::-1]:
        raws = [high << 7 | low & 0x7F for high, low in zip(raws, column, strict=True)]
    return [(raw >> 1) ^ -(raw & 1) for raw in raws]


def _unpack(run: bytes, shape: _Shape, count: int) -> list[Sequence[bytes | None]]:
    """Return keys, values and the values of each header."""
    found = _format(shape.size, shape.fields, count).unpack(run)
    is_there = [size >= 0 for _, size in shape.fields]
    places = accumulate(is_there, initial=0)
    step = max(sum(is_there), 1)
    return [found[place::step] if there else [None] * count for place, there in zip(places, is_there, strict=False)]


@lru_cache(maxsize=64)
def _format(size: int, fields: tuple[tuple[int, int], ...], count: int) -> struct.Struct:
    """Make the format of so many records, without what is null."""
    record, place = "", 0
    for begin, field_size in fields:
        if field_size >= 0:
            record += f"{begin - place}x{field_size}s"
            place = begin + field_size
    return struct.Struct("=" + f"{record}{size - place}x" * count)
