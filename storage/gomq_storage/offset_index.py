"""The sparse index of a segment from offsets to positions. Kafka: ``OffsetIndex``.

    uint32  offset of a batch's last record, less the segment's base offset
    uint32  position of the batch's first byte in the log file

Entries ascend in both; there is about one for every ``index.interval.bytes`` of log. Kept without a checksum: what
an entry points at is checked when it is used, and the file can be rebuilt from the log at any time.
"""

from bisect import bisect_left, bisect_right
from struct import Struct
from typing import Final, NamedTuple

from gomq_storage.files import File
from gomq_storage.segment_index import SegmentIndex

ENTRY: Final = Struct(">II")
MAX_RELATIVE_OFFSET: Final = 2**31 - 1


class OffsetPosition(NamedTuple):
    """An offset and where its batch starts in the log file."""

    offset: int
    position: int


class OffsetIndex(SegmentIndex):
    """The ``.index`` file of the segment that starts at ``base_offset``; it is not looked at before it is used."""

    __slots__ = ()

    def __init__(self, file: File, base_offset: int) -> None:
        super().__init__(file, ENTRY, base_offset)

    @property
    def last(self) -> OffsetPosition:
        """The last entry, or the segment's start where there is none."""
        return self._at(len(self._entries) - 1)

    def append(self, offset: int, position: int) -> None:
        """Add the entry of a batch: its last offset and its first byte's position."""
        self._entries.append(offset - self._base_offset, position)

    def look_up(self, offset: int) -> OffsetPosition:
        """Find the last entry at or below an offset, or the segment's start where there is none."""
        last = self.last
        if last.offset <= offset:  # who follows the log's end asks here
            return last
        relative = offset - self._base_offset
        # Offsets rise evenly in most files, so the entry is about where the offset lies between first and last.
        guess = len(self._entries) * relative // max(last.offset - self._base_offset, 1)
        return self._at(self._entries.count_upto(relative, guess=guess) - 1)

    def before(self, position: int) -> OffsetPosition:
        """Find the last entry at or in front of a position in the log file, or the segment's start."""
        return self._at(bisect_right(self._entries, position, key=lambda entry: entry[1]) - 1)

    def cut(self, offset: int) -> None:
        """Drop the entries of an offset and of those behind it; the next is appended behind the rest."""
        relative = offset - self._base_offset
        self._entries.cut(bisect_left(self._entries, relative, key=lambda entry: entry[0]))

    def _at(self, slot: int) -> OffsetPosition:
        if slot < 0:
            return OffsetPosition(self._base_offset, 0)
        relative, position = self._entries[slot]
        return OffsetPosition(self._base_offset + relative, position)
