"""The three files of a segment: a log and its two indexes. Open, sync, rename, remove. Kafka: ``LogSegment``."""

from contextlib import suppress
from pathlib import Path
from typing import Self

from gomq_storage.files import File, Files
from gomq_storage.layout import (
    LOG_SUFFIX,
    OFFSET_INDEX_SUFFIX,
    SEGMENT_SUFFIXES,
    TIME_INDEX_SUFFIX,
    segment_file_name,
)
from gomq_storage.offset_index import OffsetIndex
from gomq_storage.time_index import TimeIndex


class SegmentFiles:
    """The files of a segment, whatever is in them; ``Segment`` knows the batches.

    Args:
        base_offset: the offset of the first record that is, or may be, in it.
        log: the log file.
        offset_index: where which offset is in it.
        time_index: which timestamp came with which offset.
        size: bytes in the log file.
    """

    __slots__ = ("_log", "base_offset", "offset_index", "size", "time_index")

    def __init__(
        self, *, base_offset: int, log: File, offset_index: OffsetIndex, time_index: TimeIndex, size: int
    ) -> None:
        self.base_offset: int = base_offset
        self.size: int = size
        self.offset_index: OffsetIndex = offset_index
        self.time_index: TimeIndex = time_index
        self._log = log

    @classmethod
    def open(
        cls,
        files: Files,
        directory: Path,
        base_offset: int,
        *,
        create: bool = False,
        extra_suffix: str = "",
        size: int | None = None,
    ) -> Self:
        """Open a segment's three files.

        Args:
            files: the file system.
            directory: where they are.
            base_offset: the offset of the first record that is, or may be, in it.
            create: make the files that are missing.
            extra_suffix: what their names end in, besides: ``CLEANED_SUFFIX`` and the like.
            size: bytes in the log file, if the caller knows.
        """
        opened: list[File] = []
        try:
            for suffix in SEGMENT_SUFFIXES:
                path = directory / segment_file_name(base_offset, suffix + extra_suffix)
                opened.append(files.open(path, create=create))
            log, offset_index, time_index = opened
            return cls(
                base_offset=base_offset,
                log=log,
                offset_index=OffsetIndex(offset_index, base_offset),
                time_index=TimeIndex(time_index, base_offset),
                size=log.size() if size is None else size,
            )
        except OSError:
            for file in opened:
                file.close()
            raise

    @property
    def path(self) -> Path:
        """The log file."""
        return self._log.path

    def read(self, position: int, size: int) -> bytes:
        """Read a part of the log file."""
        return self._log.read(position, size)

    def flush_indexes(self) -> None:
        """Write the index entries that are not in the files yet; not while another thread appends."""
        self.offset_index.flush()
        self.time_index.flush()

    def sync(self) -> None:
        """Return once the log file is on the device; the indexes can be rebuilt from it."""
        self._log.sync()

    def sync_indexes(self) -> None:
        """Return once the indexes are on the device, so that they need not be rebuilt after a power cut."""
        self.offset_index.sync()
        self.time_index.sync()

    def duplicate_descriptor(self) -> int:
        """Return a descriptor of the log file that stays good when the segment is closed; the caller closes it."""
        return self._log.duplicate_descriptor()

    def rename(self, extra_suffix: str) -> None:
        """Give the files' names another ending, "" for those of a segment in use: the log first, it is what counts.

        Index files that somebody has removed are missing afterwards, too.
        """
        directory = self.path.parent
        self._log.rename(directory / segment_file_name(self.base_offset, LOG_SUFFIX + extra_suffix))
        for index, suffix in ((self.offset_index, OFFSET_INDEX_SUFFIX), (self.time_index, TIME_INDEX_SUFFIX)):
            with suppress(FileNotFoundError):
                index.rename(directory / segment_file_name(self.base_offset, suffix + extra_suffix))

    def remove(self, files: Files) -> None:
        """Let go of the files and remove them; who has a descriptor of his own can read on."""
        self.close()
        for path in (self.path, self.offset_index.path, self.time_index.path):
            with suppress(FileNotFoundError):
                files.remove(path)

    def close(self) -> None:
        """Let go of the files."""
        self._log.close()
        self.offset_index.close()
        self.time_index.close()
