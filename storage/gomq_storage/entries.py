"""A file of fixed-width entries: append, look at one, cut. What offset and time index have in common.

One thread appends, rebuilds and cuts; others may look at entries meanwhile. The file is not looked at before an entry
is wanted: a broker has many more of these files than it ever uses.
"""

import threading
from pathlib import Path
from struct import Struct
from typing import Any, Final

from gomq_storage.files import File

_COUNTING: Final = threading.Lock()
"""Held while entries are counted for the first time: who does so late must not undo an append. One for all files
costs less than one for each, and is needed once for each."""


class EntryFile:
    """Entries of one width, one behind the other; a torn entry at the end does not count."""

    __slots__ = ("_count", "_entry", "_file", "_rebuilt")

    def __init__(self, file: File, entry: Struct) -> None:
        self._file = file
        self._entry = entry
        self._count: int | None = None
        self._rebuilt: bytearray | None = None

    @property
    def path(self) -> Path:
        """Where the file is."""
        return self._file.path

    def __len__(self) -> int:
        if self._count is None:
            with _COUNTING:
                if self._count is None:
                    self._count = self._file.size() // self._entry.size
        return self._count

    def __getitem__(self, slot: int) -> tuple[Any, ...]:
        if not 0 <= slot < len(self):
            raise IndexError(slot)
        size, rebuilt = self._entry.size, self._rebuilt
        if rebuilt is None:
            raw = self._file.read(slot * size, size)
        else:
            raw = bytes(rebuilt[slot * size : (slot + 1) * size])
        # What somebody cut off meanwhile reads as zeros: an entry that the log refutes like any other wrong one.
        return self._entry.unpack(raw.ljust(size, b"\0"))

    def append(self, *fields: int) -> None:
        """Write one entry behind the last."""
        entry, count = self._entry.pack(*fields), len(self)
        if self._rebuilt is None:
            self._file.write(count * self._entry.size, [entry])
        else:
            self._rebuilt += entry
        self._count = count + 1

    def cut(self, count: int) -> None:
        """Keep so many entries at most; the next is appended behind them."""
        if count >= len(self):
            return
        size = count * self._entry.size
        if self._rebuilt is None:
            self._file.truncate(size)
        else:
            del self._rebuilt[size:]
        self._count = count

    def begin_rebuilding(self) -> None:
        """Forget all entries; new ones stay in memory, and the file as it is, until ``finish_rebuilding``."""
        with _COUNTING:
            self._rebuilt = bytearray()
            self._count = 0

    def finish_rebuilding(self) -> None:
        """Replace what the file holds by the entries appended since ``begin_rebuilding``.

        Raises:
            OSError: the file may hold anything; the entries stay in memory, and it can be tried again.
        """
        if self._rebuilt is not None:
            self._file.write(0, [self._rebuilt])
            self._file.truncate(len(self._rebuilt))
            self._rebuilt = None

    def sync(self) -> None:
        """Return once the entries in the file are on the device."""
        self._file.sync()

    def rename(self, target: Path) -> None:
        """Rename the file, and go on with it under its new name."""
        self._file.rename(target)

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()
