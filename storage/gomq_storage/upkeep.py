"""What is done to the logs of a directory now and then, in worker threads: old segments go, and their files later.

Letting go of a log's old end, at any point of which the power may go:

1. Move the log's start, in memory.  2. Write the starts of all logs down: now it counts.  3. Take the segments in
front of it out of the log, and rename their files to ``.deleted``.  4. Unlink these after ``file.delete.delay.ms``,
for somebody may still be reading them.  What is not done of 3 and 4 the next opening does.
"""

import time
from collections.abc import Callable, Iterable, Sequence
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
    """Keeps the logs of one directory in order. One thread at a time.

    Args:
        checkpoints: those of the directory.
        clock: seconds, ascending; tells when files are due to be unlinked.
    """

    def __init__(self, checkpoints: Checkpoints, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._checkpoints = checkpoints
        self._clock = clock
        self._doomed: list[_Doomed] = []

    def enforce_retention(self, logs: Iterable[Log], *, now_ms: int) -> list[Removed | Failed]:
        """Let go of what has expired by each log's settings, or lies in front of its start.

        Args:
            logs: which.
            now_ms: the time, to be compared with that of messages.

        Raises:
            OSError: the logs' new starts could not be written down; nothing was removed.
        """
        results: list[Removed | Failed] = []
        waiting: list[Log] = []
        for log in logs:
            try:
                if self._let_expire(log, now_ms):
                    waiting.append(log)
            except (OSError, StorageError) as error:
                results.append(Failed(log.directory, error))
        self._checkpoints.save_log_starts()
        for log in waiting:
            try:
                results.append(self._detach(log))
            except OSError as error:
                results.append(Failed(log.directory, error))
        return results

    def remove_due(self, *, everything: bool = False) -> list[Failed]:
        """Unlink the files whose time has come, or all that wait for it."""
        now, waiting, failed = self._clock(), self._doomed, list[Failed]()
        self._doomed = []
        for doomed in waiting:
            if doomed.due > now and not everything:
                self._doomed.append(doomed)
                continue
            try:
                doomed.log.release(doomed.segments)
            except OSError as error:
                failed.append(Failed(doomed.log.directory, error))
        return failed

    def retire(self, log: Log, segments: Sequence[Segment]) -> None:
        """Rename the files of segments that were taken out of a log, and unlink them when their time has come.

        Raises:
            OSError: a file could not be renamed; the next opening does it.
        """
        for segment in segments:
            segment.rename(REMOVED_SUFFIX)
        self._doomed.append(_Doomed(self._clock() + log.config.file_delete_delay_ms / 1000, log, segments))

    def _let_expire(self, log: Log, now_ms: int) -> bool:
        """Move a log's start to where its retention lets it; say whether segments may be removed."""
        config = log.config
        by_age = config.deletes and config.retention_ms is not None
        segments = log.checked_segments() if by_age else log.segments
        ages = [_age(segment, by_age=by_age) for segment in segments]
        found = expired_upto(
            ages[:-1], ages[-1], config=config, now_ms=now_ms, log_start=log.log_start, log_end=log.log_end
        )
        if found.roll_active:
            log.flush()  # so that rolling, which keeps appends waiting, has little left to sync
            log.roll()
        log.advance_start(found.new_log_start)
        return len(log.segments) > 1 and log.segments[1].base_offset <= log.log_start

    def _detach(self, log: Log) -> Removed:
        segments = log.detach_below_start()
        size = sum(segment.size for segment in segments)
        offsets = [segment.base_offset for segment in segments]
        self.retire(log, segments)
        remove_snapshots(log.files, log.directory, offsets)
        return Removed(directory=log.directory, segments=len(segments), bytes=size, log_start=log.log_start)


def _age(segment: Segment, *, by_age: bool) -> SegmentAge:
    return SegmentAge(segment.base_offset, segment.size, segment.largest.timestamp if by_age else -1)
