"""Where backups are: how they are named, which of a directory's entries are some, and which may be removed."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from gomq_storage.backup.files import BackupFiles, ReadOnlyFiles
from gomq_storage.backup.manifest import MANIFEST_FILE_NAME, MAX_MANIFEST_BYTES, Manifest, decode_manifest
from gomq_storage.backup.topics import STATE
from gomq_storage.errors import CorruptFileError, StorageError
from gomq_storage.files import read_whole
from gomq_storage.identity import DirectoryIdentity
from gomq_storage.layout import META_PROPERTIES_FILE_NAME, partition_directory_name

PARTIAL_SUFFIX: Final = ".partial"
_KAFKAS_STATE: Final = "__cluster_metadata-0"
_NAME: Final = re.compile(r"[0-9]{8}T[0-9]{6}\.[0-9]{3}Z")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class BackupError(StorageError):
    """A backup cannot be made, or not be used; the message says why."""


def check_places(files: BackupFiles, source: Path, target: Path) -> None:
    """See whether a directory can be backed up, and in another one.

    Raises:
        BackupError: it is no data directory, or one is within the other.
    """
    if not files.exists(source / META_PROPERTIES_FILE_NAME):
        raise BackupError(f"{source} is no data directory: it has no {META_PROPERTIES_FILE_NAME}")
    if files.exists(source / _KAFKAS_STATE):
        raise BackupError(f"{source} is a Kafka's: what its topics are is in files that are not understood here")
    state = partition_directory_name(STATE)
    if not files.exists(source / state):
        raise BackupError(
            f"{source} is no data directory of GoMQ's: it has no {state}, which says what topics there are"
        )
    inside, outside = target.resolve(), source.resolve()
    if outside == inside or outside in inside.parents or inside in outside.parents:
        raise BackupError(f"a backup of {source} cannot be kept in {target}: one is within the other")


def check_same(source: Path, identity: DirectoryIdentity, target: Path, before: Manifest) -> None:
    """See that what is backed up is what the backups before are of: they are removed for it.

    Raises:
        BackupError: they are of another broker, or of another directory of its: one was restored from the other.
    """
    if before.cluster_id != identity.cluster_id:
        raise BackupError(
            f"{target} has backups of another broker, of cluster {before.cluster_id}, and {source} is of "
            f"{identity.cluster_id}: keep its backups in a directory of its own"
        )
    ids = {before.directory_id, identity.directory_id} - {None}
    if len(ids) > 1:
        raise BackupError(
            f"{target} has backups of another directory of this broker's, with directory.id {before.directory_id}; "
            f"{source} has {identity.directory_id}, as one was restored from the other: keep its backups in a "
            "directory of its own"
        )


def list_backups(files: BackupFiles, target: Path) -> list[Path]:
    """List the complete backups of a directory, oldest first; what a user has given another name is none of them."""
    names = sorted(name for name in files.names(target) if _NAME.fullmatch(name))
    return [target / name for name in names if files.exists(target / name / MANIFEST_FILE_NAME)]


def read_manifest(backup: Path) -> Manifest:
    """Read what a backup has.

    Raises:
        BackupError: it cannot be understood.
    """
    path = backup / MANIFEST_FILE_NAME
    try:
        return decode_manifest(read_whole(ReadOnlyFiles(), path, max_bytes=MAX_MANIFEST_BYTES))
    except (CorruptFileError, OSError) as error:
        reason = error.reason if isinstance(error, CorruptFileError) else error.strerror
        raise BackupError(f"{path} cannot be read: {reason}") from error


def newest(backups: Sequence[Path]) -> tuple[Path, Manifest] | None:
    """Find the last backup that can be understood."""
    for path in reversed(backups):
        try:
            return path, read_manifest(path)
        except BackupError:
            continue
    return None


def next_name(files: BackupFiles, target: Path, now_ms: int) -> str:
    """Name a backup after a time, or the moment behind the last one: names ascend, whatever the clock does."""
    names = [name.removesuffix(PARTIAL_SUFFIX) for name in files.names(target)]
    last = max((name for name in names if _NAME.fullmatch(name)), default="")
    name = _name_of(now_ms)
    if name > last:
        return name
    moment = datetime.strptime(last, "%Y%m%dT%H%M%S.%fZ").replace(tzinfo=UTC)
    return _name_of((moment - _EPOCH) // timedelta(milliseconds=1) + 1)


def remove_backup(files: BackupFiles, backup: Path) -> None:
    """Remove a backup; from the first step on it is none any more, and the next backup removes what may be left."""
    partial = backup.with_name(backup.name + PARTIAL_SUFFIX)
    files.move(backup, partial)
    files.remove_tree(partial)


def remove_partial(files: BackupFiles, target: Path) -> None:
    """Remove what was left by backups that were interrupted."""
    for name in files.names(target):
        if name.endswith(PARTIAL_SUFFIX) and _NAME.fullmatch(name.removesuffix(PARTIAL_SUFFIX)):
            files.remove_tree(target / name)


def _name_of(moment_ms: int) -> str:
    moment = _EPOCH + timedelta(milliseconds=moment_ms)
    return f"{moment.strftime('%Y%m%dT%H%M%S')}.{moment_ms % 1000:03d}Z"
