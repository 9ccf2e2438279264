"""A file of fixed-width entries: append, look at one, cut. What offset and time index have in common.

One thread appends, rebuilds and cuts; others may look at entries meanwhile. The file is not looked at before an entry
is wanted: a broker has many more of these files than it ever uses. New entries are written some at a time: a write
costs as much as all else that an append to the log does, and what a killed process takes with it the log can tell.
"""

import threading
from bisect import bisect_right
from pathlib import Path
from struct import Struct
from typing import Any, Final

from gomq_storage.files import File

_COUNTING: Final = threading.Lock()
"""Held while entries are counted for the first time: who does so late must not undo an append. One for all files
costs less than one for each, and is needed once for each."""


_TAIL_BYTES: Final = 512
_BLOCK_ENTRIES: Final = 128
"""So many are searched in memory: reading them takes as long as looking at one entry of the file."""


class EntryFile:
    """Entries of one width, one behind the other; a torn entry at the end does not count."""

    __slots__ = ("_count", "_entry", "_file", "_rebuilt", "_tail")

    def __init__(self, file: File, entry: Struct) -> None:
        self._file = file
        self._entry = entry
        self._count: int | None = None
        self._rebuilt: bytearray | None = None
        self._tail: tuple[int, bytes] | None = None  # from that slot on: what is not in the file yet; replaced whole

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
        size, rebuilt, tail = self._entry.size, self._rebuilt, self._tail
        if tail is not None and slot >= tail[0]:
            raw = tail[1][(slot - tail[0]) * size : (slot - tail[0] + 1) * size]
        elif rebuilt is None:
            raw = self._file.read(slot * size, size)
        else:
            raw = bytes(rebuilt[slot * size : (slot + 1) * size])
        # What somebody cut off meanwhile reads as zeros: an entry that the log refutes like any other wrong one.
        return self._entry.unpack(raw.ljust(size, b"\0"))

    def count_upto(self, value: int, *, guess: int | None = None) -> int:
        """Count the entries whose first field is a value at most; in that field they ascend.

        Args:
            value: what is looked for.
            guess: about how many they are, where there is reason for one; it is looked at first.
        """
        low, high = 0, len(self)
        middle = high // 2 if guess is None else guess
        while high - low > _BLOCK_ENTRIES:
            start = min(max(middle - _BLOCK_ENTRIES // 2, low), high - _BLOCK_ENTRIES)
            block = self._block(start, start + _BLOCK_ENTRIES)
            count = self._count_in(block, value)
            if count == 0 and start > low:
                high = start
            elif count == _BLOCK_ENTRIES and start + count < high:
                low = start + count
            else:
                return start + count
            middle = (low + high) // 2
        return low + self._count_in(self._block(low, high), value)

    def _count_in(self, block: bytes, value: int) -> int:
        """Count the entries of a block whose first field is a value at most."""
        size, unpack_from = self._entry.size, self._entry.unpack_from
        return bisect_right(range(0, len(block), size), value, key=lambda position: unpack_from(block, position)[0])

    def _block(self, low: int, high: int) -> bytes:
        size, rebuilt, tail = self._entry.size, self._rebuilt, self._tail
        if rebuilt is not None:
            raw = bytes(rebuilt[low * size : high * size])
        elif tail is None or high <= tail[0]:
            raw = self._file.read(low * size, (high - low) * size)
        else:
            slot, entries = tail
            in_file = max(slot - low, 0) * size
            raw = self._file.read(low * size, in_file).ljust(in_file, b"\0") if in_file else b""
            raw += entries[max(low - slot, 0) * size :]
        return raw.ljust((high - low) * size, b"\0")

    def append(self, *fields: int) -> None:
        """Add one entry behind the last.

        Raises:
            OSError: entries could not be written; they are kept, and written with the next ones.
        """
        entry, count, tail = self._entry.pack(*fields), len(self), self._tail
        if self._rebuilt is not None:
            self._rebuilt += entry
        elif tail is None:
            self._tail = (count, entry)
        else:
            self._tail = (tail[0], tail[1] + entry)
        self._count = count + 1
        if tail is not None and len(tail[1]) >= _TAIL_BYTES:
            self.flush()

    def flush(self) -> None:
        """Write the entries that are not in the file yet; for the appending thread, too."""
        self.finish_rebuilding()
        if self._tail is not None:
            slot, entries = self._tail
            self._file.write(slot * self._entry.size, [entries])
            self._tail = None

    def cut(self, count: int) -> None:
        """Keep so many entries at most; the next is appended behind them."""
        if count >= len(self):
            return
        size = count * self._entry.size
        if self._tail is not None:
            slot, entries = self._tail
            self._tail = (slot, entries[: size - slot * self._entry.size]) if count > slot else None
            if count >= slot:
                self._count = count
                return
        if self._rebuilt is None:
            self._file.truncate(size)
        else:
            del self._rebuilt[size:]
        self._count = count

    def begin_rebuilding(self) -> None:
        """Forget all entries; new ones stay in memory, and the file as it is, until ``finish_rebuilding``."""
        with _COUNTING:
            self._rebuilt = bytearray()
            self._tail = None
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
