"""The operating system's files, of which those that are there already are only ever read.

So a directory can be looked at, and copied, by somebody who may not write to it, or on a device that takes no writes.
What is written belongs to whom the directory belongs, and no more people may read it: a broker is rarely root, who
repairs its files.
"""

import os
from contextlib import suppress
from pathlib import Path

from gomq_storage.files import OsFile, OsFiles

_ALL_BITS = 0o777
_OWNERS_BITS = 0o700


class SourceFile(OsFile):
    """A file that is opened for reading, anew for each read: there may be more of them than may be open at once."""

    __slots__ = ()

    def take(self) -> int:
        """Open it."""
        return os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)

    def put_back(self, number: int) -> None:
        """Close it."""
        os.close(number)


class SourceFiles(OsFiles):
    """The file system; only a file that is opened with ``create`` can be written.

    Args:
        like: the directory whose owner and rights those have that are made.

    Raises:
        OSError: there is no such directory.
    """

    def __init__(self, like: Path) -> None:
        super().__init__()
        self._like = os.stat(like)

    def open(self, path: Path, *, create: bool = False) -> OsFile:
        """Give access to a file: to write it with ``create``, else to read it."""
        if not create:
            return SourceFile(path)
        is_new = not self.exists(path)
        file = super().open(path, create=True)
        if is_new:
            self._adopt_new(path)
        return file

    def make_directory(self, path: Path) -> None:
        """Make a directory whose parent exists; it must not be there."""
        super().make_directory(path)
        self._adopt_new(path)

    def rename(self, source: Path, target: Path) -> None:
        """Rename, replacing what has the target's name, whose owner and rights stay."""
        with suppress(FileNotFoundError):
            replaced = os.stat(target)
            _adopt(source, replaced.st_mode & _ALL_BITS, replaced)
        super().rename(source, target)

    def _adopt_new(self, path: Path) -> None:
        mode = os.stat(path).st_mode & (self._like.st_mode | _OWNERS_BITS) & _ALL_BITS
        _adopt(path, mode, self._like)


def _adopt(path: Path, mode: int, like: os.stat_result) -> None:
    """Set the rights of something that was made here, and its owner where that may be somebody else."""
    if os.geteuid() == 0:
        os.chown(path, like.st_uid, like.st_gid)
    os.chmod(path, mode)
