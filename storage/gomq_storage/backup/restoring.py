"""Makes a data directory of a backup: every file is compared with the manifest, and on the device, before it counts.

1. Lock the data directory, so that no broker opens it meanwhile.
2. Copy all files to ``<data>/.restoring`` and check their sizes and CRCs; sync them. Where only some topics are wanted
   the others' are left out, and what the broker's own logs say of these is taken back. The directory gets an id of
   its own, so that its backups are not taken for the original's.
3. Move the folders into their places, the broker's own state last: what is there before that has no topics.
4. Sync the directory, and remove what is left of ``.restoring``.

As long as there is a ``.restoring`` no broker opens the directory, and the next attempt begins anew, wherever this one
was interrupted. A backup that is damaged leaves nothing behind.
"""

from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Final

from crc32c import crc32c

from gomq_storage.backup.files import BackupFiles
from gomq_storage.backup.manifest import MANIFEST_FILE_NAME, Manifest, StoredFile
from gomq_storage.backup.narrowing import narrow
from gomq_storage.backup.places import BackupError, list_backups, read_manifest
from gomq_storage.backup.topics import COMMITTED, STATE
from gomq_storage.directory import lock_directory
from gomq_storage.identity import renew_directory_id
from gomq_storage.layout import (
    LOCK_FILE_NAME,
    RESTORING_DIRECTORY_NAME,
    parse_partition_directory_name,
    partition_directory_name,
)

_STATE_FOLDER: Final = partition_directory_name(STATE)
_CHUNK_BYTES: Final = 1 << 20
_MOST_NAMED: Final = 10
"""Topics that a message names, where there may be thousands."""


def find_backup(backup: Path, *, files: BackupFiles | None = None) -> tuple[Path, Manifest]:
    """Find the backup that is meant: the directory itself, or the newest of those in it.

    Raises:
        BackupError: there is none.
    """
    files = files or BackupFiles()
    if not backup.is_dir():
        raise BackupError(f"{backup} is no directory")
    if not files.exists(backup / MANIFEST_FILE_NAME):
        backups = list_backups(files, backup)
        if not backups:
            raise BackupError(f"{backup} is no backup, and has none in it: there is no {MANIFEST_FILE_NAME}")
        backup = backups[-1]
    return backup, read_manifest(backup)


def choose(manifest: Manifest, topics: Collection[str]) -> Manifest:
    """Say what of a backup is needed for some of its topics, and for what groups have committed of them.

    Raises:
        BackupError: the backup has no such topic, or it is the broker's own.
    """
    ours = {COMMITTED, STATE.topic}
    there = {topic for path in manifest.files if (topic := _topic_of(path)) is not None} - ours
    for name in topics:
        if name in ours:
            raise BackupError(f"{name} is the broker's own: what it says of a topic is restored with that")
        if name not in there:
            raise BackupError(f"the backup has no topic {name!r}; it has {_listed(there)}")
    wanted = {*topics, COMMITTED, STATE.topic}

    def is_needed(path: PurePosixPath) -> bool:
        return len(path.parts) == 1 or _topic_of(path) in wanted

    files = {path: file for path, file in manifest.files.items() if is_needed(path)}
    return replace(manifest, files=files, damaged=tuple(each for each in manifest.damaged if is_needed(each.path)))


def _listed(names: Collection[str]) -> str:
    listed = ", ".join(sorted(names)[:_MOST_NAMED])
    return f"{listed} and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else listed or "none"


def _topic_of(path: PurePosixPath) -> str | None:
    partition = parse_partition_directory_name(path.parent.name)
    return None if partition is None else partition.topic


def restore(
    backup: Path,
    data: Path,
    manifest: Manifest,
    *,
    topics: Collection[str] | None = None,
    files: BackupFiles | None = None,
    on_progress: Callable[[int], object] = lambda _: None,
) -> None:
    """Make a data directory of a backup.

    Args:
        backup: what ``find_backup`` found.
        data: the directory; it is made, or empty.
        manifest: what is in the backup, or what ``choose`` has chosen of it.
        topics: those that were chosen; None: all.
        files: the file system.
        on_progress: told how many bytes are done with since the last time.

    Raises:
        BackupError: the directory is not empty, or the backup is damaged.
        DirectoryInUseError: a broker has the directory.
        OSError: reading or writing failed; the directory has nothing in it that a broker would use.
    """
    files = files or BackupFiles()
    if not files.exists(data):
        files.make_directory(data)
        files.sync_directory(data.parent)
    _check_empty(files, data, manifest)
    lock = lock_directory(data)
    try:
        _check_empty(files, data, manifest)
        staging = data / RESTORING_DIRECTORY_NAME
        if files.exists(staging):
            _clear(files, staging, data, manifest)
        files.make_directory(staging)
        try:
            _fill(files, backup, staging, manifest, on_progress)
            if topics is not None:
                narrow(files, staging, topics)
            renew_directory_id(files, staging)
        except BaseException:
            with suppress(OSError):  # or the next attempt does it
                files.remove_tree(staging)
            raise
        _put_in_place(files, staging, data)
    finally:
        files.unlock(lock)


def _check_empty(files: BackupFiles, data: Path, manifest: Manifest) -> None:
    """See that there is nothing but what an attempt has left that was interrupted."""
    if not data.is_dir():
        raise BackupError(f"{data} is not a directory")
    names = files.names(data)
    ours = _places(manifest) if RESTORING_DIRECTORY_NAME in names else set()
    left = [name for name in names if name not in {LOCK_FILE_NAME, RESTORING_DIRECTORY_NAME, "lost+found"} | ours]
    if left:
        raise BackupError(f"{data} is not empty, it has {left[0]}: restore to another directory, or move it away")


def _places(manifest: Manifest) -> set[str]:
    return {path.parts[0] for path in manifest.files}


def _clear(files: BackupFiles, staging: Path, data: Path, manifest: Manifest) -> None:
    """Remove what an attempt has left: the directory was empty before it, and no broker has opened it since."""
    for name in sorted(_places(manifest) & set(files.names(data))):
        path = data / name
        if path.is_dir() and not path.is_symlink():
            files.remove_tree(path)
        else:
            files.remove(path)
    files.sync_directory(data)
    files.remove_tree(staging)


def _fill(
    files: BackupFiles, backup: Path, staging: Path, manifest: Manifest, on_progress: Callable[[int], object]
) -> None:
    folders: set[PurePosixPath] = set()
    for path, file in sorted(manifest.files.items()):
        if path.parent not in folders and len(path.parts) > 1:
            files.make_directory(staging / path.parent)
            folders.add(path.parent)
        _copy(files, backup, staging, file, on_progress)
    for folder in sorted(folders):
        files.sync_directory(staging / folder)
    files.sync_directory(staging)


def _copy(
    files: BackupFiles, backup: Path, staging: Path, file: StoredFile, on_progress: Callable[[int], object]
) -> None:
    try:
        source = files.open_source(backup / file.path)
    except FileNotFoundError as error:
        raise BackupError(f"{backup / file.path} is missing: the backup is damaged; use another") from error
    with source:
        copy = files.open(staging / file.path, create=True)
        try:
            position = crc = 0
            while data := source.read(position, _CHUNK_BYTES):
                copy.write(position, [data])
                crc = crc32c(data, crc)
                position += len(data)
                on_progress(len(data))
            copy.sync()
        finally:
            copy.close()
    if (position, crc) != (file.size, file.crc):
        raise BackupError(
            f"{backup / file.path} has {position} bytes and the CRC {crc:#010x}, the manifest says {file.size} and "
            f"{file.crc:#010x}: the backup is damaged; use another"
        )


def _put_in_place(files: BackupFiles, staging: Path, data: Path) -> None:
    names = sorted(files.names(staging), key=lambda name: name == _STATE_FOLDER)
    for name in names:
        if name == _STATE_FOLDER:
            files.sync_directory(data)
        files.move(staging / name, data / name)
    files.sync_directory(data)
    files.remove_directory(staging)
