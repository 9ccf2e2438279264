"""Leaves only some topics in what is restored: the broker's own logs must not speak of those that are not there."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Final

from gomq_storage.backup.files import BackupFiles
from gomq_storage.backup.keyed import KeyedLog, changing, last_segment, read_keyed
from gomq_storage.backup.places import BackupError
from gomq_storage.backup.topics import COMMITTED, STATE, changes_of_state, idle_groups, strange_offsets, topics_in
from gomq_storage.checkpoint_text import decode_offsets, encode_offsets
from gomq_storage.errors import CorruptBatchError, CorruptFileError
from gomq_storage.files import read_whole, write_atomically
from gomq_storage.layout import (
    CLEANER_OFFSET_FILE_NAME,
    LOG_START_FILE_NAME,
    RECOVERY_POINT_FILE_NAME,
    TopicPartition,
    parse_partition_directory_name,
    partition_directory_name,
)

_MAX_CHECKPOINT_BYTES: Final = 16 << 20


def narrow(files: BackupFiles, data: Path, topics: Collection[str]) -> None:
    """Have a data directory that nobody serves from, whose other topics' folders are gone, speak of these only.

    Raises:
        BackupError: the broker's own logs in it are damaged, so that they cannot be changed.
        OSError: reading or writing failed.
    """
    ends: dict[TopicPartition, int] = {}
    state = _read(files, data, STATE)
    kept = {name: topic.partitions for name, topic in topics_in(state.values).items() if name in {*topics, COMMITTED}}
    ends[STATE] = _change(files, data / partition_directory_name(STATE), state, changes_of_state(state.values, kept))
    there = {each for name in files.names(data) if (each := parse_partition_directory_name(name)) is not None}
    for partition in sorted(each for each in there if each.topic == COMMITTED):
        log = _read(files, data, partition)
        strange = strange_offsets(log.values, kept)
        idle = idle_groups(log.values.keys() - strange.keys())
        ends[partition] = _change(files, data / partition_directory_name(partition), log, {**strange, **idle})
    for name in (RECOVERY_POINT_FILE_NAME, LOG_START_FILE_NAME, CLEANER_OFFSET_FILE_NAME):
        known = decode_offsets(read_whole(files, data / name, max_bytes=_MAX_CHECKPOINT_BYTES))
        if name == RECOVERY_POINT_FILE_NAME:
            known |= ends
        write_atomically(
            files, data / name, encode_offsets({each: known[each] for each in sorted(there & known.keys())})
        )


def _read(files: BackupFiles, data: Path, partition: TopicPartition) -> KeyedLog:
    folder = partition_directory_name(partition)
    try:
        log = read_keyed(files, data / folder)
        if partition == STATE:
            topics_in(log.values)
    except (CorruptBatchError, CorruptFileError, FileNotFoundError) as error:
        raise BackupError(f"{folder} of the backup is damaged: restore all of it, or use another: {error}") from error
    return log


def _change(files: BackupFiles, folder: Path, log: KeyedLog, changes: Mapping[bytes, bytes | None]) -> int:
    """Write behind a log, and return its end."""
    batches, end = changing(log, changes)
    if batches:
        file = files.open(folder / last_segment(files, folder))
        try:
            file.write(file.size(), [batches])
            file.sync()
        finally:
            file.close()
    return end
