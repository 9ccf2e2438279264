"""The one seam to the file system: everything the log does to a disk goes through ``Files`` and ``File``.

A test's file system can drop what was not synced, tear it, or fail the n-th call; this one is the real thing.
Blocking calls, never memory-mapped: a mapped file that is cut short kills the process with SIGBUS.
"""

import errno
import os
import stat
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, Protocol

from gomq_storage.batch import Buffer
from gomq_storage.descriptors import SHARED, CachedDescriptor, DescriptorCache

_PROBE_BYTES: Final = 256 << 10
"""How far apart the bytes are that tell whether a range is cached; the kernel reads ahead in steps of about this."""
_LOAD_BYTES: Final = 1 << 20


class File(Protocol):
    """One file, read and written at given positions, by several threads at once.

    Whoever removes or replaces it, or renames a directory above it, closes it first.
    """

    @property
    def path(self) -> Path:
        """Where the file was when it was opened, or what it was renamed to since."""

    def size(self) -> int:
        """Bytes in the file."""

    def read(self, position: int, size: int) -> bytes:
        """Read up to ``size`` bytes; fewer only where the file ends."""

    def write(self, position: int, parts: Sequence[Buffer]) -> None:
        """Write all parts one behind the other, or raise ``OSError`` with any number of them written."""

    def truncate(self, size: int) -> None:
        """Cut the file, or fill it with zeros, to a size."""

    def sync(self) -> None:
        """Return once everything written is on the device."""

    def duplicate_descriptor(self) -> int:
        """Return a descriptor of its own for the same file, which the caller closes."""

    def rename(self, target: Path) -> None:
        """Rename the file, replacing one that has the target's name, and go on with it under its new name."""

    def close(self) -> None:
        """Let go of the file for good; nothing is synced. Who is using it at the time can finish."""


class Files(Protocol):
    """What the log asks of a file system."""

    def open(self, path: Path, *, create: bool = False) -> File:
        """Give access to a file, to read and write; ``create`` opens it now, and makes it where it is missing.

        Otherwise it is opened when it is first used: only then a file that is missing, or is none, is an ``OSError``.
        """

    def names(self, directory: Path) -> list[str]:
        """List a directory's entries, sorted."""

    def size(self, path: Path) -> int:
        """Say how many bytes are in a file, without opening it."""

    def sizes(self, directory: Path) -> dict[str, int]:
        """Say how many bytes are in each file of a directory, by name, without opening any."""

    def exists(self, path: Path) -> bool:
        """Whether anything has that name."""

    def make_directory(self, path: Path) -> None:
        """Make a directory whose parent exists; it must not be there."""

    def rename(self, source: Path, target: Path) -> None:
        """Rename, replacing a file that has the target's name."""

    def remove(self, path: Path) -> None:
        """Remove a file."""

    def remove_directory(self, path: Path) -> None:
        """Remove an empty directory."""

    def sync_directory(self, path: Path) -> None:
        """Return once the names in a directory are on the device."""


class OsFile(CachedDescriptor):
    """A file of the operating system."""

    __slots__ = ()

    def __init__(self, path: Path, descriptors: DescriptorCache = SHARED) -> None:
        super().__init__(path, descriptors)

    @property
    def path(self) -> Path:
        """Where the file was when it was opened, or what it was renamed to since."""
        return Path(self._path)

    def size(self) -> int:
        """Bytes in the file."""
        descriptor = self.take()
        try:
            return os.fstat(descriptor).st_size
        finally:
            self.put_back(descriptor)

    def read(self, position: int, size: int) -> bytes:
        """Read up to ``size`` bytes; fewer only where the file ends."""
        descriptor = self.take()
        try:
            data = os.pread(descriptor, size, position)
            if len(data) == size or not data:
                return data
            parts = [data]
            left = size - len(data)
            while left and (data := os.pread(descriptor, left, position + size - left)):
                parts.append(data)
                left -= len(data)
            return b"".join(parts)
        finally:
            self.put_back(descriptor)

    def write(self, position: int, parts: Sequence[Buffer]) -> None:
        """Write all parts one behind the other, or raise ``OSError`` with any number of them written."""
        size = sum(map(len, parts))
        descriptor = self.take()
        try:
            written = os.pwritev(descriptor, parts, position)
            while written < size:  # a signal, or a disk that is nearly full: the next call tells which
                rest = memoryview(b"".join(parts))[written:]
                written += os.pwrite(descriptor, rest, position + written)
        finally:
            self.put_back(descriptor)

    def truncate(self, size: int) -> None:
        """Cut the file, or fill it with zeros, to a size."""
        descriptor = self.take()
        try:
            os.ftruncate(descriptor, size)
        finally:
            self.put_back(descriptor)

    def sync(self) -> None:
        """Return once everything written is on the device."""
        descriptor = self.take()
        try:
            os.fdatasync(descriptor)
        finally:
            self.put_back(descriptor)


class OsFiles:
    """The file system of the operating system.

    Args:
        max_open: how many files are kept open; None: a number that all of the process with None share.
    """

    def __init__(self, max_open: int | None = None) -> None:
        self._descriptors = SHARED if max_open is None else DescriptorCache(max_open)

    def open(self, path: Path, *, create: bool = False) -> OsFile:
        """Give access to a file; ``create`` makes it now, otherwise it is opened when it is used."""
        file = OsFile(path, self._descriptors)
        if create:
            file.create()
        return file

    def names(self, directory: Path) -> list[str]:
        """List a directory's entries, sorted."""
        return sorted(self._descriptors.attempt(lambda: os.listdir(directory)))

    def size(self, path: Path) -> int:
        """Say how many bytes are in a file, without opening it."""
        status = os.stat(path)
        if stat.S_ISDIR(status.st_mode):
            raise OSError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        return status.st_size

    def sizes(self, directory: Path) -> dict[str, int]:
        """Say how many bytes are in each file of a directory, by name, without opening any."""
        sizes = {}
        with self._descriptors.attempt(lambda: os.scandir(directory)) as entries:
            for entry in entries:
                with suppress(FileNotFoundError):  # it was removed meanwhile
                    if entry.is_file():
                        sizes[entry.name] = entry.stat().st_size
        return sizes

    def exists(self, path: Path) -> bool:
        """Whether anything has that name."""
        return os.path.lexists(path)

    def make_directory(self, path: Path) -> None:
        """Make a directory whose parent exists; it must not be there."""
        os.mkdir(path, 0o755)

    def rename(self, source: Path, target: Path) -> None:
        """Rename, replacing a file that has the target's name."""
        os.rename(source, target)

    def remove(self, path: Path) -> None:
        """Remove a file."""
        os.unlink(path)

    def remove_directory(self, path: Path) -> None:
        """Remove an empty directory, or the link to one that was put elsewhere."""
        if os.path.islink(path):
            os.unlink(path)
        else:
            os.rmdir(path)

    def sync_directory(self, path: Path) -> None:
        """Return once the names in a directory are on the device."""
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
        descriptor = self._descriptors.attempt(lambda: os.open(path, flags))
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


class FileRange:
    """A part of a file with a descriptor of its own, to be sent to a socket; good even when the file is removed."""

    __slots__ = ("descriptor", "position", "size")

    def __init__(self, descriptor: int, position: int, size: int) -> None:
        self.descriptor: int = descriptor
        self.position: int = position
        self.size: int = size

    def is_cached(self) -> bool:
        """Whether the page cache seems to hold it all, so that sending it does not wait for the device."""
        probe = bytearray(1)
        last = self.position + self.size - 1
        try:
            for position in (*range(self.position, last, _PROBE_BYTES), last):
                os.preadv(self.descriptor, [probe], position, os.RWF_NOWAIT)
        except BlockingIOError:
            return False
        except OSError:
            return True  # a file system that cannot tell
        return True

    def load(self) -> None:
        """Bring it into the page cache; waits for the device."""
        position, end = self.position, self.position + self.size
        while position < end and (data := os.pread(self.descriptor, min(_LOAD_BYTES, end - position), position)):
            position += len(data)

    def read(self) -> bytes:
        """Read it."""
        return os.pread(self.descriptor, self.size, self.position)

    def close(self) -> None:
        """Let go of the descriptor; once is enough, more do no harm."""
        descriptor, self.descriptor = self.descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)


def write_atomically(files: Files, path: Path, content: bytes) -> None:
    """Replace a small file so that a crash leaves the old content or the new, never a mixture.

    1. Write and sync ``<name>.tmp``.  2. Rename it over the file.  3. Sync the directory.
    """
    temporary = path.with_name(path.name + ".tmp")
    file = files.open(temporary, create=True)
    try:
        file.truncate(0)
        file.write(0, [content])
        file.sync()
    except OSError:
        with suppress(OSError):
            files.remove(temporary)
        raise
    finally:
        file.close()
    files.rename(temporary, path)
    files.sync_directory(path.parent)


def read_whole(files: Files, path: Path, *, max_bytes: int) -> bytes:
    """Read a small file, at most ``max_bytes`` of it."""
    file = files.open(path)
    try:
        return file.read(0, min(file.size(), max_bytes))  # a read takes all the memory it asks for
    finally:
        file.close()
