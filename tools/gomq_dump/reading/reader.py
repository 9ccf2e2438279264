"""Read a file by position, a chunk at a time: the memory it takes does not depend on the file's size.

Files are opened for reading only, and never memory-mapped: a mapped file that is cut short kills the process.
"""

import os
from collections.abc import Iterator
from types import TracebackType
from typing import Final, Self

CHUNK_BYTES: Final = 4 << 20


class ByteReader:
    """One open file, its size as it was when it was opened or refreshed; what is appended later is not seen."""

    def __init__(self, descriptor: int, *, chunk_bytes: int = CHUNK_BYTES) -> None:
        self._descriptor = descriptor
        self.size: int = os.fstat(descriptor).st_size
        self._chunk_bytes = chunk_bytes
        self._chunk = memoryview(b"")
        self._chunk_start = 0

    @classmethod
    def open(cls, path: str, *, chunk_bytes: int = CHUNK_BYTES) -> Self:
        """Open a file, to read ``chunk_bytes`` of it at once."""
        return cls(os.open(path, os.O_RDONLY | os.O_CLOEXEC), chunk_bytes=chunk_bytes)

    def fork(self, *, chunk_bytes: int) -> "ByteReader":
        """Open the same file once more, for looking elsewhere in between."""
        return ByteReader(os.dup(self._descriptor), chunk_bytes=chunk_bytes)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def refresh(self) -> int:
        """Take the file's size as it is now, and nothing for granted that was read before; return the size."""
        self.size = os.fstat(self._descriptor).st_size
        self._chunk = memoryview(b"")
        return self.size

    @property
    def identity(self) -> tuple[int, int]:
        """Which file it is, whatever its name is by now: device and inode."""
        status = os.fstat(self._descriptor)
        return status.st_dev, status.st_ino

    def view(self, position: int, size: int) -> memoryview:
        """Return the bytes at a position; fewer than wanted only where the file ends."""
        size = min(size, self.size - position)
        if size <= 0:
            return memoryview(b"")
        start = position - self._chunk_start
        if start < 0 or start + size > len(self._chunk):
            wanted = min(max(size, self._chunk_bytes), self.size - position)
            self._chunk = memoryview(self._read(position, wanted))
            self._chunk_start, start = position, 0
        return self._chunk[start : start + size]

    def pieces(self, start: int, end: int) -> Iterator[memoryview]:
        """Yield the bytes from start to end in pieces of at most a chunk."""
        while start < end and (piece := self.view(start, min(end - start, self._chunk_bytes))):
            yield piece
            start += len(piece)

    def end_without_zeros(self, start: int, end: int) -> int:
        """Return the position behind the last byte from start to end that is not zero; start where all are."""
        position = last = start
        for piece in self.pieces(start, end):
            kept = bytes(piece).rstrip(b"\0")
            last = position + len(kept) if kept else last
            position += len(piece)
        return last

    def close(self) -> None:
        """Let go of the file."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def _read(self, position: int, size: int) -> bytes:
        data = os.pread(self._descriptor, size, position)
        if len(data) == size or not data:
            return data
        parts = [data]
        end = position + size
        position += len(data)
        while position < end and (data := os.pread(self._descriptor, end - position, position)):
            parts.append(data)
            position += len(data)
        return b"".join(parts)
