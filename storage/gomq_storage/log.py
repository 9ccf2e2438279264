"""A partition's log: append, read, roll, sync, close. Kafka: ``UnifiedLog`` and ``LocalLog``.

One thread appends and reads: in the broker the event loop's. ``flush`` and the look-ups by time may run in others at
the same time, and opening, closing and deleting, which wait for the device, should. An append that begins a new
segment waits for the device, too: the old one must be on it first.

Nothing is buffered in the process: an append that returned is in the page cache and survives the process; ``flush``
makes it survive the machine.
"""

import threading
from bisect import bisect_right
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from gomq_storage.batch import BatchHeader, Buffer, check_batch
from gomq_storage.config import LogConfig
from gomq_storage.errors import BatchTooLargeError, LogOfflineError, OffsetOutOfRangeError
from gomq_storage.files import FileRange, Files, OsFiles
from gomq_storage.recovery import RecoveryReport, recover
from gomq_storage.rolling import ActiveSegment, roll_reason
from gomq_storage.segment import Segment
from gomq_storage.time_index import TimestampOffset


class LogPosition(NamedTuple):
    """A place in a log: the next offset, and where in which segment its batch is or will be."""

    offset: int
    segment_base_offset: int
    position: int


class AppendResult(NamedTuple):
    """Where a batch landed."""

    base_offset: int
    last_offset: int


class LogSlice(NamedTuple):
    """A range of bytes of one segment: batches from the one that holds the wanted offset on.

    The last batch may be cut off, as in Kafka; readers pass over it and ask again.
    """

    segment: Segment
    position: int
    size: int

    def read(self) -> bytes:
        """Read the bytes."""
        return self.segment.read(self.position, self.size)

    def open_range(self) -> FileRange:
        """Give the bytes a descriptor of their own, which the caller closes."""
        return FileRange(self.segment.duplicate_descriptor(), self.position, self.size)


class Log:
    """The log of one partition in one directory."""

    def __init__(
        self,
        directory: Path,
        segments: tuple[Segment, ...],
        log_end: int,
        *,
        config: LogConfig,
        files: Files,
        recovery: RecoveryReport,
    ) -> None:
        self.directory = directory
        self.recovery = recovery
        """What opening the log had to repair."""
        self._files = files
        self._config = config
        self._segments = segments
        self._end = LogPosition(log_end, segments[-1].base_offset, segments[-1].size)
        self._synced = LogPosition(segments[0].base_offset, segments[0].base_offset, 0)
        self._synced_name: int | None = None  # base offset of the newest segment whose name is on the device
        self._rolling = False
        self._failure: str | None = None
        self._closed = False
        self._in_use = threading.Lock()  # a look-up in a worker thread uses the files: they must not be closed
        self._syncing = threading.Lock()  # so does a flush, which must not wait for look-ups

    @classmethod
    def open(cls, directory: Path, config: LogConfig | None = None, *, files: Files | None = None) -> "Log":
        """Open the log in a directory, or start one in an empty one, and repair what a crash left behind.

        Raises:
            DamagedLogError: repairing would lose data that may be good; nothing was changed.
        """
        files = files or OsFiles()
        config = config or LogConfig()
        segments, log_end, recovery = recover(files, directory, config=config)
        return cls(directory, segments, log_end, config=config, files=files, recovery=recovery)

    @property
    def log_start(self) -> int:
        """Offset of the first record kept."""
        return self._segments[0].base_offset

    @property
    def log_end(self) -> int:
        """Offset that the next record will get."""
        return self._end.offset

    @property
    def end(self) -> LogPosition:
        """Where the next batch will be written."""
        return self._end

    @property
    def is_synced(self) -> bool:
        """Whether everything appended is on the device."""
        return self._synced == self._end

    @property
    def size(self) -> int:
        """Bytes in all log files."""
        return sum(segment.size for segment in self._segments)

    def append(self, batch: Buffer, *, leader_epoch: int = 0) -> AppendResult:
        """Check one record batch, CRC included, and append it.

        Args:
            batch: one v2 batch, header (61 bytes) and records; its base offset is rewritten on the way.
            leader_epoch: what to stamp into the header.

        Raises:
            CorruptBatchError: it is not a valid batch.
            BatchTooLargeError: it is larger than ``max.message.bytes`` or ``segment.bytes``.
            LogOfflineError: a write or sync failed, now or before, in a way that cannot be undone.
            OSError: it could not be written; the log is as it was.
            ValueError: the leader epoch is lower than an earlier batch's.
        """
        return self.append_checked(batch, check_batch(batch), leader_epoch=leader_epoch)

    def append_checked(self, batch: Buffer, header: BatchHeader, *, leader_epoch: int = 0) -> AppendResult:
        """Append a batch that ``check_batch`` has passed; see ``append``."""
        config = self._config
        if self._failure is not None:
            raise LogOfflineError(self.directory, self._failure)
        if header.size > min(config.max_message_bytes, config.segment_bytes):
            raise BatchTooLargeError(header.size, min(config.max_message_bytes, config.segment_bytes))
        base_offset = self._end.offset
        last_offset = base_offset + header.last_offset_delta
        active = self._segments[-1]
        state = ActiveSegment(active.base_offset, active.size)
        if self._rolling or roll_reason(state, batch_size=header.size, last_offset=last_offset, config=config):
            active = self.roll()
        try:
            active.append(batch, header, base_offset=base_offset, leader_epoch=leader_epoch, config=config)
        except LogOfflineError as error:
            self._failure = error.reason
            raise
        self._end = LogPosition(last_offset + 1, active.base_offset, active.size)
        return AppendResult(base_offset, last_offset)

    def roll(self) -> Segment:
        """Seal the active segment and start a new one at the log's end; an empty one stays.

        1. Sync everything: so a segment that has one behind it is never torn, and what is missing in it is damage.
        2. Complete the time index.  3. Make the new segment's files.

        Raises:
            LogOfflineError: the sync failed.
            OSError: the files could not be made; the next append tries again.
        """
        active = self._segments[-1]
        if active.size == 0:
            return active
        if not self.is_synced:
            self.flush()
        active.seal()
        self._rolling = True  # once the new files may be there, nothing can go into the old segment
        segment = Segment.open(self._files, self.directory, self._end.offset, create=True)
        self._rolling = False
        self._segments = (*self._segments, segment)
        self._end = LogPosition(self._end.offset, segment.base_offset, 0)
        return segment

    def read(
        self, offset: int, *, max_bytes: int, upto: LogPosition | None = None, at_least_one_batch: bool = True
    ) -> LogSlice | None:
        """Find the bytes of the batch that holds an offset, and of those behind it in the same segment.

        Args:
            offset: the first record that is wanted; the whole batch it is in is returned.
            max_bytes: how many bytes at most.
            upto: nothing at or behind this place is returned; None means the log's end.
            at_least_one_batch: return a first batch that is larger than ``max_bytes`` whole.

        Returns:
            the slice, or None when there is nothing (yet) to read.

        Raises:
            OffsetOutOfRangeError: the offset is before the log's start or behind its end.
            CorruptBatchError: the log is damaged where it was looked at.
        """
        upto = upto or self._end
        segments = self._segments
        if not segments[0].base_offset <= offset <= self._end.offset:
            raise OffsetOutOfRangeError(offset, log_start=self.log_start, log_end=self.log_end)
        if offset >= upto.offset:
            return None
        index = bisect_right(segments, offset, key=lambda segment: segment.base_offset) - 1
        for segment in segments[index:]:
            found = segment.find(offset)
            if found is not None:
                break
        else:
            return None
        (_, position), first_size = found
        end = upto.position if segment.base_offset == upto.segment_base_offset else segment.size
        if segment.base_offset > upto.segment_base_offset:
            return None
        wanted = max(max_bytes, first_size) if at_least_one_batch else max_bytes
        size = min(wanted, end - position)
        return LogSlice(segment, position, size) if size > 0 else None

    def find_timestamp(self, timestamp: int) -> TimestampOffset | None:
        """Find the first record at or after a timestamp (ms), or None where all are earlier.

        It may run in a worker thread.
        """
        with self._in_use:
            for segment in () if self._closed else self._segments:
                if (found := segment.find_timestamp(timestamp)) is not None:
                    return found
        return None

    def largest_timestamp(self) -> TimestampOffset | None:
        """Find the record with the largest timestamp, or None in an empty log; may run in a worker thread."""
        largest = max((segment.largest for segment in self._segments), key=lambda entry: entry.timestamp)
        return self.find_timestamp(largest.timestamp) if self.log_end > self.log_start else None

    def flush(self) -> LogPosition:
        """Return once everything appended before the call is on the device; say how far that is.

        Raises:
            LogOfflineError: a sync failed, now or before. It is never tried again: the kernel may have dropped
                the data and would report success.
        """
        with self._syncing:
            if self._failure is not None:
                raise LogOfflineError(self.directory, self._failure)
            end, segments = self._end, self._segments
            newest = segments[-1].base_offset
            first = bisect_right(segments, self._synced.offset, key=lambda segment: segment.base_offset) - 1
            try:
                for segment in segments[max(first, 0) :]:
                    segment.sync()
                if newest != self._synced_name:
                    self._files.sync_directory(self.directory)
            except OSError as error:
                self._failure = f"sync failed: {error.strerror}"
                raise LogOfflineError(self.directory, self._failure) from error
            self._synced_name = newest
            self._synced = end
            return end

    def close(self) -> None:
        """Sync everything, complete the time index and let go of the files.

        Raises:
            LogOfflineError: the sync failed; the files are closed all the same.
        """
        try:
            if not self.is_synced:
                self.flush()
            if self._failure is None:
                self._segments[-1].seal()
        finally:
            self.abandon()

    def abandon(self) -> None:
        """Let go of the files without syncing them."""
        with self._syncing, self._in_use:
            self._closed = True
            self._failure = self._failure or "closed"
            for segment in self._segments:
                with suppress(OSError):
                    segment.close()
