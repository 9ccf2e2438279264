"""A file of fixed-width entries: append, look at one, cut. What offset and time index have in common."""

from struct import Struct
from typing import Any

from gomq_storage.files import File


class EntryFile:
    """Entries of one width, one behind the other; a torn entry at the end does not count."""

    def __init__(self, file: File, entry: Struct) -> None:
        self._file = file
        self._entry = entry
        self._count = file.size() // entry.size

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, slot: int) -> tuple[Any, ...]:
        if not 0 <= slot < self._count:
            raise IndexError(slot)
        return self._entry.unpack(self._file.read(slot * self._entry.size, self._entry.size))

    def append(self, *fields: int) -> None:
        """Write one entry behind the last."""
        self._file.write(self._count * self._entry.size, [self._entry.pack(*fields)])
        self._count += 1

    def clear(self) -> None:
        """Forget all entries."""
        self._file.truncate(0)
        self._count = 0

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()
