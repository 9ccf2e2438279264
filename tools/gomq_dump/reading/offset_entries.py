"""Hold the entries of an offset index against the batches of its log, both in order.

An entry names the last offset of the batch it points at. Older brokers wrote, where several batches came at once, the
first one's position beside the last one's offset; then a batch in front of the next entry's must end with it. That is
sound, as every look-up through it still starts in front of what it looks for.
"""

from collections.abc import Iterator
from typing import Final

from gomq_dump.findings import Complain, Finding, Problem
from gomq_dump.reading.indexes import OffsetEntry
from gomq_storage.batch import BatchHeader

NOTHING: Final = 1 << 63
"""A position, offset and timestamp that no batch has."""


class OffsetEntries:
    """The entries of one offset index.

    Args:
        entries: what ``walk_offset_index`` yields; findings of its own are passed on.
        complain: takes what is wrong.
        log_size: bytes of the log file.
    """

    def __init__(self, entries: Iterator[OffsetEntry | Finding], complain: Complain, *, log_size: int) -> None:
        self.awaited: int = 0
        """Position of the next batch that ``meet`` must be told of."""
        self._entries = entries
        self._complain = complain
        self._log_size = log_size
        self._owed: OffsetEntry | None = None
        self._owed_found: int = 0
        self._entry = self._next()

    def meet(self, position: int, header: BatchHeader, *, is_valid: bool = True) -> None:
        """Go on with a batch; one that is not valid is where it is, but what its header says does not count."""
        self._pass(position)
        owed = self._owed
        if owed is not None and header.last_offset >= owed.offset:
            self._settle(found=header.last_offset)
        entry = self._entry
        while entry is not None and entry.log_position == position:
            self._refuse_owed()
            if is_valid and entry.offset != header.last_offset:
                self._owed, self._owed_found = entry, header.last_offset
                if entry.offset < header.last_offset:
                    self._refuse_owed()
            entry = self._entry = self._next()
        self._await()

    def meet_damage(self, position: int, end: int) -> None:
        """Go on behind bytes that nothing is known of: entries that point into them are not checked."""
        self._pass(position)
        while self._entry is not None and self._entry.log_position < end:
            self._entry = self._next()
        self._owed = None
        self._await()

    def finish(self) -> None:
        """The log ends here; what is left points at nothing."""
        self._pass(NOTHING)
        self._refuse_owed()

    def _next(self) -> OffsetEntry | None:
        for item in self._entries:
            if isinstance(item, Finding):
                self._complain(item)
            elif not item.is_zero:
                return item
        return None

    def _await(self) -> None:
        if self._owed is not None:
            self.awaited = 0
        else:
            self.awaited = NOTHING if self._entry is None else self._entry.log_position

    def _pass(self, position: int) -> None:
        """Complain of the entries that point in front of a position."""
        while (entry := self._entry) is not None and entry.log_position < position:
            message = f"no batch starts at byte {entry.log_position} of the log, where the entry points"
            expected = found = None
            if entry.log_position >= self._log_size:
                message, found = "the entry points beyond the log", entry.log_position
                expected = f"less than {self._log_size}"
            self._complain(
                Finding(
                    problem=Problem.INDEX_POSITION, position=entry.position, message=message,
                    expected=expected, found=found,
                )
            )  # fmt: skip
            self._entry = self._next()

    def _settle(self, *, found: int) -> None:
        if self._owed is not None and self._owed.offset == found:
            self._owed = None
        self._refuse_owed()

    def _refuse_owed(self) -> None:
        entry, self._owed = self._owed, None
        if entry is not None:
            message = f"the entry's offset is not that of the batch at byte {entry.log_position} of the log"
            self._complain(
                Finding(
                    problem=Problem.INDEX_OFFSET, position=entry.position, message=message,
                    expected=self._owed_found, found=entry.offset,
                )
            )  # fmt: skip
