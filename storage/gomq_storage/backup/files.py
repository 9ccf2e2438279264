"""What a backup asks of the file system besides ``files.py``: files that others write to and remove meanwhile.

Such a file is held by one descriptor while it is read: what has its name afterwards may be another one.
"""

import errno
import fcntl
import os
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple, Self

from gomq_storage.errors import DirectoryInUseError
from gomq_storage.files import OsFile, OsFiles
from gomq_storage.layout import LOCK_FILE_NAME

_NO_LINKS: Final = frozenset({errno.EPERM, errno.EXDEV, errno.EMLINK, errno.ENOTSUP, errno.ENOSYS})

_NO_MODES: Final = frozenset({errno.EPERM, errno.ENOTSUP, errno.ENOSYS})
"""From file systems of other systems, such as a stick's."""


class FileIdentity(NamedTuple):
    """What tells a file that was not changed; a log file that is sealed never is."""

    inode: int
    modified_ns: int
    size: int


class SourceFile:
    """A file that is copied, in a block.

    Raises:
        FileNotFoundError: it is not there, or not any more.
    """

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        self.identity: FileIdentity = _identity(os.fstat(self._descriptor))
        """As it was when it was opened."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)

    def read(self, position: int, size: int) -> bytes:
        """Read up to ``size`` bytes; fewer where the file ends."""
        return os.pread(self._descriptor, size, position)


class _ReadOnlyFile(OsFile):
    """A file that is opened anew for each call, and not to be written to."""

    __slots__ = ()

    def take(self) -> int:
        """Open it."""
        return os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)

    def put_back(self, number: int) -> None:
        """Close it."""
        os.close(number)


class ReadOnlyFiles(OsFiles):
    """Small files that are only read: another user's, or on a disk that is not to be written to."""

    def open(self, path: Path, *, create: bool = False) -> OsFile:  # noqa: ARG002 - the seam's form
        """Give access to a file that is there."""
        return _ReadOnlyFile(path)


class BackupFiles(OsFiles):
    """The operating system's files, as a backup needs them."""

    def open_source(self, path: Path) -> SourceFile:
        """Open a file to be copied."""
        return SourceFile(path)

    def identities(self, directory: Path) -> dict[str, FileIdentity]:
        """List a directory's files; links to elsewhere are none."""
        found: dict[str, FileIdentity] = {}
        with os.scandir(directory) as entries:
            for entry in entries:
                with suppress(FileNotFoundError):  # it was removed meanwhile
                    if entry.is_file(follow_symlinks=False):
                        found[entry.name] = _identity(entry.stat(follow_symlinks=False))
        return found

    def link(self, source: Path, target: Path) -> bool:
        """Give a file another name; False where the file system cannot."""
        try:
            os.link(source, target, follow_symlinks=False)
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            return False
        return True

    def restrict(self, directory: Path, *, like: Path) -> None:
        """Let others into a directory as far as into another one, whatever the process's umask is."""
        try:
            os.chmod(directory, 0o700 | os.stat(like).st_mode & 0o077)
        except OSError as error:
            if error.errno not in _NO_MODES:
                raise

    def move(self, source: Path, target: Path) -> None:
        """Move a file or directory within a file system; nothing has the target's name."""
        os.rename(source, target)

    def remove_tree(self, directory: Path) -> None:
        """Remove a directory and all that is in it."""
        for name in self.names(directory):
            path = directory / name
            if path.is_dir() and not path.is_symlink():
                self.remove_tree(path)
            else:
                self.remove(path)
        self.remove_directory(directory)

    def lock(self, directory: Path) -> int:
        """Keep other backups out of a directory until the returned descriptor is closed.

        Raises:
            DirectoryInUseError: another one is at work there.
        """
        descriptor = os.open(directory / LOCK_FILE_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(descriptor)
            if error.errno in {errno.EACCES, errno.EAGAIN}:
                raise DirectoryInUseError(directory) from error
            raise
        return descriptor

    def unlock(self, descriptor: int) -> None:
        """Let others in."""
        os.close(descriptor)


def _identity(status: os.stat_result) -> FileIdentity:
    return FileIdentity(status.st_ino, status.st_mtime_ns, status.st_size)
