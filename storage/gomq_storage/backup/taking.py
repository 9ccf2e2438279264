"""Copies a data directory while a broker serves from it, so that what is copied is one that a broker could have left.

    <target>/.lock                             held while a backup is being made
    <target>/20261126T100000.000Z/             a backup: the files of a data directory, and ``manifest.json``
    <target>/20261126T110000.000Z.partial/     one that is being made, or that was interrupted

What is in it, and why it fits together:

1. The broker's own state (``__gomq_metadata``), which says what topics there are.
2. Committed offsets (``__consumer_offsets``), so that no group is further than the messages that are copied.
3. All other topics' partitions, each as ``partition.py`` says; folders that no topic speaks of are left out.
4. The state again, and what has come meanwhile; then the state once more: now no message is of a producer that it has
   not yet numbered. A topic that it has under the same id as before was there all the time: it is in the backup, whole.
   Others came or went: the state of the backup takes them back, and what was committed for them too. So nothing has to
   stand still, however often topics come and go.
5. Checkpoints are not copied but written: the recovery point is where the copy, which was checked, ends; the log's
   start and where compaction is are those from before the partition was copied. There is no marker of a clean stop.
6. Sync everything, write the manifest, and give the directory its name: from here on it is the backup.

Every message that was acknowledged before the backup began is in it, under its offset, unless retention or compaction
removed it while it was made. A file that is the same as in the backup before is linked to that one (it is never written
to again), so that only what is new is copied.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TypeAlias

from gomq_storage.backup.copy import Copier
from gomq_storage.backup.files import BackupFiles, ReadOnlyFiles
from gomq_storage.backup.keyed import KeyedLog, changing, last_segment, read_keyed
from gomq_storage.backup.manifest import MANIFEST_FILE_NAME, Damage, Manifest, encode_manifest
from gomq_storage.backup.partition import PartitionCopy, copy_partition, remove_partition
from gomq_storage.backup.places import (
    PARTIAL_SUFFIX,
    BackupError,
    check_places,
    check_same,
    list_backups,
    newest,
    next_name,
    remove_backup,
    remove_partial,
)
from gomq_storage.backup.topics import COMMITTED, STATE, TopicState, changes_of_state, has, strange_offsets, topics_in
from gomq_storage.checkpoint_text import encode_offsets
from gomq_storage.errors import CorruptBatchError, CorruptFileError
from gomq_storage.files import write_atomically
from gomq_storage.identity import DirectoryIdentity, read_identity
from gomq_storage.layout import (
    CLEANER_OFFSET_FILE_NAME,
    LOG_START_FILE_NAME,
    META_PROPERTIES_FILE_NAME,
    RECOVERY_POINT_FILE_NAME,
    TopicPartition,
    parse_partition_directory_name,
    partition_directory_name,
)

_Topics: TypeAlias = Mapping[str, TopicState]


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupReport:
    """What a backup has."""

    path: Path
    created_ms: int
    partitions: int
    files: int
    copied_bytes: int
    linked_bytes: int
    """Of files that the backup before had already."""
    damaged: tuple[Damage, ...]
    """Log files that are damaged; they were copied as they are."""


def back_up(
    source: Path,
    target: Path,
    *,
    now_ms: int,
    keep: int = 1,
    files: BackupFiles | None = None,
    on_progress: Callable[[int], object] = lambda _: None,
) -> BackupReport:
    """Make a backup of a data directory, whether a broker has it open or not.

    Args:
        source: the data directory; nothing in it is changed.
        target: where backups are kept; it is made where it is missing, its parents are not.
        now_ms: the time, which gives the backup its name.
        keep: how many backups are left there, this one included; older ones are removed once this one is complete.
        files: the file system.
        on_progress: told how many bytes are done with since the last time.

    Raises:
        BackupError: it is no data directory, or the target cannot be used, as it has another directory's backups.
        DirectoryInUseError: another backup is being made there.
        OSError: reading or writing failed; the backups before this one are untouched.
    """
    files = files or BackupFiles()
    check_places(files, source, target)
    if not files.exists(target):
        files.make_directory(target)
        files.sync_directory(target.parent)
    lock = files.lock(target)
    try:
        remove_partial(files, target)
        before = list_backups(files, target)
        previous = newest(before)
        identity = read_identity(ReadOnlyFiles(), source)
        if previous is not None:
            check_same(source, identity, target, previous[1])
        partial = target / (next_name(files, target, now_ms) + PARTIAL_SUFFIX)
        files.make_directory(partial)
        files.restrict(partial, like=source)
        try:
            copier = Copier(files, source, partial, previous=previous, on_progress=on_progress)
            report = _Backup(copier, identity).make(now_ms)
        except BaseException:
            with suppress(OSError):  # or the next backup does it
                files.remove_tree(partial)
            raise
        for old in [*before, report.path][:-keep]:
            remove_backup(files, old)
        files.sync_directory(target)
        return report
    finally:
        files.unlock(lock)


def size_of(source: Path, *, files: BackupFiles | None = None) -> int:
    """Say how many bytes a backup has to look at, more or less."""
    files = files or BackupFiles()
    total = 0
    for partition in _partitions(files, source):
        with suppress(FileNotFoundError):  # its topic was deleted meanwhile
            found = files.identities(source / partition_directory_name(partition))
            total += sum(identity.size for identity in found.values())
    return total


class _Backup:
    """One that is being made."""

    def __init__(self, copier: Copier, identity: DirectoryIdentity) -> None:
        self._copier = copier
        self._files, self._source, self._partial = copier.files, copier.source, copier.target
        self._identity = identity
        self._copies: dict[TopicPartition, PartitionCopy] = {}
        self._ids: dict[TopicPartition, str] = {}

    def make(self, now_ms: int) -> BackupReport:
        self._copier.copy(PurePosixPath(META_PROPERTIES_FILE_NAME))
        first = self._copy_state()
        self._copy_topics(first)
        second = self._copy_state()
        if COMMITTED not in first:  # made meanwhile: it would be ahead of the messages
            second.pop(COMMITTED, None)
        self._copy_topics(second)
        self._settle(first, second, self._copy_state())
        self._write_checkpoints()
        manifest = Manifest(
            created_ms=now_ms,
            cluster_id=self._identity.cluster_id,
            node_id=self._identity.node_id,
            directory_id=self._identity.directory_id,
            files=dict(self._copier.stored),
            damaged=tuple(self._copier.damaged.values()),
        )
        self._copier.sync()
        write_atomically(self._files, self._partial / MANIFEST_FILE_NAME, encode_manifest(manifest))
        final = self._partial.with_name(self._partial.name.removesuffix(PARTIAL_SUFFIX))
        self._files.move(self._partial, final)
        self._files.sync_directory(final.parent)
        return BackupReport(
            path=final,
            created_ms=now_ms,
            partitions=len(self._copies),
            files=len(manifest.files),
            copied_bytes=self._copier.copied_bytes,
            linked_bytes=self._copier.linked_bytes,
            damaged=manifest.damaged,
        )

    def _copy_state(self) -> dict[str, TopicState]:
        """Copy the broker's own state, and return what topics it has."""
        self._copy(STATE)
        try:
            return topics_in(self._read(STATE).values)
        except (CorruptBatchError, CorruptFileError, FileNotFoundError) as error:
            path = self._source / partition_directory_name(STATE)
            raise BackupError(f"{path} is damaged, and no broker could serve from a backup of it: {error}") from error

    def _copy_topics(self, topics: _Topics) -> None:
        """Copy the partitions of topics, those aside that were copied already."""
        counts = _counts(topics)
        found = [each for each in _partitions(self._files, self._source) if has(counts, each)]
        for partition in sorted(found, key=lambda each: (each.topic != COMMITTED, each)):
            topic_id = topics[partition.topic].id
            if self._ids.get(partition) != topic_id:
                self._copy(partition)
                self._ids[partition] = topic_id

    def _copy(self, partition: TopicPartition) -> None:
        self._copies.pop(partition, None)
        if (copy := copy_partition(self._copier, partition)) is not None:
            self._copies[partition] = copy

    def _settle(self, first: _Topics, second: _Topics, last: _Topics) -> None:
        """Leave in the backup what was there all the time since it was copied, and have its own logs say so."""
        kept = {name: topic for name, topic in second.items() if name in last and last[name].id == topic.id}
        for partition in [each for each in self._copies if each != STATE and each.topic not in kept]:
            remove_partition(self._copier, partition)
            del self._copies[partition]
        state = self._read(STATE)
        self._change(STATE, state, changes_of_state(state.values, _counts(kept)))
        if first == last:
            return
        lasting = {name: topic for name, topic in kept.items() if name in first and first[name].id == topic.id}
        for partition in [each for each in self._copies if each.topic == COMMITTED]:
            with suppress(CorruptBatchError):  # a broker does not serve what is in it either
                offsets = self._read(partition)
                self._change(partition, offsets, strange_offsets(offsets.values, _counts(lasting)))

    def _read(self, partition: TopicPartition) -> KeyedLog:
        return read_keyed(self._files, self._partial / partition_directory_name(partition))

    def _change(self, partition: TopicPartition, log: KeyedLog, changes: Mapping[bytes, bytes | None]) -> None:
        """Write behind a log of the backup."""
        if not changes:
            return
        folder = partition_directory_name(partition)
        batches, end = changing(log, changes)
        path = PurePosixPath(folder, last_segment(self._files, self._partial / folder))
        self._copier.extend(path, batches, end_offset=end)
        self._copies[partition] = self._copies[partition]._replace(end_offset=end)

    def _write_checkpoints(self) -> None:
        copies = self._copies.items()
        offsets: dict[str, dict[TopicPartition, int]] = {
            RECOVERY_POINT_FILE_NAME: {each: copy.end_offset for each, copy in copies if copy.is_sound},
            LOG_START_FILE_NAME: {each: copy.log_start for each, copy in copies if copy.log_start},
            CLEANER_OFFSET_FILE_NAME: {each: copy.first_dirty for each, copy in copies if copy.first_dirty is not None},
        }
        for name, values in offsets.items():
            self._copier.write(PurePosixPath(name), encode_offsets(values))


def _partitions(files: BackupFiles, source: Path) -> Iterator[TopicPartition]:
    for name in files.names(source):
        if (partition := parse_partition_directory_name(name)) is not None and (source / name).is_dir():
            yield partition


def _counts(topics: _Topics) -> dict[str, int]:
    return {name: topic.partitions for name, topic in topics.items()}
