"""The sparse index of a segment from timestamps to offsets. Kafka: ``TimeIndex``.

    int64   the largest timestamp so far, ms since the epoch
    uint32  last offset of the batch that brought it, less the segment's base offset

Timestamps ascend strictly: a batch that brings no larger one adds no entry. The last entry, added when the segment
is sealed or closed, holds the largest timestamp of all. As disposable as the offset index.
"""

from bisect import bisect_left
from struct import Struct
from typing import Final, NamedTuple

from gomq_storage.batch import NO_TIMESTAMP
from gomq_storage.files import File
from gomq_storage.segment_index import SegmentIndex

ENTRY: Final = Struct(">qI")


class TimestampOffset(NamedTuple):
    """A timestamp and the offset it belongs to."""

    timestamp: int
    offset: int


class TimeIndex(SegmentIndex):
    """The ``.timeindex`` file of the segment that starts at ``base_offset``; it is not looked at before it is used."""

    __slots__ = ("_last",)

    def __init__(self, file: File, base_offset: int) -> None:
        super().__init__(file, ENTRY, base_offset)
        self._last: TimestampOffset | None = None  # set by the appending thread only, others might be late

    @property
    def last(self) -> TimestampOffset:
        """The last entry; no timestamp at the segment's start where there is none."""
        return self._last or self._at(len(self._entries) - 1)

    def append_if_larger(self, entry: TimestampOffset) -> None:
        """Add an entry unless its timestamp is no larger than the last one's."""
        if self._last is None:
            self._last = self.last
        if entry.timestamp > self._last.timestamp:
            self._last = entry
            self._entries.append(entry.timestamp, entry.offset - self._base_offset)

    def look_up(self, timestamp: int) -> TimestampOffset:
        """Find the last entry at or below a timestamp; no timestamp at the segment's start where there is none."""
        return self._at(self._entries.count_upto(timestamp) - 1)

    def cut(self, offset: int) -> None:
        """Drop the entries whose offset is this one or behind it; the next is appended behind the rest."""
        relative = offset - self._base_offset
        self._entries.cut(bisect_left(self._entries, relative, key=lambda entry: entry[1]))
        self._last = None

    def begin_rebuilding(self) -> None:
        """Forget all entries; the file keeps its own until ``finish_rebuilding``."""
        super().begin_rebuilding()
        self._last = self._at(-1)

    def _at(self, slot: int) -> TimestampOffset:
        if slot < 0:
            return TimestampOffset(NO_TIMESTAMP, self._base_offset)
        timestamp, relative = self._entries[slot]
        return TimestampOffset(timestamp, self._base_offset + relative)
