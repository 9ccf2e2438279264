"""What of a log may be compacted, whether it is worth it, and which segments become one: decisions, no I/O.

Kafka: ``LogCleanerManager.cleanableOffsets``, ``LogToClean``, ``Cleaner.groupSegmentsBySize``. A log in the cleaner's
eyes:

    | clean: compacted before | dirty | too young, or the active segment |
    ^ log start               ^ first dirty   ^ first uncleanable        ^ log end

Two things are not decided here. Where the first batch of a transaction lies is found when the key map is built, which
ends there: the log is compacted up to it and no farther, since which transactions were aborted is not known. And the
map may be full before the first uncleanable offset is reached.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from gomq_storage.batch import NO_TIMESTAMP
from gomq_storage.config import LogConfig
from gomq_storage.offset_index import MAX_RELATIVE_OFFSET

MAX_INDEX_BYTES: Final = 10 << 20
"""Kafka's default for ``segment.index.bytes``: what merged index files may take, each."""


class SealedSegment(NamedTuple):
    """What the decisions look at, of one segment that takes no appends."""

    base_offset: int
    size: int
    largest_timestamp: int = NO_TIMESTAMP
    """Of its messages, ms since the epoch."""
    first_timestamp: int = NO_TIMESTAMP
    """The largest of its first batch."""
    index_bytes: int = 0
    """Of the larger one of its index files."""
    has_aborted: bool = False
    """Whether a ``.txnindex`` with something in it is beside it: such a segment is not merged with others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cleanable:
    """The part of a log that may be compacted."""

    first_dirty: int
    """Messages from here on are put into the key map."""
    first_uncleanable: int
    """Up to here, not included; the first dirty offset where nothing may be compacted."""
    dirty_bytes: int
    ratio: float
    """Dirty bytes in all that would be compacted; 0 where that is nothing."""
    must_clean: bool
    """A dirty message is older than ``max.compaction.lag.ms``, so the ratio does not matter."""
    is_due: bool
    """Whether the log should be compacted now. Of several that should, begin with the largest ratio."""


def cleanable(
    sealed: Sequence[SealedSegment],
    *,
    active_base_offset: int,
    first_dirty: int | None,
    config: LogConfig,
    now_ms: int,
) -> Cleanable:
    """Work out what may be compacted, and whether it should be.

    Args:
        sealed: the segments that take no appends, oldest first.
        active_base_offset: where the active segment begins, which is never compacted.
        first_dirty: the offset up to which the last compaction came; None: there was none. One that lies outside of
            the sealed segments is not believed: all of the log is dirty then.
        config: the log's settings.
        now_ms: the time.
    """
    log_start = sealed[0].base_offset if sealed else active_base_offset
    if first_dirty is None or not log_start <= first_dirty <= active_base_offset:
        first_dirty = log_start
    dirty_from = max(bisect_right(sealed, first_dirty, key=lambda segment: segment.base_offset) - 1, 0)
    if first_dirty == active_base_offset:
        dirty_from = len(sealed)
    dirty = list(sealed[dirty_from:])
    for number, segment in enumerate(dirty):
        if config.min_compaction_lag_ms and segment.largest_timestamp > now_ms - config.min_compaction_lag_ms:
            first_uncleanable = segment.base_offset
            del dirty[number:]
            break
    else:
        first_uncleanable = active_base_offset
    clean_bytes = sum(segment.size for segment in sealed if segment.base_offset < first_dirty)
    dirty_bytes = sum(segment.size for segment in dirty)
    ratio = dirty_bytes / (clean_bytes + dirty_bytes) if dirty_bytes else 0.0
    must_clean = _is_overdue(sealed[dirty_from:], config.max_compaction_lag_ms, now_ms)
    return Cleanable(
        first_dirty=first_dirty,
        first_uncleanable=max(first_dirty, first_uncleanable),
        dirty_bytes=dirty_bytes,
        ratio=ratio,
        must_clean=must_clean,
        is_due=dirty_bytes > 0 and (must_clean or ratio > config.min_cleanable_dirty_ratio),
    )


def _is_overdue(dirty: Sequence[SealedSegment], max_compaction_lag_ms: int | None, now_ms: int) -> bool:
    if max_compaction_lag_ms is None:
        return False
    first_timestamps = [segment.first_timestamp for segment in dirty if segment.first_timestamp > 0]
    return min(first_timestamps, default=now_ms) < now_ms - max_compaction_lag_ms


def group_segments(sealed: Sequence[SealedSegment], *, upto: int, config: LogConfig) -> list[range]:
    """Put neighbouring segments together that may become one.

    Args:
        sealed: the segments to compact, clean ones too, oldest first.
        upto: the offset behind the last of them.
        config: the log's settings.

    Returns:
        for each segment to be made, the indices of those it is made of; in their order, which must be kept.
    """
    ends = [segment.base_offset for segment in sealed[1:]] + [upto]
    groups: list[range] = []
    start = size = index_bytes = 0
    for number, segment in enumerate(sealed):
        fits = (
            number > start
            and size + segment.size <= config.segment_bytes
            and index_bytes + segment.index_bytes <= MAX_INDEX_BYTES
            and ends[number] - 1 - sealed[start].base_offset <= MAX_RELATIVE_OFFSET
            and not (segment.has_aborted or sealed[start].has_aborted)
        )
        if not fits:
            if number > start:
                groups.append(range(start, number))
            start, size, index_bytes = number, 0, 0
        size += segment.size
        index_bytes += segment.index_bytes
    if sealed:
        groups.append(range(start, len(sealed)))
    return groups
