"""Files that are not there: a log as its edits will have made it, and a file in memory.

Both are files to the log's own code, so that it can read a log before it is written, and make indexes for it.
"""

import errno
import os
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from gomq_dump.repairing.edits import Edit
from gomq_storage.batch import Buffer
from gomq_storage.files import File
from gomq_storage.offset_index import OffsetIndex
from gomq_storage.segment import Segment
from gomq_storage.time_index import TimeIndex

_CHUNK_BYTES = 1 << 20


class _Part(NamedTuple):
    """A stretch of the patched file."""

    start: int
    """Its first byte there."""
    size: int
    position: int
    """Its first byte in the source, where it is from there."""
    content: bytes | None
    """What it is, where it is not from the source."""


class ReadOnlyFile:
    """What a ``File`` cannot do that is only looked at."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def path(self) -> Path:
        """Where it is, or will be."""
        return self._path

    def write(self, position: int, parts: Sequence[Buffer]) -> None:
        """Refuse."""
        raise self._refused(position, parts)

    def truncate(self, size: int) -> None:
        """Refuse."""
        raise self._refused(size)

    def rename(self, target: Path) -> None:
        """Refuse."""
        raise self._refused(target)

    def duplicate_descriptor(self) -> int:
        """Refuse."""
        raise self._refused()

    def sync(self) -> None:
        """Do nothing: nothing was written."""

    def close(self) -> None:
        """Do nothing: it holds nothing."""

    def _refused(self, *_: object) -> OSError:
        return OSError(errno.EROFS, os.strerror(errno.EROFS), str(self._path))


class PatchedFile(ReadOnlyFile):
    """A file as it will be once it is edited.

    Args:
        source: the file as it is.
        size: how much of it there is.
        edits: in the order of their positions, and not overlapping.
    """

    def __init__(self, source: File, size: int, edits: Sequence[Edit]) -> None:
        super().__init__(source.path)
        self._source = source
        self._parts = tuple(_parts(size, edits))
        self._starts = [part.start for part in self._parts]
        self._size = self._parts[-1].start + self._parts[-1].size if self._parts else 0

    def size(self) -> int:
        """Bytes in the file."""
        return self._size

    def read(self, position: int, size: int) -> bytes:
        """Read up to ``size`` bytes; fewer only where the file ends."""
        pieces: list[bytes] = []
        number = max(bisect_right(self._starts, position) - 1, 0)
        for part in self._parts[number:]:
            skipped = position - part.start
            wanted = min(size, part.size - skipped)
            if wanted <= 0:
                break
            if part.content is None:
                pieces.append(self._source.read(part.position + skipped, wanted))
            else:
                pieces.append(part.content[skipped : skipped + wanted])
            position += wanted
            size -= wanted
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def chunks(self) -> Iterator[bytes]:
        """Yield all of it, a piece at a time."""
        for start in range(0, self._size, _CHUNK_BYTES):
            yield self.read(start, min(_CHUNK_BYTES, self._size - start))


def _parts(size: int, edits: Sequence[Edit]) -> Iterator[_Part]:
    start = position = 0
    for edit in edits:
        kept = edit.position - position
        if kept > 0:
            yield _Part(start, kept, position, None)
            start += kept
        if edit.content:
            yield _Part(start, len(edit.content), 0, edit.content)
            start += len(edit.content)
        position = edit.position + edit.size
    if position < size:
        yield _Part(start, size - position, position, None)


class HeldFile(ReadOnlyFile):
    """A file in memory, empty at first."""

    def __init__(self, path: Path, content: bytes = b"") -> None:
        super().__init__(path)
        self.content: bytearray = bytearray(content)

    def size(self) -> int:
        """Bytes in the file."""
        return len(self.content)

    def read(self, position: int, size: int) -> bytes:
        """Read up to ``size`` bytes; fewer only where the file ends."""
        return bytes(self.content[position : position + size])

    def write(self, position: int, parts: Sequence[Buffer]) -> None:
        """Write all parts one behind the other."""
        data = b"".join(parts)
        self.content[position : position + len(data)] = data

    def truncate(self, size: int) -> None:
        """Cut the file."""
        del self.content[size:]


def virtual_segment(base_offset: int, log: File, size: int, *, offsets: bytes = b"", times: bytes = b"") -> Segment:
    """Make a segment of a log file and of indexes in memory, which nothing is written from."""
    return Segment(
        base_offset=base_offset,
        log=log,
        offset_index=OffsetIndex(HeldFile(log.path, offsets), base_offset),
        time_index=TimeIndex(HeldFile(log.path, times), base_offset),
        size=size,
    )
