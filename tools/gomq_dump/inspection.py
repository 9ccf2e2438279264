"""Read files one after the other and yield all that is in them, and all that is wrong with them, in order."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Final, TypeAlias

from gomq_dump.batches import Batch, LogWalk
from gomq_dump.findings import Finding, Problem
from gomq_dump.indexes import OffsetEntry, TimeEntry, walk_offset_index, walk_time_index
from gomq_dump.paths import SegmentFile
from gomq_dump.reader import ByteReader
from gomq_dump.verify import check_offset_index, check_segments_meet, check_time_index
from gomq_storage.layout import LOG_SUFFIX, OFFSET_INDEX_SUFFIX, TIME_INDEX_SUFFIX

_SIBLING_CHUNK_BYTES: Final = 16 << 10
"""What is read at once of a log whose headers are looked at: a few times the bytes between two index entries."""


@dataclass(frozen=True, slots=True)
class FileStart:
    """A file is about to be read."""

    file: SegmentFile
    size: int | None
    """Bytes of the file; None where it cannot be opened."""


Item: TypeAlias = FileStart | Batch | OffsetEntry | TimeEntry | Finding


class Inspection:
    """Reads the files of partitions, which it must be given in the order of their offsets."""

    def __init__(self, *, with_records: bool) -> None:
        self._with_records = with_records
        self._end_offset: int | None = None
        """Where the segment in front ended, as far as one was read."""

    def read(self, file: SegmentFile) -> Iterator[Item]:
        """Yield a file's start and then what is in it; whatever is wrong with it, nothing is raised."""
        if file.is_first:
            self._end_offset = None
        try:
            reader = ByteReader.open(file.path)
        except OSError as error:
            yield FileStart(file, None)
            yield _unreadable(error)
            return
        with reader:
            yield FileStart(file, reader.size)
            try:
                yield from self._read_log(file, reader) if file.suffix == LOG_SUFFIX else self._read_index(file, reader)
            except OSError as error:
                yield _unreadable(error)

    def _read_log(self, file: SegmentFile, reader: ByteReader) -> Iterator[Item]:
        if self._end_offset is not None:
            finding = check_segments_meet(self._end_offset, file.base_offset)
            if finding is not None:
                yield finding
        walk = LogWalk(reader, file.base_offset, with_records=self._with_records)
        yield from walk
        self._end_offset = walk.next_offset

    def _read_index(self, file: SegmentFile, index: ByteReader) -> Iterator[Item]:
        # Index files are opened in front of the log, which a running broker appends to in front of them.
        is_time_index = file.suffix == TIME_INDEX_SUFFIX
        with ExitStack() as opened:
            offsets = _open_beside(opened, file, OFFSET_INDEX_SUFFIX) if is_time_index else None
            log = _open_beside(opened, file, LOG_SUFFIX)
            if log is None:
                yield from (walk_time_index if is_time_index else walk_offset_index)(index, file.base_offset)
                message = "the entries are not checked: there is no log file beside the index"
                yield Finding(problem=Problem.NOT_CHECKED, position=0, message=message)
            elif is_time_index:
                yield from check_time_index(index, log, offsets, file.base_offset)
            else:
                yield from check_offset_index(index, log, file.base_offset)


def _unreadable(error: OSError) -> Finding:
    if isinstance(error, FileNotFoundError):  # retention and compaction go on while we read
        return Finding(problem=Problem.NOT_CHECKED, position=0, message="the file has been removed")
    message = f"the file cannot be read: {error.strerror}"
    return Finding(problem=Problem.UNREADABLE, position=0, message=message)


def _open_beside(opened: ExitStack, file: SegmentFile, suffix: str) -> ByteReader | None:
    try:
        reader = ByteReader.open(file.sibling(suffix), chunk_bytes=_SIBLING_CHUNK_BYTES)
    except FileNotFoundError:
        return None
    return opened.enter_context(reader)
