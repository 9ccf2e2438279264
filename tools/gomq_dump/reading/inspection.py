"""Read files one after the other and yield all that is in them, and all that is wrong with them, in order."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

from gomq_dump.findings import Finding, Problem
from gomq_dump.reading.batches import Batch, LogWalk
from gomq_dump.reading.index_checks import check_offset_index, check_segments_meet, check_time_index
from gomq_dump.reading.indexes import OffsetEntry, TimeEntry, walk_offset_index, walk_time_index
from gomq_dump.reading.kinds import METADATA_SNAPSHOT_SUFFIX
from gomq_dump.reading.paths import SegmentFile
from gomq_dump.reading.reader import ByteReader
from gomq_storage.layout import LOG_SUFFIX, OFFSET_INDEX_SUFFIX, TIME_INDEX_SUFFIX

if TYPE_CHECKING:
    from gomq_dump.reading.small_files import SmallItem

_SIBLING_CHUNK_BYTES: Final = 16 << 10
"""What is read at once of a log whose headers are looked at: a few times the bytes between two index entries."""


@dataclass(frozen=True, slots=True)
class FileStart:
    """A file is about to be read."""

    file: SegmentFile
    size: int | None
    """Bytes of the file; None where it cannot be opened."""


Item: TypeAlias = "FileStart | Batch | OffsetEntry | TimeEntry | SmallItem | Finding"


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
            yield unreadable(error)
            return
        with reader:
            yield FileStart(file, reader.size)
            try:
                yield from self._read(file, reader)
            except OSError as error:
                yield unreadable(error)

    def _read(self, file: SegmentFile, reader: ByteReader) -> Iterator[Item]:
        if file.is_named_only:
            yield left_over(file)
        elif file.suffix in {LOG_SUFFIX, METADATA_SNAPSHOT_SUFFIX}:
            yield from self._read_log(file, reader)
        elif file.suffix in {OFFSET_INDEX_SUFFIX, TIME_INDEX_SUFFIX}:
            yield from self._read_index(file, reader)
        else:
            from gomq_dump.reading.small_files import walk_small_file  # noqa: PLC0415 - nothing of it is needed for a log

            yield from walk_small_file(reader, file)

    def _read_log(self, file: SegmentFile, reader: ByteReader) -> Iterator[Item]:
        is_in_chain = file.suffix == LOG_SUFFIX and not file.leftover
        if is_in_chain and self._end_offset is not None:
            finding = check_segments_meet(self._end_offset, file.base_offset)
            if finding is not None:
                yield finding
        # A snapshot of KRaft's metadata has offsets of its own, from 0 on.
        base_offset = file.base_offset if file.is_segments else 0
        walk = LogWalk(reader, base_offset, with_records=self._with_records)
        yield from walk
        if is_in_chain:
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


def left_over(file: SegmentFile) -> Finding:
    """Note a file that compaction or removal has left over, or is about to be done with."""
    message = f"no part of the log, but left over ({file.leftover}): it is read where it is asked for by name"
    return Finding(problem=Problem.LEFTOVER, position=0, message=message)


def unreadable(error: OSError) -> Finding:
    """Say of a file that the operating system could not read it, or that it is gone."""
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
