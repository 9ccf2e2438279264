"""Read what is selected of logs, from where it may begin to where it ends.

Only batches are looked at: indexes are used and not checked, and segments are not held against each other. Gaps
between offsets are no news to who selects, so they are not noted either.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple, TypeAlias

from gomq_dump.findings import Finding, Problem
from gomq_dump.reading.batches import Batch, LogWalk
from gomq_dump.reading.inspection import FileStart, unreadable
from gomq_dump.reading.kinds import METADATA_SNAPSHOT_SUFFIX
from gomq_dump.reading.paths import SegmentFile, UnusablePathError
from gomq_dump.reading.reader import ByteReader
from gomq_dump.selecting.matching import BatchFilter
from gomq_dump.selecting.seeking import marks, seek_offset, seek_time
from gomq_dump.selecting.selection import Selection
from gomq_storage.layout import LOG_SUFFIX

SelectedItem: TypeAlias = FileStart | Batch | Finding


@dataclass(frozen=True, slots=True)
class PartitionLog:
    """The log files of one partition, in the order of their offsets."""

    directory: str
    segments: Sequence[SegmentFile]


class Start(NamedTuple):
    """Where in a partition to begin to read."""

    number: int
    """Of the segment."""
    position: int
    """Byte of the segment's log."""
    skip: int = 0
    """How many of the selected records that come then are not wanted."""


class Shown:
    """Says which file it is that the next items are from, once there are any."""

    def __init__(self) -> None:
        self._path: str | None = None

    def of(
        self,
        file: SegmentFile,
        size: int | None,
        items: Iterable[Batch | Finding],
    ) -> Iterator[SelectedItem]:
        """Yield items of a file, behind its start if something of another one was yielded last."""
        for item in items:
            if self._path != file.path:
                self._path = file.path
                yield FileStart(file, size)
            yield item


def partition_logs(files: Sequence[SegmentFile]) -> list[PartitionLog]:
    """Leave the logs of some files, partition by partition.

    Raises:
        UnusablePathError: there are none.
    """
    found = []
    for directory, group in groupby(files, key=lambda file: os.path.dirname(file.path)):
        members = [file for file in group if not file.is_named_only]
        segments = [file for file in members if file.suffix == LOG_SUFFIX] or [
            file for file in members if file.suffix == METADATA_SNAPSHOT_SUFFIX
        ]
        if segments:
            found.append(PartitionLog(directory, segments))
    if files and not found:
        raise UnusablePathError(files[0].path, "is no log; options that select, and -f, look into .log files only")
    return found


def read_selected(log: PartitionLog, selection: Selection, wanted: BatchFilter, shown: Shown) -> Iterator[SelectedItem]:
    """Yield what is selected of one partition's log; whatever is wrong with it, nothing is raised."""
    if wanted.is_done():
        return
    first, position, wanted.skip = find_start(log, selection, wanted)
    for number in range(first, len(log.segments)):
        file = log.segments[number]
        if number > first:
            if file.base_offset >= selection.to_offset:
                return
            position = 0
        yield from _read_segment(file, position, selection, wanted, shown)
        if wanted.is_done():
            return


def read_at(file: SegmentFile, position: int, *, with_records: bool) -> Iterator[SelectedItem]:
    """Yield the batch that starts at a byte of a log, and what is wrong there.

    Raises:
        UnusablePathError: the log is not so long.
    """
    if file.suffix not in {LOG_SUFFIX, METADATA_SNAPSHOT_SUFFIX}:
        raise UnusablePathError(file.path, "is no .log file, as --at-position needs")
    try:
        reader = ByteReader.open(file.path)
    except OSError as error:
        raise UnusablePathError(file.path, error.strerror or str(error)) from error
    with reader:
        if position >= reader.size:
            raise UnusablePathError(file.path, f"has {reader.size} bytes; --at-position says {position}")
        yield FileStart(file, reader.size)
        seen = False
        with closing(iter(LogWalk(reader, first_offset(file), with_records=with_records, start=position))) as items:
            for item in items:
                if seen and isinstance(item, Batch):
                    return
                yield item
                if not seen and isinstance(item, Finding):
                    return  # no batch starts there
                seen = True


def find_start(log: PartitionLog, selection: Selection, wanted: BatchFilter) -> Start:
    """Find where to begin to read: nothing that is selected lies in front of it."""
    first = _first_segment(log.segments, selection.from_offset)
    if selection.tail is not None:
        return _tail_start(log, first, selection, wanted)
    file = log.segments[first]
    try:
        with ByteReader.open(file.path) as reader:
            return Start(first, lowest(reader, file, selection))
    except OSError:
        return Start(first, 0)  # who reads it says what is wrong


def first_offset(file: SegmentFile) -> int:
    """Return the offset that a log file may begin with: a snapshot of KRaft's metadata has its own, from 0 on."""
    return file.base_offset if file.is_segments else 0


def lowest(reader: ByteReader, file: SegmentFile, selection: Selection) -> int:
    """Return a position of a segment's log in front of which nothing is selected."""
    position = seek_offset(reader, file, selection.from_offset) if selection.from_offset > file.base_offset else 0
    if selection.since_ms is not None:
        position = max(position, seek_time(reader, file, selection.since_ms))
    return position


def _first_segment(segments: Sequence[SegmentFile], offset: int) -> int:
    return max((number for number, file in enumerate(segments) if file.base_offset <= offset), default=0)


def _tail_start(log: PartitionLog, first: int, selection: Selection, wanted: BatchFilter) -> Start:
    """Go backwards, about twice as far each time, until enough records lie between there and the end."""
    tail, counted = selection.tail or 0, 0
    for number in range(len(log.segments) - 1, first - 1, -1):
        file = log.segments[number]
        if number > first and file.base_offset >= selection.to_offset:
            continue
        try:
            with ByteReader.open(file.path) as reader:
                end, bottom = reader.size, lowest(reader, file, selection)
                if tail == 0:
                    return Start(number, end)
                for mark in marks(reader, file):
                    position = max(mark, bottom)
                    counted += _count(reader, file, position, end, wanted)
                    if counted >= tail:
                        return Start(number, position, counted - tail)
                    if position == bottom:
                        break
                    end = position
        except OSError:
            continue  # who reads it says what is wrong
    return Start(first, 0)


def _count(reader: ByteReader, file: SegmentFile, start: int, end: int, wanted: BatchFilter) -> int:
    count = 0
    walk = LogWalk(reader, first_offset(file), with_records=not wanted.counts_by_header, start=start)
    with closing(iter(walk)) as items:
        for item in items:
            if isinstance(item, Batch):
                if item.position >= end:
                    break
                count += wanted.count(item)
    return count


def _read_segment(
    file: SegmentFile, position: int, selection: Selection, wanted: BatchFilter, shown: Shown
) -> Iterator[SelectedItem]:
    try:
        reader = ByteReader.open(file.path)
    except OSError as error:
        yield from shown.of(file, None, [unreadable(error)])
        return
    with reader:
        try:
            start = position or lowest(reader, file, selection)
            walk = LogWalk(reader, first_offset(file), with_records=wanted.needs_records, start=start)
            yield from shown.of(file, reader.size, leave_selected(walk, wanted))
        except OSError as error:
            yield from shown.of(file, reader.size, [unreadable(error)])


def leave_selected(walk: LogWalk, wanted: BatchFilter) -> Iterator[Batch | Finding]:
    """Yield of a walk what is selected and what is damaged, up to where nothing more is selected."""
    for item in walk:
        if isinstance(item, Finding):
            if item.problem is not Problem.OFFSET_GAP:
                yield item
            continue
        if wanted.is_behind(item.header):
            return
        left = wanted.select(item)
        if left is not None:
            yield left
        if wanted.is_done():
            return
