"""The operating system's files, of which those that are there already are only ever read.

So a directory can be looked at, and copied, by somebody who may not write to it, or on a device that takes no writes.
"""

import os
from pathlib import Path

from gomq_storage.files import OsFile, OsFiles


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
    """The file system; only a file that is opened with ``create`` can be written."""

    def open(self, path: Path, *, create: bool = False) -> OsFile:
        """Give access to a file: to write it with ``create``, else to read it."""
        return super().open(path, create=True) if create else SourceFile(path)
