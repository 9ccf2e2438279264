"""What a log answers with: places in it, and ranges of its bytes."""

from typing import NamedTuple

from gomq_storage.files import FileRange
from gomq_storage.segment import Segment


class LogPosition(NamedTuple):
    """A place in a log: the next offset, and where in which segment its batch is or will be."""

    offset: int
    segment_base_offset: int
    position: int


class AppendResult(NamedTuple):
    """Where a batch landed."""

    base_offset: int
    last_offset: int
    is_duplicate: bool = False
    """Whether it was there already: its idempotent producer sent it again."""


class LogSlice(NamedTuple):
    """A range of bytes of one segment: batches from the one that holds the wanted offset on.

    The last batch may be cut off, as in Kafka; readers pass over it and ask again.
    """

    segment: Segment
    position: int
    size: int
    is_cut_short: bool = False
    """Whether not even the first batch is whole."""

    def read(self) -> bytes:
        """Read the bytes."""
        return self.segment.read(self.position, self.size)

    def open_range(self) -> FileRange:
        """Give the bytes a descriptor of their own, which the caller closes."""
        return FileRange(self.segment.duplicate_descriptor(), self.position, self.size)
