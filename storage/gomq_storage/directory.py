"""A broker's data directory: its lock, its identity, one log per partition. Kafka: ``LogManager``.

.lock              held while a broker has the directory open
meta.properties    whose directory it is
*-checkpoint, .kafka_cleanshutdown    what is known of the logs before they are opened: ``checkpoint.py``
<topic>-<n>/       one partition: its log, and partition.metadata with the topic's id
<topic>-<n>.<id>-delete/   a partition that is being removed
<topic>-<n>.<id>-stray/    a partition that no topic speaks of, put aside because a new one took its name
"""

import errno
import fcntl
import os
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from gomq_storage.checkpoint import Checkpoints, CleanEnd
from gomq_storage.config import LogConfig
from gomq_storage.errors import DirectoryInUseError, DirectoryUnusableError, StorageError
from gomq_storage.files import Files, OsFiles
from gomq_storage.identity import DirectoryIdentity, encode_uuid, read_or_write_identity
from gomq_storage.layout import (
    LOCK_FILE_NAME,
    PARTITION_METADATA_FILE_NAME,
    RESTORING_DIRECTORY_NAME,
    TopicPartition,
    deleted_directory_name,
    is_deleted_directory_name,
    parse_partition_directory_name,
    partition_directory_name,
    stray_directory_name,
)
from gomq_storage.log import Log


class NewLog(NamedTuple):
    """A log that is to be made."""

    partition: TopicPartition
    topic_id: uuid.UUID
    config: LogConfig


class LogDirectory:
    """An open, locked data directory."""

    def __init__(
        self, path: Path, *, lock: int, identity: DirectoryIdentity, checkpoints: Checkpoints, files: Files
    ) -> None:
        self.path = path
        self.identity = identity
        self.checkpoints = checkpoints
        """What is known of the logs, opened or not."""
        self.files = files
        self.left_behind: list[str] = []
        """Folders of removed partitions that could not be removed, and why; the next opening tries again."""
        self._lock = lock

    @classmethod
    def open(cls, path: Path, *, node_id: int | None = None, files: Files | None = None) -> "LogDirectory":
        """Lock a data directory, making it (not its parents) where it is missing, and finish removals.

        Args:
            path: the directory.
            node_id: whose it must be. None: anybody's; one that is made is node 1's.
            files: the file system; the operating system's if not given.

        Raises:
            DirectoryInUseError: another broker has it.
            DirectoryUnusableError: it is no directory, cannot be written, is another program's or node's, or a backup
                is not restored to it to the end.
        """
        files = files or OsFiles()
        _make(files, path)
        lock = lock_directory(path)
        try:
            identity = read_or_write_identity(files, path, node_id)
            checkpoints = Checkpoints.take(files, path)
            directory = cls(path, lock=lock, identity=identity, checkpoints=checkpoints, files=files)
            directory._finish_removals()
        except OSError as error:
            os.close(lock)
            raise DirectoryUnusableError(path, _told(error)) from error
        except BaseException:
            os.close(lock)
            raise
        return directory

    def partitions(self) -> Iterable[TopicPartition]:
        """Name the partitions that have a folder here."""
        for name in self.files.names(self.path):
            if (partition := parse_partition_directory_name(name)) is not None:
                yield partition

    def create_log(self, partition: TopicPartition, *, topic_id: uuid.UUID, config: LogConfig) -> Log:
        """Make a partition's folder and an empty log in it, as ``create_logs`` does."""
        return self.create_logs([NewLog(partition, topic_id, config)])[0]

    def create_logs(self, wanted: Sequence[NewLog]) -> list[Log]:
        """Make the folders of partitions and empty logs in them, all of it synced; all or none.

        1. Put aside folders of these names that are there, because a topic was not deleted or created to the end, and
        forget for good what the checkpoints say of them.  2. Make folders and files.  3. Sync the files, each folder,
        and the data directory once: what a file system commits together is then waited for only once.

        Raises:
            OSError, StorageError: it could not be done; what was made is removed again.
        """
        for partition, _, _ in wanted:
            self._put_aside(partition)
            self.checkpoints.forget(partition)
        self.checkpoints.save_forgotten()
        logs: list[Log] = []
        try:
            for partition, topic_id, config in wanted:
                self._make_folder(partition, topic_id)
                logs.append(self.open_log(partition, config=config))
            for log in logs:
                self._sync_metadata(log.directory)
                log.flush()
            self.files.sync_directory(self.path)
        except (OSError, StorageError):
            for log in logs:
                log.abandon()
            self.remove_logs([partition for partition, _, _ in wanted])
            raise
        return logs

    def _put_aside(self, partition: TopicPartition) -> None:
        directory = self.path / partition_directory_name(partition)
        if self.files.exists(directory):
            stray = stray_directory_name(partition, uuid.uuid4().hex)
            self.files.rename(directory, self.path / stray)
            self.left_behind.append(f"{self.path / stray} was {directory.name}, which no topic spoke of")

    def _make_folder(self, partition: TopicPartition, topic_id: uuid.UUID) -> None:
        directory = self.path / partition_directory_name(partition)
        self.files.make_directory(directory)
        metadata = self.files.open(directory / PARTITION_METADATA_FILE_NAME, create=True)
        try:
            metadata.write(0, [f"version: 0\ntopic_id: {encode_uuid(topic_id)}".encode()])
        finally:
            metadata.close()

    def _sync_metadata(self, directory: Path) -> None:
        metadata = self.files.open(directory / PARTITION_METADATA_FILE_NAME)
        try:
            metadata.sync()
        finally:
            metadata.close()

    def open_log(
        self,
        partition: TopicPartition,
        *,
        config: LogConfig,
        is_promised: bool = True,
        on_progress: Callable[[int, int], None] | None = None,
    ) -> Log:
        """Open the log of a partition that has a folder; the arguments are those of ``Log.open``.

        Raises:
            StorageError: it is damaged, or cannot be read.
        """
        directory = self.path / partition_directory_name(partition)
        try:
            return Log.open(
                directory,
                config,
                files=self.files,
                checkpoints=(self.checkpoints, partition),
                is_promised=is_promised,
                on_progress=on_progress,
            )
        except OSError as error:
            raise StorageError(f"cannot open {directory}: {error.strerror}") from error

    def save_checkpoints(self) -> None:
        """Write down what has changed in the checkpoints."""
        self.checkpoints.save_recovery_points()
        self.checkpoints.save_log_starts()
        self.checkpoints.save_first_dirty()

    def remove_log(self, partition: TopicPartition) -> None:
        """Remove a partition's folder, as ``remove_logs`` does."""
        self.remove_logs([partition])

    def remove_logs(self, partitions: Iterable[TopicPartition]) -> None:
        """Remove the folders of partitions, their logs closed before.

        1. Rename each to a name no partition has, and sync: from here on they are gone.  2. Remove files and folders.
        """
        doomed = []
        for partition in partitions:
            source = self.path / partition_directory_name(partition)
            target = self.path / deleted_directory_name(partition, uuid.uuid4().hex)
            if self.files.exists(source):
                self.files.rename(source, target)
                doomed.append(target)
            self.checkpoints.forget(partition)
        if doomed:
            self.files.sync_directory(self.path)
        for directory in doomed:
            self._remove(directory)

    def close(self, ends: Mapping[TopicPartition, CleanEnd] | None = None) -> None:
        """Let another broker have the directory.

        Args:
            ends: where the logs end, all of which were closed without a failure: the next opening believes it.

        Raises:
            OSError: it could not be written down; the directory is closed all the same.
        """
        try:
            self.save_checkpoints()
            if ends is not None:
                self.checkpoints.save_clean_shutdown(ends)
        finally:
            os.close(self._lock)

    def abandon(self) -> None:
        """Let another broker have the directory, as the end of the process would: nothing is written down."""
        os.close(self._lock)

    def _finish_removals(self) -> None:
        for name in self.files.names(self.path):
            if is_deleted_directory_name(name):
                self._remove(self.path / name)

    def _remove(self, directory: Path) -> None:
        """Remove a folder that is no partition's any more; what somebody else has put into it stays."""
        try:
            for name in self.files.names(directory):
                self.files.remove(directory / name)
            self.files.remove_directory(directory)
        except OSError as error:
            self.left_behind.append(f"{directory} cannot be removed: {error.strerror}")


def _make(files: Files, path: Path) -> None:
    try:
        files.make_directory(path)
        files.sync_directory(path.parent)
    except FileExistsError as error:
        if not path.is_dir():
            raise DirectoryUnusableError(path, "it is not a directory") from error
    except OSError as error:
        raise DirectoryUnusableError(path, f"cannot be made: {error.strerror}") from error
    if not os.access(path, os.W_OK | os.X_OK):
        raise DirectoryUnusableError(path, "it is not writable")
    if files.exists(path / RESTORING_DIRECTORY_NAME):
        raise DirectoryUnusableError(path, "a backup is being restored to it, or that was interrupted: do it again")


def _told(error: OSError) -> str:
    reason = error.strerror or str(error)
    return f"{Path(error.filename).name}: {reason}" if error.filename else reason


def lock_directory(path: Path) -> int:
    """Keep brokers out of a data directory until the returned descriptor is closed.

    Both kinds of lock are taken: Kafka's is fcntl's, and only flock keeps a second broker of this process out.

    Raises:
        DirectoryInUseError: a broker has it.
        DirectoryUnusableError: it cannot be locked.
    """
    try:
        lock = os.open(path / LOCK_FILE_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise DirectoryUnusableError(path, _told(error)) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(lock)
        if error.errno in {errno.EACCES, errno.EAGAIN}:
            raise DirectoryInUseError(path) from error
        raise DirectoryUnusableError(path, f"cannot be locked: {error.strerror}") from error
    return lock
