"""Makes a data directory of a backup: every file is compared with the manifest, and on the device, before it counts.

1. Lock the data directory, so that no broker opens it meanwhile.
2. Copy all files to ``<data>/.restoring`` and check their sizes and CRCs; sync them.
3. Move the folders into their places, the broker's own state last: what is there before that has no topics.
4. Sync the directory, and remove what is left of ``.restoring``.

Interrupted before 3, the next attempt begins anew; a backup that is damaged leaves nothing behind.
"""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Final

from crc32c import crc32c

from gomq_storage.backup.files import BackupFiles
from gomq_storage.backup.manifest import MANIFEST_FILE_NAME, Manifest, StoredFile
from gomq_storage.backup.places import BackupError, list_backups, read_manifest
from gomq_storage.directory import lock_directory
from gomq_storage.layout import LOCK_FILE_NAME

_STAGING: Final = ".restoring"
_STATE_PREFIX: Final = "__gomq_metadata-"
_CHUNK_BYTES: Final = 1 << 20


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
    return backup, read_manifest(files, backup)


def restore(
    backup: Path,
    data: Path,
    manifest: Manifest,
    *,
    files: BackupFiles | None = None,
    on_progress: Callable[[int], object] = lambda _: None,
) -> None:
    """Make a data directory of a backup.

    Args:
        backup: what ``find_backup`` found.
        data: the directory; it is made, or empty.
        manifest: what is in the backup.
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
    _check_empty(files, data)
    lock = lock_directory(data)
    try:
        _check_empty(files, data)
        staging = data / _STAGING
        if files.exists(staging):
            files.remove_tree(staging)
        files.make_directory(staging)
        try:
            _fill(files, backup, staging, manifest, on_progress)
        except BaseException:
            with suppress(OSError):  # or the next attempt does it
                files.remove_tree(staging)
            raise
        _put_in_place(files, staging, data)
    finally:
        files.unlock(lock)


def _check_empty(files: BackupFiles, data: Path) -> None:
    if not data.is_dir():
        raise BackupError(f"{data} is not a directory")
    left = [name for name in files.names(data) if name not in {LOCK_FILE_NAME, _STAGING, "lost+found"}]
    if left:
        raise BackupError(f"{data} is not empty, it has {left[0]}: restore to another directory, or move it away")


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
    names = sorted(files.names(staging), key=lambda name: name.startswith(_STATE_PREFIX))
    for name in names:
        if name.startswith(_STATE_PREFIX):
            files.sync_directory(data)
        files.move(staging / name, data / name)
    files.sync_directory(data)
    files.remove_directory(staging)
