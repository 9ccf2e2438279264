"""Look at a partition in a moment: its sizes, where it begins and ends, and whether it is whole as far as that shows.

Of each segment only the batches behind its last index entry are looked at, and of those only their headers; of the
log's last batch, which is where a crash does harm, the CRC too. Whether all of it is sound is what ``--verify`` says.
"""

import os
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from gomq_dump.reading.paths import SegmentFile
from gomq_dump.reading.reader import ByteReader
from gomq_dump.reading.resync import batch_crc
from gomq_storage import offset_index, time_index, txn_index
from gomq_storage.batch import HEADER_SIZE, BatchHeader, read_header
from gomq_storage.errors import CorruptBatchError
from gomq_storage.layout import (
    LOG_SUFFIX,
    OFFSET_INDEX_SUFFIX,
    TIME_INDEX_SUFFIX,
    TXN_INDEX_SUFFIX,
    TopicPartition,
)

SOUND: Final = "ok"
EMPTY: Final = "empty"
_ENTRY_SIZES: Final = {
    OFFSET_INDEX_SUFFIX: offset_index.ENTRY.size,
    TIME_INDEX_SUFFIX: time_index.ENTRY.size,
    TXN_INDEX_SUFFIX: txn_index.ENTRY.size,
}
_CHUNK_BYTES: Final = 8 << 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """What a moment's look at a partition shows."""

    partition: TopicPartition | None
    directory: str
    segments: int
    size: int
    """Bytes of its log files."""
    first_offset: int | None
    """Of the first batch; None where there is none, as in the next three."""
    last_offset: int | None
    first_timestamp: int | None
    """The largest of the first batch, ms since the epoch."""
    last_timestamp: int | None
    """The largest of the last batch."""
    health: str
    """``ok``, ``empty``, or what is wrong."""
    gaps: int
    """Between how many segments offsets are missing, as compaction leaves them."""

    @property
    def is_sound(self) -> bool:
        """Whether nothing was found to be wrong."""
        return self.health in {SOUND, EMPTY}


def outline(partition: TopicPartition | None, directory: str, files: Sequence[SegmentFile]) -> Outline:
    """Look at the files of one partition, which are in the order of their offsets."""
    segments: dict[int, dict[str, SegmentFile]] = {}
    for file in files:
        if file.is_segments and not file.leftover:
            segments.setdefault(file.base_offset, {})[file.suffix] = file
    logs = {base: found for base, found in segments.items() if LOG_SUFFIX in found}
    problems: list[str] = []
    first = last = None
    size = gaps = 0
    expected: int | None = None
    for number, (base_offset, found) in enumerate(logs.items()):
        try:
            looked = _look(base_offset, found, is_last=number == len(logs) - 1)
        except FileNotFoundError:  # retention has removed it
            continue
        except OSError as error:
            name = os.path.basename(error.filename or found[LOG_SUFFIX].path)
            problems.append(f"{name} cannot be read: {error.strerror}")
            expected = None
            continue
        size += looked.size
        problems += looked.problems
        if expected is not None and base_offset < expected:
            problems.append(f"segment {base_offset} begins before offset {expected}, the end of the one in front")
        gaps += expected is not None and base_offset > expected
        expected = base_offset if looked.last is None else looked.last.next_offset
        first, last = first or looked.first, looked.last or last
    return Outline(
        partition=partition,
        directory=directory,
        segments=len(logs),
        size=size,
        first_offset=None if first is None else first.base_offset,
        last_offset=None if last is None else last.last_offset,
        first_timestamp=None if first is None else first.max_timestamp,
        last_timestamp=None if last is None else last.max_timestamp,
        health="; ".join(problems[:3]) or (SOUND if size else EMPTY),
        gaps=gaps,
    )


@dataclass(frozen=True, slots=True)
class _Looked:
    """What was seen of one segment."""

    size: int
    first: BatchHeader | None
    last: BatchHeader | None
    problems: list[str]


def _look(base_offset: int, files: Mapping[str, SegmentFile], *, is_last: bool) -> _Looked:
    problems: list[str] = []
    name = os.path.basename(files[LOG_SUFFIX].path)
    entry = offset_index.OffsetPosition(base_offset, 0)
    for suffix, entry_size in _ENTRY_SIZES.items():
        if suffix in files:
            length = os.stat(files[suffix].path).st_size
            if length % entry_size:
                problems.append(f"{suffix[1:]} of segment {base_offset} holds part of an entry")
    if OFFSET_INDEX_SUFFIX in files:
        entry = _last_entry(files[OFFSET_INDEX_SUFFIX].path, base_offset)
    with ByteReader.open(files[LOG_SUFFIX].path, chunk_bytes=_CHUNK_BYTES) as log:
        first = last = None
        with suppress(CorruptBatchError):
            first = read_header(log.view(0, HEADER_SIZE))
        if log.size:
            position, last, reason = _walk_end(log, entry)
            if reason is not None:
                kind = "torn tail" if is_last else "damaged end"
                problems.append(f"{kind}: {name} at byte {position}: {reason}")
            elif is_last and last is not None and batch_crc(log, position - last.size, last) != last.crc:
                problems.append(f"torn tail: {name} at byte {position - last.size}: the last batch's CRC does not hold")
        return _Looked(log.size, first, last, problems)


def _walk_end(log: ByteReader, entry: offset_index.OffsetPosition) -> tuple[int, BatchHeader | None, str | None]:
    """Go from the last index entry to the log's end; return where that was, the last batch, and what ended it early."""
    position = entry.position if _starts_at(log, entry) else 0
    last: BatchHeader | None = None
    while position < log.size:
        try:
            header = read_header(log.view(position, HEADER_SIZE))
        except CorruptBatchError as error:
            return position, last, error.reason
        if position + header.size > log.size:
            return position, last, f"a batch of {header.size} bytes, {log.size - position} are left"
        if last is not None and header.base_offset < last.next_offset:
            return position, last, f"offset {header.base_offset} behind {last.last_offset}"
        last = header
        position += header.size
    return position, last, None


def _starts_at(log: ByteReader, entry: offset_index.OffsetPosition) -> bool:
    try:
        header = read_header(log.view(entry.position, HEADER_SIZE))
    except CorruptBatchError:
        return False
    return header.base_offset <= entry.offset


def _last_entry(path: str, base_offset: int) -> offset_index.OffsetPosition:
    """Read the last entry of an offset index that is not filling; where there is none, the log's start."""
    entry = offset_index.ENTRY
    with ByteReader.open(path, chunk_bytes=entry.size) as index:
        slots = range(index.size // entry.size)
        count = bisect_left(slots, True, key=lambda slot: not any(index.view(slot * entry.size, entry.size)))  # noqa: FBT003
        relative, position = entry.unpack(index.view((count - 1) * entry.size, entry.size)) if count else (0, 0)
        return offset_index.OffsetPosition(base_offset + relative, position)
