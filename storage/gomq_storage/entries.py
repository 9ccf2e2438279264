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
        self._rebuilt: bytearray | None = None

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, slot: int) -> tuple[Any, ...]:
        if not 0 <= slot < self._count:
            raise IndexError(slot)
        raw = self._file.read(slot * self._entry.size, self._entry.size)
        # What somebody cut off meanwhile reads as zeros: an entry that the log refutes like any other wrong one.
        return self._entry.unpack(raw.ljust(self._entry.size, b"\0"))

    def append(self, *fields: int) -> None:
        """Write one entry behind the last."""
        entry = self._entry.pack(*fields)
        if self._rebuilt is None:
            self._file.write(self._count * self._entry.size, [entry])
        else:
            self._rebuilt += entry
        self._count += 1

    def begin_rebuilding(self) -> None:
        """Forget all entries; new ones stay in memory, and the file as it is, until ``finish_rebuilding``."""
        self._rebuilt = bytearray()
        self._count = 0

    def finish_rebuilding(self) -> None:
        """Replace what the file holds by the entries appended since ``begin_rebuilding``."""
        rebuilt, self._rebuilt = self._rebuilt or bytearray(), None
        self._file.write(0, [rebuilt])
        self._file.truncate(len(rebuilt))

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()
