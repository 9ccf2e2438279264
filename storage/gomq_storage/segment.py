"""One segment: the batches in a ``.log`` file, and its two indexes. Append, find, seal. Kafka: ``LogSegment``."""

from collections.abc import Iterator
from contextlib import suppress
from typing import Final

from gomq_storage.batch import (
    HEADER_SIZE,
    LENGTH_OVERHEAD,
    NO_TIMESTAMP,
    STAMP_SIZE,
    BatchHeader,
    Buffer,
    read_header,
    stamp,
)
from gomq_storage.config import LogConfig
from gomq_storage.errors import CorruptBatchError, LogOfflineError, StorageError, is_disk_full
from gomq_storage.files import File
from gomq_storage.offset_index import OffsetIndex, OffsetPosition
from gomq_storage.record import decode_batch
from gomq_storage.segment_files import SegmentFiles
from gomq_storage.time_index import TimeIndex, TimestampOffset

_place: Final = OffsetPosition._make
_SCAN_BYTES: Final = 8 << 10
"""Bytes read at once while headers are looked for: two index intervals."""


class Segment(SegmentFiles):
    """The part of a log from ``base_offset`` to the next segment's.

    One thread appends; others may read and sync meanwhile. ``size`` grows only once a batch is written whole. The
    index files are not looked at before something is looked for in them.
    """

    __slots__ = (
        "_bytes_since_index_entry",
        "_first_timestamp",
        "_largest",
        "_last",
        "damage",
        "is_checked",
    )

    def __init__(
        self, *, base_offset: int, log: File, offset_index: OffsetIndex, time_index: TimeIndex, size: int
    ) -> None:
        super().__init__(base_offset=base_offset, log=log, offset_index=offset_index, time_index=time_index, size=size)
        self.is_checked: bool = False
        """Whether the indexes of a sealed segment were compared with its batches since the log was opened."""
        self.damage: StorageError | None = None
        """What was found wrong with it then, if it cannot be mended."""
        self._largest: TimestampOffset | None = None
        self._first_timestamp: int | None = None
        self._bytes_since_index_entry = 0  # known when ``_largest`` is
        self._last: OffsetPosition | None = None  # the last batch that was noted: who waits for messages wants that one

    @property
    def largest(self) -> TimestampOffset:
        """The largest timestamp so far and the offset that brought it, as the time index has it."""
        return self._largest if self._largest is not None else self.time_index.last

    @property
    def first_timestamp(self) -> int:
        """The largest timestamp of the first batch; NO_TIMESTAMP where there is none."""
        if self._first_timestamp is None:
            if self.size == 0:
                return NO_TIMESTAMP
            self._first_timestamp = read_header(self._log.read(0, HEADER_SIZE)).max_timestamp
        return self._first_timestamp

    def append(
        self, batch: Buffer, header: BatchHeader, *, base_offset: int, leader_epoch: int, config: LogConfig
    ) -> BatchHeader:
        """Write a checked batch behind the last one, its base offset and leader epoch stamped.

        Returns:
            the header as it was written.

        Raises:
            OSError: nothing was appended; what was written of the batch is cut off again.
            LogOfflineError: it could not be cut off.
        """
        position = self.size
        if self._largest is None:
            self._read_index_ends(position)  # it may fail, so before anything is written
        body = memoryview(batch)[STAMP_SIZE : LENGTH_OVERHEAD + header.length]
        try:
            self._log.write(position, (stamp(header, base_offset=base_offset, leader_epoch=leader_epoch), body))
        except OSError as error:
            try:
                self._log.truncate(position)
            except OSError:
                raise LogOfflineError(self.path, f"write failed: {error.strerror}") from error
            raise
        # The quick way to a named tuple: half the time of its own, a fifth of _replace.
        stamped: BatchHeader = tuple.__new__(BatchHeader, (base_offset, header.length, leader_epoch, *header[3:]))
        self.note(stamped, position, config=config)
        return stamped

    def note(self, header: BatchHeader, position: int, *, config: LogConfig) -> None:
        """Take account of a batch that is in the log file: size, largest timestamp, index entries."""
        size, timestamp = LENGTH_OVERHEAD + header.length, header.max_timestamp
        if position == 0:
            self._first_timestamp = timestamp
        largest = self._largest
        if largest is None:
            largest = self._read_index_ends(position)
        if timestamp > largest.timestamp:
            largest = self._largest = TimestampOffset(timestamp, header.last_offset)
        since = self._bytes_since_index_entry
        if since > config.index_interval_bytes:
            with suppress(OSError):  # the entries are kept, and written with the next ones
                self.offset_index.append(header.last_offset, position)
                self.time_index.append_if_larger(largest)
            since = 0
        self._bytes_since_index_entry = since + size
        self.size = position + size
        self._last = _place((header.base_offset, position))

    def _read_index_ends(self, position: int) -> TimestampOffset:
        self._bytes_since_index_entry = position - self.offset_index.last.position
        self._largest = self.time_index.last
        return self._largest

    def seal(self) -> None:
        """Complete the indexes: the segment takes no more batches, or its log is being closed."""
        with suppress(OSError):  # the next opening sees that entries are missing
            self.time_index.append_if_larger(self.largest)
            self.flush_indexes()

    def find(self, offset: int) -> tuple[OffsetPosition, int] | None:
        """Find the batch that holds an offset, or else the first one behind it.

        Returns:
            the batch's base offset and position, and its size; None where all batches lie before the offset.
        """
        found = self._find_batch(offset)
        return (OffsetPosition(found[1].base_offset, found[0]), found[1].size) if found is not None else None

    def position_of(self, entry: TimestampOffset) -> int | None:
        """Find the batch that an entry of the time index stands for; None where the log does not bear it out."""
        if entry.timestamp == NO_TIMESTAMP:
            return 0
        found = self._find_batch(entry.offset)
        if found is None or found[1].max_timestamp != entry.timestamp or found[1].base_offset > entry.offset:
            return None
        return found[0]

    def _find_batch(self, offset: int) -> tuple[int, BatchHeader] | None:
        last = self._last
        start = (last if last is not None and offset >= last.offset else self.offset_index.look_up(offset)).position
        if start >= self.size:
            start = 0  # the index is of another file
        try:
            return self._scan_for(offset, start)
        except CorruptBatchError:
            return self._scan_for(offset, 0)  # the index was wrong, or else the log, which is found again

    def _scan_for(self, offset: int, start: int) -> tuple[int, BatchHeader] | None:
        for position, header in self.headers(start):
            if header.base_offset > offset and position == start > 0:
                raise CorruptBatchError(f"index entry of offset {offset} points behind it", position=position)
            if header.last_offset >= offset:
                return position, header
        return None

    def headers(self, start: int = 0) -> Iterator[tuple[int, BatchHeader]]:
        """Yield position and header of the batches from a position on, without reading their records.

        Raises:
            CorruptBatchError: there is no batch where one should start.
        """
        end = self.size
        chunk, chunk_start = b"", start
        position = start
        while position < end:
            if position + HEADER_SIZE > chunk_start + len(chunk):
                chunk, chunk_start = self._log.read(position, min(_SCAN_BYTES, end - position)), position
            try:
                header = read_header(chunk, position - chunk_start)
            except CorruptBatchError as error:
                raise CorruptBatchError(error.reason, position=position, path=self.path) from error
            if position + header.size > end:
                raise CorruptBatchError("the batch is longer than the file", position=position, path=self.path)
            yield position, header
            position += header.size

    def find_timestamp(self, timestamp: int, *, start_offset: int = 0) -> TimestampOffset | None:
        """Find the first record at or after a timestamp, and an offset, or None where there is none.

        Raises:
            CorruptBatchError: a batch that had to be opened is damaged.
        """
        if self.largest.timestamp < timestamp:
            return None
        start = self.position_of(self.time_index.look_up(timestamp)) or 0
        for position, header in self.headers(start):
            if header.max_timestamp < timestamp:
                continue
            for record in decode_batch(self.read(position, header.size), header):
                if record.timestamp >= timestamp and record.offset >= start_offset:
                    return TimestampOffset(record.timestamp, record.offset)
        return None

    def cut(self, size: int) -> None:
        """Cut the log file on the device; the indexes are another matter."""
        self._log.truncate(size)
        self._log.sync()
        self.size = size

    def cut_indexes(self, offset: int) -> None:
        """Drop from the indexes what they say of an offset and of those behind it, so that ``note`` can go on there."""
        self.offset_index.cut(offset)
        self.time_index.cut(offset)
        self._largest = self._last = None

    def begin_rebuilding(self) -> None:
        """Forget the batches and what the indexes hold, so that ``note`` can take account of them anew.

        The files stay as they are until ``finish_rebuilding``.
        """
        self.offset_index.begin_rebuilding()
        self.time_index.begin_rebuilding()
        self._largest = TimestampOffset(NO_TIMESTAMP, self.base_offset)
        self.size: int = 0
        self._bytes_since_index_entry = 0

    def finish_rebuilding(self) -> None:
        """Write the indexes; if the disk is full, they stay in memory, and are written when they are next flushed."""
        for index in (self.offset_index, self.time_index):
            try:
                index.finish_rebuilding()
            except OSError as error:
                if not is_disk_full(error):
                    raise
