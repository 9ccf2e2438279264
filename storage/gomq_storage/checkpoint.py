"""What is known of logs before they are opened: the checkpoint files of a directory, and whether it was left in order.

    recovery-point-offset-checkpoint   up to where a log was on the device: only what follows needs checking
    log-start-offset-checkpoint        where a log starts, if that is behind the start of its first segment
    cleaner-offset-checkpoint          where the part of a log starts that was never compacted
    .kafka_cleanshutdown               there only while no broker runs, and only if the last one stopped in order

All are Kafka's (``LogManager``, ``LogCleanerManager``, ``CleanShutdownFileHandler``); the text of the first three is
``checkpoint_text.py``'s. Kafka writes a JSON object into the marker and passes over fields it does not know, so ours
also says where each log ended, which a marker of Kafka's does not:

    {"version": 0, "brokerEpoch": -1, "logEnds": {"orders-0": [1200, 1024, 65536]}}

The three numbers are ``CleanEnd``'s. The broker epoch -1 tells Kafka that there was none.

A broker that is killed between the marker's removal and the directory's sync has a next one that finds no marker and
goes on, and the power may still go and bring the marker back. So it is emptied first: an empty one counts as none.
"""

import json
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from gomq_storage.checkpoint_text import decode_offsets, encode_offsets, entry_problem
from gomq_storage.errors import CorruptFileError
from gomq_storage.files import Files, read_whole, write_atomically
from gomq_storage.layout import (
    CLEAN_SHUTDOWN_FILE_NAME,
    CLEANER_OFFSET_FILE_NAME,
    LOG_START_FILE_NAME,
    MAX_OFFSET,
    RECOVERY_POINT_FILE_NAME,
    TopicPartition,
    parse_partition_directory_name,
    partition_directory_name,
)

MAX_FILE_BYTES: Final = 16 << 20
"""A file that is larger is not read: some 60,000 partitions with the longest of names."""
_MARKER_VERSION: Final = 0
_NO_BROKER_EPOCH: Final = -1


class CleanEnd(NamedTuple):
    """Where a log ended when it was closed in order."""

    log_end: int
    segment_base_offset: int
    """Of its last segment."""
    segment_size: int
    """Bytes in the last segment's log file."""


class LogCheckpoint(NamedTuple):
    """What is known of one log before it is opened."""

    recovery_point: int = 0
    """All records before this offset were on the device."""
    log_start: int = 0
    """The log starts here, or behind."""
    first_dirty: int | None = None
    """Where the part that was never compacted starts; None: no part ever was."""
    clean_end: CleanEnd | None = None
    """Where the log ended, if the directory was left in order and that was written down."""


class _OffsetFile:
    """One offset of each partition, in memory and in a file. Several threads may use it."""

    def __init__(self, files: Files, path: Path) -> None:
        self.offsets: dict[TopicPartition, int] = {}
        self._files = files
        self.path = path
        self._changed = False
        self._forgotten: set[TopicPartition] = set()  # the file may still speak of them
        self._lock = threading.Lock()
        self._saving = threading.Lock()  # one write at a time; a setter does not wait for it

    def load(self) -> bool:
        """Read the file; say whether it could be read, as one that is missing can."""
        try:
            content = read_whole(self._files, self.path, max_bytes=MAX_FILE_BYTES + 1)
            if len(content) > MAX_FILE_BYTES:
                return False
            self.offsets = decode_offsets(content)
        except FileNotFoundError:
            return True
        except (OSError, CorruptFileError):
            return False
        return True

    def set(self, partition: TopicPartition, offset: int) -> None:
        """Keep an offset, unless it could not be written down."""
        if (problem := entry_problem(partition, offset)) is not None:
            raise ValueError(problem)
        with self._lock:
            self._changed |= self.offsets.get(partition) != offset
            self.offsets[partition] = offset

    def forget(self, partition: TopicPartition) -> None:
        """Drop a partition's offset if there is one."""
        with self._lock:
            if self.offsets.pop(partition, None) is not None:
                self._changed = True
                self._forgotten.add(partition)

    def save(self, *, if_forgotten: bool = False) -> None:
        """Write the file if it has changed since it was read or written, or only if it speaks of what was forgotten."""
        with self._saving:
            with self._lock:
                if not (self._forgotten if if_forgotten else self._changed):
                    return
                offsets, forgotten = dict(self.offsets), self._forgotten
                self._changed, self._forgotten = False, set()
            try:
                write_atomically(self._files, self.path, encode_offsets(offsets))
            except OSError:
                with self._lock:
                    self._changed = True
                    self._forgotten |= forgotten
                raise


class Checkpoints:
    """The checkpoint files and the marker of one directory: a data directory, or a single log's own folder.

    Changes are made in memory and written by ``save_...``, each file as a whole and only if it has changed. Several
    threads may do both. Of partitions that nobody asks for everything is kept, until ``forget``.
    """

    def __init__(self, files: Files, directory: Path) -> None:
        self.was_clean: bool = False
        """Whether the directory was left in order."""
        self.unreadable: list[str] = []
        """Names of the files that were there and could not be used; they count as empty."""
        self.directory: Path = directory
        self._files = files
        self._marker = directory / CLEAN_SHUTDOWN_FILE_NAME
        self._clean_ends: dict[TopicPartition, CleanEnd] = {}
        self._recovery_points = _OffsetFile(files, directory / RECOVERY_POINT_FILE_NAME)
        self._log_starts = _OffsetFile(files, directory / LOG_START_FILE_NAME)
        self._first_dirty = _OffsetFile(files, directory / CLEANER_OFFSET_FILE_NAME)

    @classmethod
    def take(cls, files: Files, directory: Path) -> "Checkpoints":
        """Read what a directory has, and take its marker away, so that from here on a crash is known for one.

        1. Read the three offset files.  2. Read the marker.  3. Empty and sync it, remove it, sync the directory.

        Raises:
            OSError: the marker cannot be taken away; nothing in the directory may be changed then.
        """
        taken = cls(files, directory)
        for file in (taken._recovery_points, taken._log_starts, taken._first_dirty):
            if not file.load():
                taken.unreadable.append(file.path.name)
        taken._take_marker()
        return taken

    def of(self, partition: TopicPartition) -> LogCheckpoint:
        """Say what is known of a log."""
        return LogCheckpoint(
            recovery_point=self._recovery_points.offsets.get(partition, 0),
            log_start=self._log_starts.offsets.get(partition, 0),
            first_dirty=self._first_dirty.offsets.get(partition),
            clean_end=self._clean_ends.get(partition),
        )

    def set_recovery_point(self, partition: TopicPartition, offset: int) -> None:
        """Note that all records before an offset are on the device."""
        self._recovery_points.set(partition, offset)

    def set_log_start(self, partition: TopicPartition, offset: int) -> None:
        """Note where a log starts; 0 need not be written down."""
        if offset == 0:
            self._log_starts.forget(partition)
        else:
            self._log_starts.set(partition, offset)

    def set_first_dirty(self, partition: TopicPartition, offset: int) -> None:
        """Note that a log was compacted up to an offset."""
        self._first_dirty.set(partition, offset)

    def forget(self, partition: TopicPartition) -> None:
        """Drop all that is known of a log that was deleted."""
        self._clean_ends.pop(partition, None)
        for file in (self._recovery_points, self._log_starts, self._first_dirty):
            file.forget(partition)

    def save_recovery_points(self) -> None:
        """Write the recovery points if they have changed; where that fails, the next call tries again."""
        self._recovery_points.save()

    def save_log_starts(self) -> None:
        """Write the log starts if they have changed; where that fails, the next call tries again."""
        self._log_starts.save()

    def save_first_dirty(self) -> None:
        """Write where logs are compacted up to if that has changed; where that fails, the next call tries again."""
        self._first_dirty.save()

    def save_forgotten(self) -> None:
        """Write the files that still speak of logs that were forgotten; where that fails, the next call tries again."""
        for file in (self._recovery_points, self._log_starts, self._first_dirty):
            file.save(if_forgotten=True)

    def save_clean_shutdown(self, ends: Mapping[TopicPartition, CleanEnd]) -> None:
        """Leave the directory in order: the last thing of all, once every log is closed and every file is saved.

        Raises:
            OSError: the marker may be there, or not.
        """
        write_atomically(self._files, self._marker, _encode_marker(ends))

    def _take_marker(self) -> None:
        if not self._files.exists(self._marker):
            return
        file = self._files.open(self._marker)
        try:
            content = file.read(0, min(file.size(), MAX_FILE_BYTES + 1))
            file.truncate(0)
            file.sync()
        finally:
            file.close()
        self._files.remove(self._marker)
        self._files.sync_directory(self._marker.parent)
        if not content:
            return
        try:
            self._clean_ends = _decode_marker(content)
            self.was_clean = True
        except CorruptFileError:
            self.unreadable.append(self._marker.name)


def _encode_marker(ends: Mapping[TopicPartition, CleanEnd]) -> bytes:
    marker = {
        "version": _MARKER_VERSION,
        "brokerEpoch": _NO_BROKER_EPOCH,
        "logEnds": {partition_directory_name(partition): end for partition, end in sorted(ends.items())},
    }
    return json.dumps(marker).encode()


def _decode_marker(content: bytes) -> dict[TopicPartition, CleanEnd]:
    if len(content) > MAX_FILE_BYTES:
        raise CorruptFileError(f"more than {MAX_FILE_BYTES} bytes")
    try:
        marker = json.loads(content.decode())
    except (ValueError, RecursionError) as error:
        raise CorruptFileError("not JSON") from error
    ends = marker.get("logEnds", {}) if isinstance(marker, dict) else None
    if not isinstance(ends, dict):
        raise CorruptFileError("not an object of what was expected")
    return dict(_decode_end(name, numbers) for name, numbers in ends.items())


def _decode_end(name: str, numbers: Any) -> tuple[TopicPartition, CleanEnd]:  # noqa: ANN401 - whatever JSON has
    partition = parse_partition_directory_name(name)
    if partition is None or not isinstance(numbers, list) or len(numbers) != len(CleanEnd._fields):
        raise CorruptFileError(f"not where a log ended: {name[:300]!r}")
    if any(type(number) is not int or not 0 <= number <= MAX_OFFSET for number in numbers):
        raise CorruptFileError(f"{partition}: a number that cannot be")
    return partition, CleanEnd._make(numbers)
