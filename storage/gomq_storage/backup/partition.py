"""Copies one partition while a broker appends to it, removes old segments and compacts.

1. See whose partition it is (``partition.metadata``), and what the checkpoints say of it.
2. Copy the leader epochs and the producers' snapshots, which may tell of less than the log, never of more.
3. Copy each segment, the oldest first: its indexes, its log, the transactions that were aborted in it.
4. Look again. Where the partition is another one, or gone, its topic was deleted: nothing of it is copied. Where a
   segment that was copied is another one by now, or is gone from the middle, compaction has been there: begin again
   with 1, and take what is still the same. Segments that are gone from the front have expired, and do no harm.

Old and new segments of a compaction must not be mixed: the old one may have a value, and the new one no more the
tombstone that took it back. A log file is copied as far as it reached when it was opened, and cut in front of a batch
that is not whole; what was acknowledged before that is in it.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import PurePosixPath
from typing import Final, NamedTuple

from gomq_storage.backup.copy import Copier
from gomq_storage.backup.files import FileIdentity, ReadOnlyFiles
from gomq_storage.backup.manifest import StoredFile
from gomq_storage.checkpoint_text import decode_offsets
from gomq_storage.errors import CorruptFileError, StorageError
from gomq_storage.files import read_whole
from gomq_storage.layout import (
    CLEANER_OFFSET_FILE_NAME,
    LEADER_EPOCH_FILE_NAME,
    LOG_START_FILE_NAME,
    LOG_SUFFIX,
    OFFSET_INDEX_SUFFIX,
    PARTITION_METADATA_FILE_NAME,
    TIME_INDEX_SUFFIX,
    TXN_INDEX_SUFFIX,
    TopicPartition,
    parse_segment_file_name,
    parse_snapshot_file_name,
    partition_directory_name,
    segment_file_name,
)

_MOST_LOOKS: Final = 50
"""So often a partition is looked at again; compaction leaves a log alone for far longer than a look takes."""
_MAX_CHECKPOINT_BYTES: Final = 16 << 20
_METADATA_BYTES: Final = 4096
_BEFORE_LOG: Final = (OFFSET_INDEX_SUFFIX, TIME_INDEX_SUFFIX)


class PartitionCopy(NamedTuple):
    """What the new backup's checkpoints have to say of a partition."""

    log_start: int
    first_dirty: int | None
    """From where on it was not compacted when its copying began; None: no part of it ever was."""
    end_offset: int
    """Behind its last whole batch."""
    is_sound: bool
    """Whether all of its batches were whole."""


def copy_partition(copier: Copier, partition: TopicPartition) -> PartitionCopy | None:
    """Copy a partition, or what has changed of it since; None where it is not there, or not the same, any more.

    Raises:
        StorageError: it is compacted faster than it can be copied.
        OSError: it cannot be read, or the copy not be written.
    """
    folder = PurePosixPath(partition_directory_name(partition))
    whose = _identity(copier, folder)
    if whose is None:
        remove_partition(copier, partition)
        return None
    copier.enter(folder)
    for _ in range(_MOST_LOOKS):
        try:
            found = _look(copier, folder, partition)
        except (FileNotFoundError, NotADirectoryError):
            found = None
        if _identity(copier, folder) != whose:
            remove_partition(copier, partition)
            return None
        if found is not None:
            return found
    raise StorageError(f"{copier.source / folder} changes faster than it can be copied; try again")


def remove_partition(copier: Copier, partition: TopicPartition) -> None:
    """Take a partition out of the backup again, if it is there."""
    copier.remove_folder(PurePosixPath(partition_directory_name(partition)))


def _identity(copier: Copier, folder: PurePosixPath) -> bytes | None:
    """Return what tells a partition from a later one of its name: its topic's id; None where there is no folder."""
    try:
        with copier.files.open_source(copier.source / folder / PARTITION_METADATA_FILE_NAME) as file:
            return file.read(0, _METADATA_BYTES)
    except (FileNotFoundError, NotADirectoryError):
        return b"" if copier.files.exists(copier.source / folder) else None


def _look(copier: Copier, folder: PurePosixPath, partition: TopicPartition) -> PartitionCopy | None:
    """Copy what is there; None where something changed meanwhile that must not be mixed."""
    before = copier.files.identities(copier.source / folder)
    _check_links(copier, folder, before)
    _forget_others(copier, folder, before)
    if PARTITION_METADATA_FILE_NAME in before:
        copier.copy(folder / PARTITION_METADATA_FILE_NAME)
    first_dirty = read_checkpoint(copier, CLEANER_OFFSET_FILE_NAME).get(partition)
    log_start = read_checkpoint(copier, LOG_START_FILE_NAME).get(partition, 0)
    for name in sorted(before):
        if name == LEADER_EPOCH_FILE_NAME or parse_snapshot_file_name(name) is not None:
            _copy_if_there(copier, folder / name)
    bases = segment_bases(before)
    logs = [_copy_segment(copier, folder, base, before, is_sealed=base != bases[-1]) for base in bases]
    after = copier.files.identities(copier.source / folder)
    if not _fits(logs, after):
        return None
    gaps = read_checkpoint(copier, CLEANER_OFFSET_FILE_NAME)  # now it tells of every compaction that is in the copy
    end = logs[-1].end_offset or 0 if logs else log_start
    return PartitionCopy(
        log_start=min(log_start, end),
        first_dirty=min(first_dirty or 0, end) if partition in gaps else None,
        end_offset=end,
        is_sound=not any(each.path in copier.damaged for each in logs),
    )


def read_checkpoint(copier: Copier, name: str) -> Mapping[TopicPartition, int]:
    """Read an offset file of the data directory; one that is not there, or cannot be read, has nothing."""
    try:
        return _offsets_in(read_whole(ReadOnlyFiles(), copier.source / name, max_bytes=_MAX_CHECKPOINT_BYTES))
    except (FileNotFoundError, CorruptFileError):
        return {}


@lru_cache(maxsize=2)
def _offsets_in(content: bytes) -> Mapping[TopicPartition, int]:
    """Decode an offset file: each partition asks for two of them, which have a line for each partition."""
    return decode_offsets(content)


def segment_bases(names: Mapping[str, FileIdentity]) -> list[int]:
    """List the base offsets of the segments in a folder, ascending."""
    parsed = (parse_segment_file_name(name) for name in names)
    return sorted(each[0] for each in parsed if each is not None and each[1] == LOG_SUFFIX)


def _check_links(copier: Copier, folder: PurePosixPath, found: Mapping[str, FileIdentity]) -> None:
    """See that no part of the log is elsewhere, as it would be missing."""
    for name in copier.files.names(copier.source / folder):
        path = copier.source / folder / name
        if name not in found and name.endswith(LOG_SUFFIX) and path.is_symlink() and parse_segment_file_name(name):
            raise StorageError(f"{path} is a link, and links are not followed: put the file itself there")


def _copy_segment(
    copier: Copier, folder: PurePosixPath, base: int, names: Mapping[str, FileIdentity], *, is_sealed: bool
) -> StoredFile:
    for suffix in _BEFORE_LOG:
        if segment_file_name(base, suffix) in names:
            _copy_if_there(copier, folder / segment_file_name(base, suffix))
    log = copier.copy(folder / segment_file_name(base), is_sealed=is_sealed)
    _copy_if_there(copier, folder / segment_file_name(base, TXN_INDEX_SUFFIX))
    return log


def _copy_if_there(copier: Copier, path: PurePosixPath) -> None:
    """Copy what is there to be quicker, and can be made anew where it is gone."""
    try:
        copier.copy(path)
    except FileNotFoundError:
        copier.forget(path)


def _forget_others(copier: Copier, folder: PurePosixPath, names: Mapping[str, FileIdentity]) -> None:
    """Take out of the backup what an earlier look has copied and is not there any more."""
    for path in [each for each in copier.stored_in(folder) if each.name not in names]:
        copier.forget(path)


def _fits(logs: Sequence[StoredFile], after: Mapping[str, FileIdentity]) -> bool:
    """Whether the segments that were copied are still those of the log, apart from those that have expired."""
    bases = segment_bases(after)
    for number, log in enumerate(logs):
        now = after.get(log.path.name)
        if now is None:
            base = parse_segment_file_name(log.path.name)
            if base is None or not bases or base[0] > bases[0]:
                return False
        elif log.source is None or now.inode != log.source.inode or (number < len(logs) - 1 and now != log.source):
            return False
    return True
