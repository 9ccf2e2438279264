"""Hold the entries of a time index against the batches of its log, both in order. Kafka: ``TimeIndex``.

An entry names the batch with the largest timestamp so far, by an offset in it. A segment that is not the last one has
an entry for the largest of all.
"""

from collections.abc import Iterator

from gomq_dump.findings import Complain, Finding, Problem
from gomq_dump.reading.indexes import TimeEntry
from gomq_dump.reading.offset_entries import NOTHING
from gomq_storage.batch import NO_TIMESTAMP, BatchHeader
from gomq_storage.time_index import ENTRY


class TimeEntries:
    """The entries of one time index.

    Args:
        entries: what ``walk_time_index`` yields; findings of its own are passed on.
        complain: takes what is wrong.
    """

    def __init__(self, entries: Iterator[TimeEntry | Finding], complain: Complain) -> None:
        self.awaited: int = 0
        """The next batch that reaches this offset must be told to ``meet``."""
        self.largest: int = NO_TIMESTAMP
        """Largest timestamp so far, that of the batch told to ``meet`` included; whoever tells of batches keeps it."""
        self._entries = entries
        self._complain = complain
        self._end = 0
        self._last_timestamp = NO_TIMESTAMP
        self._is_trusted = True
        self._after_damage = False
        self._entry = self._next()

    def meet(self, header: BatchHeader) -> None:
        """Go on with a batch whose CRC holds."""
        while (entry := self._entry) is not None and entry.offset <= header.last_offset:
            if entry.offset >= header.base_offset:
                self._compare(entry, header)
            elif not self._after_damage:
                self._refuse_offset(entry)
            self._entry = self._next()
        self.awaited = NOTHING if self._entry is None else self._entry.offset
        self._after_damage = False

    def meet_damage(self) -> None:
        """Go on behind batches that nothing is known of."""
        self._is_trusted, self._after_damage, self.awaited = False, True, 0

    def finish(self, *, is_sealed: bool) -> None:
        """The log ends here; where the segment is sealed, its largest timestamp must have an entry."""
        while self._entry is not None:
            if not self._after_damage:
                self._refuse_offset(self._entry)
            self._entry = self._next()
        if is_sealed and self._is_trusted and self._last_timestamp < self.largest:
            message = "the time index ends in front of the segment's largest timestamp"
            self._refuse(
                Finding(
                    problem=Problem.INDEX_INCOMPLETE, position=max(self._end - ENTRY.size, 0), message=message,
                    expected=self.largest, found=self._last_timestamp,
                )
            )  # fmt: skip

    def _next(self) -> TimeEntry | None:
        for item in self._entries:
            if isinstance(item, Finding):
                self._refuse(item)
                continue
            self._last_timestamp, self._end = item.timestamp, item.position + ENTRY.size
            if not item.is_zero:
                return item
        return None

    def _compare(self, entry: TimeEntry, header: BatchHeader) -> None:
        message = f"the entry's timestamp is not the largest of the batch with offset {entry.offset}"
        expected = header.max_timestamp
        if expected == entry.timestamp:
            if self.largest <= entry.timestamp:
                return
            message, expected = "a batch in front of the entry's has a larger timestamp", self.largest
        self._refuse(
            Finding(
                problem=Problem.INDEX_TIMESTAMP, position=entry.position, message=message,
                expected=expected, found=entry.timestamp,
            )
        )  # fmt: skip

    def _refuse_offset(self, entry: TimeEntry) -> None:
        message = "the entry's offset is not in the log"
        self._refuse(
            Finding(problem=Problem.INDEX_OFFSET, position=entry.position, message=message, found=entry.offset)
        )

    def _refuse(self, finding: Finding) -> None:
        self._is_trusted = False
        self._complain(finding)
