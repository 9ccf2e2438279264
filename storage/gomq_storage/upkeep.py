"""What is done to the logs of a directory now and then, in worker threads: old segments go, and their files later.

Kafka: ``LogManager.cleanupLogs``. Letting go of a log's old end, at any point of which the power may go:

1. Move the log's start, in memory.  2. Write the starts of all logs down: now it counts.  3. Take the segments in
front of it out of the log, see that what producers wrote in them is known without them, and rename their files to
``.deleted``.  4. Unlink these after ``file.delete.delay.ms``, for somebody may still be reading them.  What is not done
of 3 and 4 the next opening does.
"""

import threading
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from gomq_storage.checkpoint import Checkpoints
from gomq_storage.errors import StorageError
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
    """A log that something could not be done to, and why; the others were not kept from it."""

    directory: Path
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
            OSError: the logs' new starts could not be written down; nothing was removed.
        """
        results: list[Removed | Failed] = []
        waiting: list[tuple[Log, int]] = []
        for log in logs:
            if log.is_closed or log.maintaining.locked():
                continue  # it is being compacted, or deleted
            try:
                if self._let_expire(log, now_ms):
                    waiting.append((log, log.notes.checkpoint.log_start))
            except (OSError, StorageError) as error:
                results.append(Failed(log.directory, error))
        self._checkpoints.save_log_starts()
        for log, saved_start in waiting:
            try:
                if (removed := self._detach(log, saved_start)) is not None:
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

    def _let_expire(self, log: Log, now_ms: int) -> bool:
        """Move a log's start to where its retention lets it; say whether segments may be removed."""
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
            log.roll()
        log.advance_start(found.new_log_start)
        return len(log.segments) > 1 and log.segments[1].base_offset <= log.log_start

    def _detach(self, log: Log, saved_start: int) -> Removed | None:
        if not log.maintaining.acquire(blocking=False):
            return None  # a compaction has begun; the next time will do
        try:
            segments = log.detach_below(saved_start)
            log.secure_producers()
            for segment in segments:
                segment.rename(REMOVED_SUFFIX)
            self.doom(log, segments)
            base_offsets = [segment.base_offset for segment in segments]
            remove_snapshots(log.files, log.directory, base_offsets)
            remove_transaction_indexes(log.files, log.directory, base_offsets)
        finally:
            log.maintaining.release()
        size = sum(segment.size for segment in segments)
        return Removed(directory=log.directory, segments=len(segments), bytes=size, log_start=log.log_start)


def _age(segment: Segment, *, by_age: bool) -> SegmentAge:
    return SegmentAge(segment.base_offset, segment.size, segment.largest.timestamp if by_age else -1)
