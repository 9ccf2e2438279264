"""What a segment's two indexes have in common: entries relative to its base offset, in a file of their own."""

from pathlib import Path
from struct import Struct

from gomq_storage.entries import EntryFile
from gomq_storage.files import File


class SegmentIndex:
    """One index file; it is not looked at before it is used."""

    __slots__ = ("_base_offset", "_entries")

    def __init__(self, file: File, entry: Struct, base_offset: int) -> None:
        self._entries = EntryFile(file, entry)
        self._base_offset = base_offset

    @property
    def path(self) -> Path:
        """Where the file is."""
        return self._entries.path

    def __len__(self) -> int:
        return len(self._entries)

    def begin_rebuilding(self) -> None:
        """Forget all entries; the file keeps its own until ``finish_rebuilding``."""
        self._entries.begin_rebuilding()

    def finish_rebuilding(self) -> None:
        """Write the entries appended since ``begin_rebuilding`` in place of the file's."""
        self._entries.finish_rebuilding()

    def flush(self) -> None:
        """Write the entries that are not in the file yet."""
        self._entries.flush()

    def sync(self) -> None:
        """Return once the entries in the file are on the device."""
        self._entries.sync()

    def rename(self, target: Path) -> None:
        """Rename the file, and go on with it under its new name."""
        self._entries.rename(target)

    def close(self) -> None:
        """Let go of the file."""
        self._entries.close()
