"""Hold an index that is shown against its log, entry by entry, and segments against each other.

``--verify`` walks through the log; here each entry finds its batch, so that its findings stand behind it, and damage in
the log does not matter elsewhere. What is right is one and the same: ``OffsetEntries`` and ``TimeEntries`` say it.
"""

from collections.abc import Iterator
from typing import Final

from gomq_dump.findings import Finding, Problem
from gomq_dump.reading.indexes import OffsetEntry, TimeEntry, walk_offset_index, walk_time_index
from gomq_dump.reading.offset_entries import NOTHING, OffsetEntries
from gomq_dump.reading.reader import ByteReader
from gomq_dump.reading.time_entries import TimeEntries
from gomq_storage.batch import HEADER_SIZE, BatchHeader, read_header
from gomq_storage.errors import CorruptBatchError

_MAX_BATCHES_AT_ONCE: Final = 10_000


def check_offset_index(index: ByteReader, log: ByteReader, base_offset: int) -> Iterator[OffsetEntry | Finding]:
    """Yield the entries of an offset index and what is wrong with them, compared with the log."""
    checker = _OffsetChecker(log)
    for item in walk_offset_index(index, base_offset):
        yield item
        if isinstance(item, OffsetEntry) and not item.is_zero:
            yield from checker.check(item)


def check_time_index(
    index: ByteReader, log: ByteReader, offsets: ByteReader | None, base_offset: int
) -> Iterator[TimeEntry | Finding]:
    """Yield the entries of a time index and what is wrong with them, compared with the log.

    Args:
        index: the ``.timeindex`` file.
        log: the segment's ``.log`` file.
        offsets: its ``.index`` file, which saves reading the log from the start; it need not be right.
        base_offset: the segment's.
    """
    finder = _BatchFinder(log, offsets, base_offset)
    for item in walk_time_index(index, base_offset):
        yield item
        if isinstance(item, TimeEntry) and not item.is_zero:
            yield from _check_time_entry(item, finder)


def check_segments_meet(end_offset: int, base_offset: int) -> Finding | None:
    """Compare where a segment ends with where the next one, which the finding is about, begins."""
    if base_offset < end_offset:
        problem, message = Problem.SEGMENTS_OVERLAP, "the segment begins before the end of the one in front of it"
    elif base_offset > end_offset:
        problem, message = Problem.OFFSET_GAP, "offsets are missing in front of the segment, as compaction leaves them"
    else:
        return None
    return Finding(problem=problem, position=0, message=message, expected=end_offset, found=base_offset)


class _OffsetChecker:
    """Hold entries of an offset index, in any order, against the batches they point at."""

    def __init__(self, log: ByteReader) -> None:
        self._log = log
        # Sound entries of brokers that indexed several batches at once need no more; a file of lies gets no more.
        self._steps_left = log.size // HEADER_SIZE

    def check(self, entry: OffsetEntry) -> list[Finding]:
        """Say what is wrong with an entry."""
        found: list[Finding] = []
        rules = OffsetEntries(iter((entry,)), found.append, log_size=self._log.size)
        position = entry.log_position
        header = _header_at(self._log, position) if position < self._log.size else None
        steps = min(self._steps_left, _MAX_BATCHES_AT_ONCE)
        while header is not None:
            rules.meet(position, header)
            if rules.awaited == NOTHING or not steps:
                break
            steps -= 1
            self._steps_left -= 1
            position += header.size
            header = _header_at(self._log, position)
        rules.finish()
        return found


def _check_time_entry(entry: TimeEntry, finder: "_BatchFinder") -> list[Finding]:
    found: list[Finding] = []
    rules = TimeEntries(iter((entry,)), found.append)
    header = finder.find(entry.offset)
    if finder.stopped_at is not None:
        message = f"the entry is not checked: the log cannot be read at byte {finder.stopped_at}"
        return [Finding(problem=Problem.NOT_CHECKED, position=entry.position, message=message)]
    if header is not None:
        rules.meet(header)
    rules.finish(is_sealed=False)
    return found


class _BatchFinder:
    """Find the batches of ascending offsets in one walk through a log's headers."""

    def __init__(self, log: ByteReader, offsets: ByteReader | None, base_offset: int) -> None:
        self.stopped_at: int | None = None
        """Where in the log the last search met what is no batch."""
        self._log = log
        self._position = 0
        self._entries = (
            item
            for item in (walk_offset_index(offsets, base_offset) if offsets is not None else ())
            if isinstance(item, OffsetEntry)
        )
        self._next_entry = next(self._entries, None)

    def find(self, offset: int) -> BatchHeader | None:
        """Find the batch that holds an offset."""
        while self._next_entry is not None and self._next_entry.offset <= offset:
            self._skip_to(self._next_entry)
            self._next_entry = next(self._entries, None)
        self.stopped_at = None
        while self._position < self._log.size:
            header = _header_at(self._log, self._position)
            if header is None:
                self.stopped_at = self._position
                return None
            if header.last_offset >= offset:
                return header if header.base_offset <= offset else None
            self._position += header.size
        return None

    def _skip_to(self, entry: OffsetEntry) -> None:
        """Go on at an index entry, if it leads forward to the batch that it says it does."""
        if self._position < entry.log_position < self._log.size:
            header = _header_at(self._log, entry.log_position)
            if header is not None and header.base_offset <= entry.offset <= header.last_offset:
                self._position = entry.log_position


def _header_at(log: ByteReader, position: int) -> BatchHeader | None:
    try:
        header = read_header(log.view(position, HEADER_SIZE))
    except CorruptBatchError:
        return None
    return header if position + header.size <= log.size else None
