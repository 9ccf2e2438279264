"""What is done to the logs of a directory now and then, in worker threads: old segments go, and their files later.

Kafka: ``LogManager.cleanupLogs``. Letting go of a log's old end, at any point of which the power may go:

1. Move the log's start, in memory.  2. Write the starts of all logs down: now it counts.  3. Take the segments in
front of it out of the log, see that what producers wrote in them is known without them, and rename their files to
``.deleted``.  4. Unlink these after ``file.delete.delay.ms``, for somebody may still be reading them.  What is not done
of 3 and 4 the next opening does.

Of several renames the power may undo any: without 2 the log would have a hole. But a full disk has no room for 2, and
must get it back by 3. Then the segments go one by one, the oldest first, each for good before the next: a log starts
with its first segment where nothing else is written down, and at no point is one missing behind it. That takes a sync
for each. What lies before the start in the segment that stays may be back after a crash, until 2 has been done.
"""

import threading
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from gomq_storage.checkpoint import Checkpoints
from gomq_storage.errors import StorageError, is_disk_full
from gomq_storage.layout import REMOVED_SUFFIX
from gomq_storage.log import Log
from gomq_storage.producer_recovery import remove_snapshots
from gomq_storage.retention import SegmentAge, expired_upto
from gomq_storage.segment import Segment
from gomq_storage.txn_index import remove_transaction_indexes


@dataclass(frozen=True, slots=True, kw_only=True)
class Removed:
    """Segments that a log let go of."""

    directory: Path
    """The log's folder."""
    segments: int
    bytes: int
    log_start: int
    """Where the log starts now."""


class Failed(NamedTuple):
    """Something that could not be done, and why; the logs that it does not concern were not kept from their turn."""

    directory: Path
    """The log's folder, or that of the checkpoints."""
    error: OSError | StorageError


class _Doomed(NamedTuple):
    due: float
    log: Log
    segments: Sequence[Segment]


class Upkeep:
    """Lets go of what has expired in the logs of one directory. Several threads may use it.

    Args:
        checkpoints: those of the directory.
        clock: seconds, ascending; tells when files are due to be unlinked.
    """

    def __init__(self, checkpoints: Checkpoints, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._checkpoints = checkpoints
        self._clock = clock
        self._doomed: list[_Doomed] = []
        self._lock = threading.Lock()

    def enforce_retention(self, logs: Iterable[Log], *, now_ms: int) -> list[Removed | Failed]:
        """Let go of what has expired by each log's settings, or lies in front of its start.

        Args:
            logs: which.
            now_ms: the time, to be compared with that of messages.

        Raises:
            OSError: the logs' new starts could not be written down, though there is room; nothing was removed.
        """
        results: list[Removed | Failed] = []
        waiting = [(log, log.notes.checkpoint.log_start) for log in logs if self._has_expired(log, now_ms, results)]
        is_saved = self._save_log_starts(results)
        for log, start in waiting:
            try:
                if (removed := self._detach(log, start, one_by_one=not is_saved)) is not None:
                    results.append(removed)
            except OSError as error:
                results.append(Failed(log.directory, error))
        return results

    def remove_due(self, *, everything: bool = False) -> list[Failed]:
        """Unlink the files whose time has come, or all that wait for it."""
        now, failed = self._clock(), list[Failed]()
        with self._lock:
            due = [doomed for doomed in self._doomed if doomed.due <= now or everything]
            self._doomed = [doomed for doomed in self._doomed if doomed not in due]
        for doomed in due:
            try:
                doomed.log.release(doomed.segments)
            except OSError as error:
                failed.append(Failed(doomed.log.directory, error))
        return failed

    def doom(self, log: Log, segments: Sequence[Segment]) -> None:
        """Unlink the ``.deleted`` files of segments that were taken out of a log when their time has come."""
        with self._lock:
            self._doomed.append(_Doomed(self._clock() + log.config.file_delete_delay_ms / 1000, log, segments))

    def expel(self, log: Log, base_offsets: Collection[int]) -> None:
        """Remove, of these base offsets, what a log let go of earlier: others are about to take the files' names.

        Raises:
            OSError: a file could not be removed.
        """
        with self._lock:
            earlier = [doomed for doomed in self._doomed if doomed.log is log]
            self._doomed = [doomed for doomed in self._doomed if doomed.log is not log]
            for doomed in earlier:
                kept = [segment for segment in doomed.segments if segment.base_offset not in base_offsets]
                self._doomed.append(doomed._replace(segments=kept))
        gone = [segment for doomed in earlier for segment in doomed.segments if segment.base_offset in base_offsets]
        if gone:
            log.release(gone)

    def _has_expired(self, log: Log, now_ms: int, results: list[Removed | Failed]) -> bool:
        """Move a log's start to where its retention lets it; say whether segments may be removed."""
        if log.is_closed or log.maintaining.locked():
            return False  # it is being compacted, or deleted
        try:
            self._let_expire(log, now_ms)
        except OSError as error:
            results.append(Failed(log.directory, error))  # what lies in front of its start may go all the same
        except StorageError as error:
            results.append(Failed(log.directory, error))
            return False
        return len(log.segments) > 1 and log.segments[1].base_offset <= log.log_start

    def _save_log_starts(self, results: list[Removed | Failed]) -> bool:
        """Write down where logs start; say whether there was room for it."""
        try:
            self._checkpoints.save_log_starts()
        except OSError as error:
            if not is_disk_full(error):
                raise
            results.append(Failed(self._checkpoints.directory, error))
            return False
        return True

    def _let_expire(self, log: Log, now_ms: int) -> None:
        """Move a log's start; where a new segment would have to be begun, and cannot be, up to the active one."""
        config = log.config
        log_end = log.log_end  # before the ages: what is appended meanwhile is young, and stays
        by_age = config.deletes and config.retention_ms is not None
        segments = log.checked_segments() if by_age else log.segments
        ages = [_age(segment, by_age=by_age) for segment in segments]
        found = expired_upto(
            ages[:-1], ages[-1], config=config, now_ms=now_ms, log_start=log.log_start, log_end=log_end
        )
        if found.roll_active:
            log.flush()  # so that rolling, which keeps appends waiting, has little left to sync
            try:
                log.roll()
            except OSError:
                log.advance_start(ages[-1].base_offset)  # those in front need not stay for that
                raise
        log.advance_start(found.new_log_start)

    def _detach(self, log: Log, start: int, *, one_by_one: bool) -> Removed | None:
        if not log.maintaining.acquire(blocking=False):
            return None  # a compaction has begun; the next time will do
        try:
            segments = log.detach_below(start)
            log.secure_producers()
            _put_aside(log, segments, one_by_one=one_by_one)
            self.doom(log, segments)
            base_offsets = [segment.base_offset for segment in segments]
            remove_snapshots(log.files, log.directory, base_offsets)
            remove_transaction_indexes(log.files, log.directory, base_offsets)
        finally:
            log.maintaining.release()
        size = sum(segment.size for segment in segments)
        return Removed(directory=log.directory, segments=len(segments), bytes=size, log_start=log.log_start)


def _put_aside(log: Log, segments: Sequence[Segment], *, one_by_one: bool) -> None:
    if one_by_one:
        log.files.sync_directory(log.directory)  # or the segment behind them, just begun, may go with them
    for segment in segments:
        segment.rename(REMOVED_SUFFIX)
        if one_by_one:
            log.files.sync_directory(log.directory)


def _age(segment: Segment, *, by_age: bool) -> SegmentAge:
    return SegmentAge(segment.base_offset, segment.size, segment.largest.timestamp if by_age else -1)
