"""Walk the entries of index files. Whether they are true is ``verify.py``'s to say.

A broker makes an index file at its full size, filled with zeros, and cuts it when it closes the segment. So a file
that ends in zeros is sound: the entries end at the first one behind the first that is all zero, as in Kafka's tool.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from struct import Struct
from typing import Final

from gomq_dump.findings import Finding, Problem
from gomq_dump.reading.reader import ByteReader
from gomq_storage import offset_index, time_index

_STEP_ENTRIES: Final = 8 << 10


@dataclass(frozen=True, slots=True)
class OffsetEntry:
    """An entry of an offset index."""

    position: int
    """Byte of the index file."""
    offset: int
    log_position: int
    """Byte of the log file at which the offset's batch should start."""
    is_zero: bool
    """Whether it may be filling: eight zeros."""


@dataclass(frozen=True, slots=True)
class TimeEntry:
    """An entry of a time index."""

    position: int
    """Byte of the index file."""
    timestamp: int
    offset: int
    is_zero: bool
    """Whether it may be filling: twelve zeros."""


def walk_offset_index(reader: ByteReader, base_offset: int) -> Iterator[OffsetEntry | Finding]:
    """Yield the entries of an ``.index`` file in its order, each in front of what is wrong with it."""
    previous = None
    for found in _entries(reader, offset_index.ENTRY):
        if isinstance(found, Finding):
            yield found
            continue
        position, (relative, log_position) = found
        entry = OffsetEntry(position, base_offset + relative, log_position, is_zero=not (relative or log_position))
        yield entry
        if previous is not None:
            if entry.offset <= previous.offset:
                yield _order(position, "offsets", f"more than {previous.offset}", entry.offset)
            if log_position <= previous.log_position:
                yield _order(position, "positions", f"more than {previous.log_position}", log_position)
        previous = entry


def walk_time_index(reader: ByteReader, base_offset: int) -> Iterator[TimeEntry | Finding]:
    """Yield the entries of a ``.timeindex`` file in its order, each in front of what is wrong with it."""
    previous = None
    for found in _entries(reader, time_index.ENTRY):
        if isinstance(found, Finding):
            yield found
            continue
        position, (timestamp, relative) = found
        entry = TimeEntry(position, timestamp, base_offset + relative, is_zero=not (timestamp or relative))
        yield entry
        if previous is not None:
            if timestamp <= previous.timestamp:
                yield _order(position, "timestamps", f"more than {previous.timestamp}", timestamp)
            if entry.offset < previous.offset:
                yield _order(position, "offsets", f"at least {previous.offset}", entry.offset)
        previous = entry


def _entries(reader: ByteReader, entry: Struct) -> Iterator[tuple[int, tuple[int, ...]] | Finding]:
    """Yield each entry's position and fields, but of entries that are all zero only the file's first."""
    whole = reader.size - reader.size % entry.size
    zeros_from: int | None = None
    for start in range(0, whole, _STEP_ENTRIES * entry.size):
        piece = bytes(reader.view(start, min(_STEP_ENTRIES * entry.size, whole - start)))
        if start and not piece.strip(b"\0"):
            zeros_from = start if zeros_from is None else zeros_from
            continue
        piece = piece[: len(piece) - len(piece) % entry.size]  # shorter where the file is being cut
        positions = range(start, start + len(piece), entry.size)
        for position, fields in zip(positions, entry.iter_unpack(piece), strict=True):
            if position and not any(fields):
                zeros_from = position if zeros_from is None else zeros_from
                continue
            if zeros_from is not None:
                message = "zeros between the entries"
                size = position - zeros_from
                yield Finding(problem=Problem.INDEX_ORDER, position=zeros_from, message=message, size=size)
                zeros_from = None
            yield position, fields
    if whole != reader.size:
        message = "the file holds part of an entry; its size should be"
        yield Finding(
            problem=Problem.INDEX_LENGTH, position=whole, message=message,
            expected=f"a multiple of {entry.size}", found=reader.size,
        )  # fmt: skip


def _order(position: int, what: str, expected: str, found: int) -> Finding:
    message = f"the entries' {what} do not ascend"
    return Finding(problem=Problem.INDEX_ORDER, position=position, message=message, expected=expected, found=found)
