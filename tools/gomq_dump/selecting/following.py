"""Go on reading logs as they grow, through rolls, retention, compaction and truncation, and those that come anew.

A broker appends while this reads, so the last batch of the last segment may be half there: it is left alone until it
is whole, or until a segment behind it says that nothing comes any more. Files are asked for their size again and
again; that is cheap, and works on every file system.
"""

import os
import resource
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from itertools import count
from typing import Final

from gomq_dump.findings import Finding, Problem
from gomq_dump.reading.batches import Batch, LogWalk
from gomq_dump.reading.inspection import unreadable
from gomq_dump.reading.paths import SegmentFile, UnusablePathError, collect
from gomq_dump.reading.reader import ByteReader
from gomq_dump.selecting.matching import BatchFilter
from gomq_dump.selecting.seeking import seek_offset
from gomq_dump.selecting.selected import (
    PartitionLog,
    SelectedItem,
    Shown,
    find_start,
    first_offset,
    leave_selected,
    lowest,
)
from gomq_dump.selecting.selection import Selection
from gomq_storage.layout import LOG_SUFFIX

LOOK_EVERY: Final = 10
"""Pauses after which to look for new partitions: that lists directories, many perhaps."""
_WAS_CUT: Final = "the log has been cut here; what is written from here on is shown"
_IS_NEW: Final = "the partition is new, and is shown from its start"


def growing(logs: Iterable[PartitionLog]) -> list[PartitionLog]:
    """Leave the logs to which a broker may write.

    Raises:
        UnusablePathError: there are none, but snapshots of KRaft's metadata, or what compaction has left over.
    """
    listed = list(logs)
    left = [log for log in listed if log.segments[-1].suffix == LOG_SUFFIX and not log.segments[-1].leftover]
    if listed and not left:
        raise UnusablePathError(listed[0].segments[-1].path, "does not grow any more: leave out --follow")
    return left


def follow(
    logs: Iterable[PartitionLog],
    selection: Selection,
    wanted: BatchFilter,
    *,
    look: Callable[[], Iterable[PartitionLog]],
    pause: Callable[[], object],
) -> Iterator[SelectedItem]:
    """Yield what is selected of partitions, and what comes, until all that is selected has come or all are removed.

    Args:
        logs: the partitions.
        selection: what is selected.
        wanted: what leaves it.
        look: called now and then to list the partitions that there are by then; new ones are shown too.
        pause: called whenever there is nothing to read, to wait for a moment.
    """
    shown = Shown()
    followed = [FollowedLog(log, selection, wanted, shown) for log in logs]
    known = {log.directory for log in followed}
    try:
        for pauses in count(1):
            for log in followed:
                yield from log.poll()
            known -= {log.directory for log in followed if log.is_removed}
            followed = [log for log in followed if not log.is_over]
            if not followed or wanted.is_done():
                return
            pause()
            if pauses % LOOK_EVERY == 0:
                found = {log.directory: log for log in look()}
                followed += [
                    FollowedLog(log, selection, wanted, shown, is_new=True)
                    for directory, log in found.items()
                    if directory not in known
                ]
                known = set(found) | {log.directory for log in followed}
    finally:
        for log in followed:
            log.close()


class _OpenSegment:
    """The segment that is being read."""

    def __init__(self, file: SegmentFile, start: int, *, with_records: bool) -> None:
        self.file = file
        self.reader = ByteReader.open(file.path)
        self.identity = self.reader.identity
        self.walk = LogWalk(self.reader, first_offset(file), with_records=with_records, start=start)
        self.walk.is_growing = True


class FollowedLog:
    """One partition's log, read as far as it has been written."""

    def __init__(
        self, log: PartitionLog, selection: Selection, wanted: BatchFilter, shown: Shown, *, is_new: bool = False
    ) -> None:
        self.is_over: bool = False
        """Whether nothing more will come."""
        self.is_removed: bool = False
        """Whether that is because it is not there any more."""
        self._log = log
        self._is_new = is_new
        self._selection = replace(selection, tail=None) if is_new else selection
        self._wanted = wanted
        self._shown = shown
        self._segment: _OpenSegment | None = None
        self._directory = _identity(log.directory)
        self._is_started = False
        self._skip = 0
        """How many of the selected records that come next are not wanted, as ``--tail`` says."""

    @property
    def directory(self) -> str:
        """Where the log is."""
        return self._log.directory

    def poll(self) -> Iterator[SelectedItem]:
        """Yield all that has come since the last time."""
        if not self._is_started:
            self._is_started = True
            yield from self._start()
        while (segment := self._at_hand()) is not None:
            yield from self._read(segment)
            if self._at_hand() is not segment:
                continue
            following = self._following(segment)
            if following is None:
                if not os.path.isdir(self._log.directory):
                    yield from self._end("the partition has been removed")
                return
            segment.walk.is_growing = False  # nothing comes behind a segment that another one follows
            yield from self._read(segment)
            if self._at_hand() is segment:
                yield from self._move(following, segment.walk.next_offset)

    def _at_hand(self) -> _OpenSegment | None:
        """Return the segment to be read, if anything more is wanted of it."""
        return None if self.is_over or self._wanted.is_done() else self._segment

    def close(self) -> None:
        """Let go of the files."""
        if self._segment is not None:
            self._segment.reader.close()
            self._segment = None

    def _start(self) -> Iterator[SelectedItem]:
        number, position, self._skip = find_start(self._log, self._selection, self._wanted)
        if self._is_new:
            yield from self._shown.of(self._log.segments[number], None, [_note(_IS_NEW, 0)])
        yield from self._open(self._log.segments[number], position)

    def _open(self, file: SegmentFile, position: int) -> Iterator[SelectedItem]:
        self.close()
        try:
            self._segment = _OpenSegment(file, position, with_records=self._wanted.needs_records)
        except OSError as error:
            self.is_over = True
            yield from self._shown.of(file, None, [unreadable(error)])

    def _read(self, segment: _OpenSegment) -> Iterator[SelectedItem]:
        """Yield what has come in the segment."""
        walk, reader = segment.walk, segment.reader
        try:
            size = reader.refresh()
            if size < walk.position:
                yield from self._shown.of(segment.file, size, [_note(_WAS_CUT, size)])
                yield from self._open(segment.file, size)
                return
            self._wanted.skip = self._skip
            yield from self._shown.of(segment.file, size, self._until_end(walk))
            self._skip = self._wanted.skip
        except OSError as error:
            self.is_over = True
            yield from self._shown.of(segment.file, reader.size, [unreadable(error)])

    def _until_end(self, walk: LogWalk) -> Iterator[Batch | Finding]:
        yield from leave_selected(walk, self._wanted)
        self.is_over = self.is_over or walk.next_offset >= self._selection.to_offset

    def _following(self, segment: _OpenSegment) -> SegmentFile | None:
        """Find the segment to be read next; None where the one at hand is the last.

        It is the one with the next offset. Compaction may have put that into another file meanwhile, of the same name
        or an earlier one. Where it is in none, the next one that there is follows: retention or compaction was there.
        """
        files = self._files()
        offset = max(segment.walk.next_offset, segment.file.base_offset)  # always forward, whatever a damaged log says
        holders = [file for file in files if file.base_offset <= offset]
        if holders and _identity(holders[-1].path) not in {segment.identity, None}:
            return holders[-1]
        return next((file for file in files if file.base_offset > segment.file.base_offset), None)

    def _files(self) -> list[SegmentFile]:
        try:
            found = collect(self._log.directory)
        except UnusablePathError:
            return []
        return [file for file in found if file.suffix == LOG_SUFFIX and not file.is_named_only]

    def _move(self, file: SegmentFile, offset: int) -> Iterator[SelectedItem]:
        """Go on in another file, at an offset or where that file ends before."""
        if _identity(self._log.directory) != self._directory:
            self._directory = _identity(self._log.directory)
            yield from self._shown.of(
                file, None, [_note("the partition has been made anew, and is shown from here", 0)]
            )
            yield from self._open(file, 0)
            return
        if file.base_offset > offset and self._segment is not None and _identity(self._segment.file.path) is None:
            message = f"offsets {offset} to {file.base_offset - 1} were removed before they could be shown"
            yield from self._shown.of(file, None, [_note(message, 0)])
        try:
            position, end = self._place(file, offset)
        except OSError as error:
            self.is_over = True
            yield from self._shown.of(file, None, [unreadable(error)])
            return
        if end < offset:
            yield from self._shown.of(file, None, [_note(_WAS_CUT, position)])
        yield from self._open(file, position)

    def _place(self, file: SegmentFile, offset: int) -> tuple[int, int]:
        """Return where in a file to go on at an offset, and that offset or the smaller one at which the file ends."""
        with ByteReader.open(file.path) as reader:
            if offset <= file.base_offset:
                return lowest(reader, file, self._selection), offset
            walk = LogWalk(reader, first_offset(file), start=seek_offset(reader, file, offset))
            walk.is_growing = True
            for item in walk:
                if isinstance(item, Batch) and item.header.last_offset >= offset:
                    return item.position, offset
            return walk.position, min(walk.next_offset, offset)

    def _end(self, message: str) -> Iterator[SelectedItem]:
        self.is_over = self.is_removed = True
        if self._segment is not None:
            yield from self._shown.of(self._segment.file, None, [_note(message, 0)])
        self.close()


def allow_open_files() -> None:
    """Take what the system allows: a data directory may have more partitions than a shell's limit, each a file open."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with suppress(OSError, ValueError):  # macOS says that there is no limit, and has one
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _note(message: str, position: int) -> Finding:
    return Finding(problem=Problem.NOT_CHECKED, position=position, message=message)


def _identity(path: str) -> tuple[int, int] | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino
