"""The folders and logs behind the catalogue of topics. Blocking: everything here may wait for the device."""

import os
import time
import uuid
from collections import Counter
from collections.abc import Callable, Container, Iterable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from gomq.broker.logs import get_logger
from gomq.broker.metadata_log import TOPIC_NAME
from gomq.broker.partition import Partition
from gomq_storage.checkpoint import CleanEnd
from gomq_storage.config import CleanupPolicy, LogConfig
from gomq_storage.directory import LogDirectory, NewLog
from gomq_storage.errors import StorageError
from gomq_storage.layout import TopicPartition
from gomq_storage.log import Log
from gomq_storage.recovery import RecoveryReport

_log = get_logger("gomq.broker")

METADATA: Final = TopicPartition(TOPIC_NAME, 0)
_METADATA_CONFIG: Final = LogConfig(cleanup_policy=CleanupPolicy.COMPACT, segment_bytes=1 << 20)
"""A small segment: only what lies in front of the last one is compacted."""
_PROGRESS_SECONDS: Final = 2.0


class Volume(NamedTuple):
    """The file system that a directory is in."""

    total_bytes: int
    usable_bytes: int
    """What is left for the broker."""


def volume_of(directory: Path) -> Volume:
    """Ask how large the file system of a directory is, and how much room it has."""
    found = os.statvfs(directory)
    return Volume(found.f_blocks * found.f_frsize, found.f_bavail * found.f_frsize)


class TopicLogs:
    """Makes, opens, removes and closes logs.

    Args:
        directory: the data directory.
        is_promised: whether a producer may have been told that what it appended is on the device.
    """

    def __init__(self, directory: LogDirectory, *, is_promised: bool) -> None:
        self._directory = directory
        self._is_promised = is_promised
        self.is_clean: bool = directory.checkpoints.was_clean
        """Whether every log opened so far was left in order."""

    def open_metadata(self) -> Log:
        """Open the log of the broker's own state, or make it.

        Raises:
            OSError, StorageError: it cannot be read.
        """
        if METADATA not in set(self._directory.partitions()):
            return self._directory.create_log(METADATA, topic_id=uuid.uuid4(), config=_METADATA_CONFIG)
        log = self._directory.open_log(METADATA, config=_METADATA_CONFIG)
        self._take_note(METADATA, log)
        log.flush()
        return log

    def open(self, name: TopicPartition, config: LogConfig) -> Partition:
        """Open a partition's log; one that is damaged or missing makes it an offline partition."""
        log: Log | None = None
        try:
            log = self._directory.open_log(
                name, config=config, is_promised=self._is_promised, on_progress=_progress_of(name)
            )
            self._take_note(name, log)
            log.flush()
        except StorageError as error:
            self.is_clean = False
            if log is not None:
                log.abandon()
            return Partition(name, None, problem=str(error))
        return Partition(name, log)

    def create(self, wanted: Sequence[NewLog]) -> list[Log]:
        """Make the logs of partitions, all of them or none.

        Raises:
            OSError, StorageError: one could not be made.
        """
        try:
            return self._directory.create_logs(wanted)
        finally:
            self._report_left_behind()

    def remove(self, names: Iterable[TopicPartition], logs: Sequence[Log | None]) -> None:
        """Close logs and remove the folders of these partitions."""
        for log in logs:
            if log is not None:
                log.abandon()
        self._directory.remove_logs(names)
        self._report_left_behind()

    def close(self, logs: Iterable[Log | None]) -> list[StorageError]:
        """Sync and close logs, then the directory; return what could not be synced.

        The directory is marked as left in order if all were, and none (None) was out of use.
        """
        failures: list[StorageError] = []
        ends: dict[TopicPartition, CleanEnd] | None = {}
        for log in logs:
            try:
                end = log.close() if log is not None else None
            except StorageError as error:
                failures.append(error)
                end = None
            if log is None or end is None:
                ends = None
            elif ends is not None:
                ends[log.name] = end
        try:
            self._directory.close(ends)
        except OSError as error:
            failures.append(StorageError(f"{self._directory.path} cannot be marked as clean: {error.strerror}"))
        return failures

    def abandon(self, logs: Iterable[Log | None]) -> None:
        """Let go of logs and the directory without syncing them, or writing anything down."""
        for log in logs:
            if log is not None:
                log.abandon()
        self._directory.abandon()

    def report_unclaimed(self, known: Container[TopicPartition]) -> None:
        """Say which folders are no partition's that is known, METADATA aside: they take room, and nothing uses them."""
        unclaimed = Counter(
            name.topic for name in self._directory.partitions() if name not in known and name != METADATA
        )
        for topic, count in sorted(unclaimed.items()):
            problem = (
                f"{self._directory.path / topic}-*: {count} of these folders belong to no topic; "
                "a crash while it was created or deleted may have left them"
            )
            _log.warning("directory.left_behind", problem=problem)

    def _take_note(self, name: TopicPartition, log: Log) -> None:
        """Remember and say what opening a log found."""
        report = log.recovery
        self.is_clean &= report.was_clean
        if report != RecoveryReport() or report.missing_offsets:
            _log.warning(
                "partition.recovered",
                partition=str(name),
                truncated_bytes=report.truncated_bytes,
                kept_aside=str(report.kept_aside) if report.kept_aside is not None else None,
                rebuilt_segments=report.rebuilt_segments,
                finished_swaps=report.finished_swaps,
                removed_files=report.removed_files,
                scanned_bytes=report.scanned_bytes,
                missing_offsets=report.missing_offsets,
            )

    def _report_left_behind(self) -> None:
        problems, self._directory.left_behind = self._directory.left_behind, []
        for problem in problems:
            _log.warning("directory.left_behind", problem=problem)


def _progress_of(name: TopicPartition) -> Callable[[int, int], None]:
    """Make a listener that says how far a long recovery has come, every few seconds."""
    last = time.monotonic()

    def progress(done: int, total: int) -> None:
        nonlocal last
        if time.monotonic() - last >= _PROGRESS_SECONDS:
            last = time.monotonic()
            _log.info("partition.recovering", partition=str(name), bytes_done=done, bytes_total=total)

    return progress
