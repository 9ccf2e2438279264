"""A data directory that is open, what happens to it while it is backed up, and what is restored of the backup."""

import errno
import json
import os
import struct
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from gomq_storage.backup.files import BackupFiles, SourceFile
from gomq_storage.backup.keyed import read_keyed
from gomq_storage.backup.restoring import find_backup, restore
from gomq_storage.backup.taking import BackupReport, back_up
from gomq_storage.config import LogConfig
from gomq_storage.directory import LogDirectory
from gomq_storage.layout import TopicPartition
from gomq_storage.log import Log
from gomq_storage.record import NewRecord, encode_batch
from gomq_storage.recovery import RecoveryReport
from tests.support.log_batches import NOW, batch_of, numbered, records_in

ORDERS = TopicPartition("orders", 0)
OFFSETS = TopicPartition("__consumer_offsets", 0)
STATE = TopicPartition("__gomq_metadata", 0)
SMALL = LogConfig(segment_bytes=600, index_interval_bytes=100, file_delete_delay_ms=0)
STATES_LOG = "__gomq_metadata-0/00000000000000000000.log"


class Serving:
    """A data directory that is open, as a broker has it: what topics there are is in a log of its own."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.directory = LogDirectory.open(path)
        self.logs: dict[TopicPartition, Log] = {}
        self.state = self.directory.create_log(STATE, topic_id=uuid.uuid4(), config=LogConfig())

    def create(self, partition: TopicPartition, config: LogConfig = SMALL, *, partitions: int = 1) -> Log:
        """Make the last partition of a topic, and say that it has so many; the others are there."""
        topic_id = uuid.uuid4()
        log = self.logs[partition] = self.directory.create_log(partition, topic_id=topic_id, config=config)
        value = {"id": str(topic_id), "partitions": partitions, "configs": {}}
        self.state.append(batch_of(json.dumps(value).encode(), key=b"topic/" + partition.topic.encode()))
        return log

    def delete(self, partition: TopicPartition) -> None:
        self.state.append(batch_of_tombstone(b"topic/" + partition.topic.encode()))
        self.logs.pop(partition).abandon()
        self.directory.remove_log(partition)

    def close(self) -> None:
        for log in [*self.logs.values(), self.state]:
            log.abandon()
        self.directory.abandon()


class Meanwhile(BackupFiles):
    """Something happens right before a file is opened, once: the first time, or after so many times."""

    def __init__(self, name: str, happens: Callable[[], object], *, at: int = 0) -> None:
        super().__init__()
        self.happened = False
        self._name = name
        self._happens = happens
        self._left = at

    def open_source(self, path: Path) -> SourceFile:
        if str(path).endswith(self._name) and not self.happened:
            self.happened = self._left == 0
            self._left -= 1
            if self.happened:
                self._happens()
        return super().open_source(path)


class EachTime(BackupFiles):
    """Something happens right behind every opening of such a file."""

    def __init__(self, name: str, happens: Callable[[], object]) -> None:
        super().__init__()
        self._name = name
        self._happens = happens

    def open_source(self, path: Path) -> SourceFile:
        try:
            return super().open_source(path)
        finally:
            if str(path).endswith(self._name):
                self._happens()


class FailingFiles(BackupFiles):
    """The disk is full from one call on."""

    def __init__(self, fails_at: int) -> None:
        super().__init__()
        self._left = fails_at

    def open(self, path: Path, *, create: bool = False):
        self._count(path)
        return super().open(path, create=create)

    def link(self, source: Path, target: Path) -> bool:
        self._count(target)
        return super().link(source, target)

    def move(self, source: Path, target: Path) -> None:
        self._count(target)
        super().move(source, target)

    def rename(self, source: Path, target: Path) -> None:
        self._count(target)
        super().rename(source, target)

    def make_directory(self, path: Path) -> None:
        self._count(path)
        super().make_directory(path)

    def sync_directory(self, path: Path) -> None:
        self._count(path)
        super().sync_directory(path)

    def _count(self, path: Path) -> None:
        if self._left == 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        self._left -= 1


def saved(serving: Serving, *, now_ms: int = NOW, files: BackupFiles | None = None, keep: int = 1) -> BackupReport:
    return back_up(serving.path, serving.path.parent / "backups", now_ms=now_ms, files=files, keep=keep)


@contextmanager
def restored(serving: Serving, *, config: LogConfig = SMALL) -> Iterator[Callable[[TopicPartition], Log]]:
    """Restore the newest backup, and open logs of it."""
    target = serving.path.parent / f"restored-{uuid.uuid4().hex}"
    backup, manifest = find_backup(serving.path.parent / "backups")
    restore(backup, target, manifest)
    directory = LogDirectory.open(target)
    opened: list[Log] = []

    def open_log(partition: TopicPartition) -> Log:
        opened.append(directory.open_log(partition, config=config))
        return opened[-1]

    yield open_log
    for log in opened:
        log.abandon()
    directory.abandon()


def fill(log: Log, start: int, stop: int) -> None:
    for number in range(start, stop):
        log.append(numbered(number))


def offset_key(group: bytes, topic: bytes, partition: int = 0) -> bytes:
    """Write the key of what a group has committed."""
    return struct.pack(f">hh{len(group)}sh{len(topic)}si", 1, len(group), group, len(topic), topic, partition)


def values_of(data: Path, partition: TopicPartition) -> dict[bytes, bytes]:
    """Say what one of the broker's own logs says in the end, read as a broker does."""
    return read_keyed(BackupFiles(), data / str(partition)).values


def state_of(data: Path) -> dict[bytes, bytes]:
    return values_of(data, STATE)


def topics_of(serving: Serving) -> set[str]:
    """Say what topics a broker that is given the newest backup would have."""
    backup, _ = find_backup(serving.path.parent / "backups")
    with restored(serving) as open_log:
        state = open_log(STATE)
        assert state.recovery == RecoveryReport()
        values = latest(state)
    assert {key: value for key, value in values.items() if value is not None} == state_of(backup)
    return {key.decode().removeprefix("topic/") for key, value in values.items() if key is not None and value}


def batch_of_tombstone(key: bytes) -> bytes:
    """Make a batch that takes a key back."""
    return encode_batch([NewRecord(None, key)], now_ms=NOW)


def keys_in(log: Log) -> set[bytes | None]:
    return set(latest(log))


def latest(log: Log) -> dict[bytes | None, bytes | None]:
    """Return the last value of each key; None for one that was taken back."""
    return {record.key: record.value for record in records_in(log)}
