"""Whether a segment's indexes tell the truth, entry by entry, and what they must be where they do not."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Final

from gomq_dump.repairing.patched import HeldFile
from gomq_storage import offset_index, time_index
from gomq_storage.config import LogConfig
from gomq_storage.files import File
from gomq_storage.offset_index import OffsetIndex
from gomq_storage.segment import Segment
from gomq_storage.segment_scan import is_sound, rebuild_indexes
from gomq_storage.time_index import TimeIndex

MAX_INDEX_BYTES: Final = 256 << 20
_CONFIG: Final = LogConfig()
_SPARSE: Final = LogConfig(index_interval_bytes=1 << 20)
"""How far apart the entries are is for the topic's settings to say, but an index that ends so early was cut."""


def make_indexes(log: File, base_offset: int, following: int, *, may_have_gaps: bool) -> tuple[bytes, bytes]:
    """Read a segment once, and make its indexes as its broker would.

    Args:
        log: its log file; every batch is checked on the way.
        base_offset: where it begins.
        following: where the next segment begins, or the log's end.
        may_have_gaps: whether offsets may be missing.

    Returns:
        what its ``.index`` and its ``.timeindex`` must hold.

    Raises:
        DamagedLogError: the segment is not whole.
    """
    offsets, times = HeldFile(log.path), HeldFile(log.path)
    made = Segment(
        base_offset=base_offset,
        log=log,
        offset_index=OffsetIndex(offsets, base_offset),
        time_index=TimeIndex(times, base_offset),
        size=log.size(),
    )
    rebuild_indexes(made, following, _CONFIG, may_have_gaps=may_have_gaps)
    return bytes(offsets.content), bytes(times.content)


def are_true(segment: Segment, following: int | None, *, offsets: bytes, times: bytes, may_have_gaps: bool) -> bool:
    """Whether a segment's indexes are whole, and tell the truth of every batch that they name.

    Those of the last segment may end in zeros, as a broker that was killed leaves them, and lack their last entries,
    which the next opening adds. Those of the others must reach the segment's end.

    Args:
        segment: a segment whose batches are sound, with its indexes.
        following: where the next segment begins; None for the last one.
        offsets: what its ``.index`` holds.
        times: what its ``.timeindex`` holds.
        may_have_gaps: whether offsets may be missing.
    """
    if len(offsets) % offset_index.ENTRY.size or len(times) % time_index.ENTRY.size:
        return False
    base = segment.base_offset
    entries = [(base + relative, position) for relative, position in offset_index.ENTRY.iter_unpack(offsets)]
    stamps = [(timestamp, base + relative) for timestamp, relative in time_index.ENTRY.iter_unpack(times)]
    if following is None:
        _drop_zeros(entries, (base, 0))
        _drop_zeros(stamps, (0, base))
    if not _ascend(entries) or not _ascend(stamps):
        return False
    last = _agree(segment, entries, stamps)
    if last is None:
        return False
    if following is not None:
        return is_sound(segment, following, _SPARSE, may_have_gaps=may_have_gaps)
    return last - (entries[-1][1] if entries else 0) <= 2 * _SPARSE.index_interval_bytes


def _drop_zeros(entries: list[tuple[int, int]], zero: tuple[int, int]) -> None:
    """Drop what is filling at the end."""
    while entries and entries[-1] == zero:
        entries.pop()


def _ascend(entries: list[tuple[int, int]]) -> bool:
    return all(first < second and third < fourth for (first, third), (second, fourth) in pairwise(entries))


def _agree(segment: Segment, entries: list[tuple[int, int]], stamps: list[tuple[int, int]]) -> int | None:
    """Compare all entries with the batches, in one walk; return where the last batch is, None where they disagree."""
    left, stamps_left = _Queue(entries), _Queue(stamps)
    position = 0
    for position, header in segment.headers():
        if left.first is not None and left.first[1] <= position:
            if left.first[1] < position or left.first[0] != header.last_offset:
                return None
            left.drop()
        if stamps_left.first is not None and stamps_left.first[1] <= header.last_offset:
            if stamps_left.first[1] < header.base_offset or stamps_left.first[0] != header.max_timestamp:
                return None
            stamps_left.drop()
    return position if left.first is None and stamps_left.first is None else None


class _Queue:
    """The entries of an index that are not compared yet."""

    def __init__(self, entries: list[tuple[int, int]]) -> None:
        self._entries: Iterator[tuple[int, int]] = iter(entries)
        self.first: tuple[int, int] | None = next(self._entries, None)

    def drop(self) -> None:
        """Go on to the next one."""
        self.first = next(self._entries, None)
