"""How much of a log's old end has expired: a decision, no I/O. Kafka: ``UnifiedLog.deleteOldSegments``.

Segments go whole, from the oldest on, up to the first one that must stay:

1. those in front of the log's start, whatever the policy;
2. while ``retention.bytes`` are left without them;
3. those whose newest message is older than ``retention.ms``.

The newest message of a segment decides, so one with a timestamp in the future keeps its segment, and all behind it,
until that time has passed. A clock that jumps back lets nothing expire; one that jumps ahead lets everything expire
at once, which no rule can tell from a log that nobody wrote to. Where messages have no timestamps, Kafka takes the
time of the file's last change; here the segment stays, unless it has no messages at all.
"""

from collections.abc import Sequence
from typing import NamedTuple

from gomq_storage.batch import NO_TIMESTAMP
from gomq_storage.config import LogConfig


class SegmentAge(NamedTuple):
    """What the decision looks at, of one segment."""

    base_offset: int
    size: int
    largest_timestamp: int
    """Of its messages, ms since the epoch; NO_TIMESTAMP where none has one."""


class Retention(NamedTuple):
    """What may go."""

    new_log_start: int
    """Segments that end at or in front of it may be removed; never smaller than the log's start so far."""
    roll_active: bool
    """The active segment expired too: begin a new one first, so that there is always one."""


def expired_upto(
    sealed: Sequence[SegmentAge],
    active: SegmentAge,
    *,
    config: LogConfig,
    now_ms: int,
    log_start: int,
    log_end: int,
) -> Retention:
    """Work out up to which offset retention lets go of a log.

    Args:
        sealed: the segments that take no appends, oldest first.
        active: the one that does; it goes only if it holds something, and all in front of it go.
        config: the log's settings.
        now_ms: the time.
        log_start: the log's start so far, which may lie within a segment.
        log_end: the offset behind the last message.
    """
    segments = (*sealed, active) if active.size else tuple(sealed)
    ends = [*(segment.base_offset for segment in (*sealed, active)), log_end][1:]
    first = 0
    while first < len(sealed) and ends[first] <= log_start:
        first += 1
    if config.deletes:
        total = sum(segment.size for segment in segments[first:])
        first += _beyond_size(segments[first:], total, config.retention_bytes)
        first += _beyond_age(segments[first:], now_ms, config.retention_ms)
    new_log_start = max(log_start, ends[first - 1]) if first else log_start
    return Retention(new_log_start, roll_active=first > len(sealed))


def _beyond_size(segments: Sequence[SegmentAge], total: int, retention_bytes: int | None) -> int:
    """Count the segments without which so many bytes would still be left."""
    count = 0
    if retention_bytes is not None:
        for segment in segments:
            total -= segment.size
            if total < retention_bytes:
                break
            count += 1
    return count


def _beyond_age(segments: Sequence[SegmentAge], now_ms: int, retention_ms: int | None) -> int:
    """Count the segments with nothing young in them."""
    count = 0
    if retention_ms is not None:
        for segment in segments:
            if segment.size and (
                segment.largest_timestamp == NO_TIMESTAMP or now_ms - segment.largest_timestamp <= retention_ms
            ):
                break
            count += 1
    return count
