"""A partition's log: append, read, roll, sync, close. Kafka: ``UnifiedLog`` and ``LocalLog``.

Any thread may call anything. What changes the log is done by one at a time, and what waits for the device waits
without keeping the others: ``flush``, look-ups by time, retention and compaction belong into a worker thread. Only an
append that begins a new segment waits: the old one must be on the device first.

Nothing is buffered in the process: an append that returned is in the page cache and survives the process; ``flush``
makes it survive the machine.
"""

import threading
from bisect import bisect_right
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from gomq_storage.batch import NO_PRODUCER_ID, NO_TIMESTAMP, BatchHeader, Buffer, check_batch
from gomq_storage.checkpoint import Checkpoints, CleanEnd
from gomq_storage.config import LogConfig
from gomq_storage.errors import (
    BatchTooLargeError,
    DamagedLogError,
    LogOfflineError,
    OffsetOutOfRangeError,
)
from gomq_storage.files import Files, OsFiles, write_atomically
from gomq_storage.layout import LEADER_EPOCH_FILE_NAME, TopicPartition
from gomq_storage.log_values import AppendResult, LogPosition, LogSlice
from gomq_storage.producer_recovery import (
    recover_producers,
    remove_snapshots,
    snapshot_offsets,
    write_snapshot,
)
from gomq_storage.recovery import Recovered, recover
from gomq_storage.rolling import ActiveSegment, roll_reason
from gomq_storage.segment import Segment
from gomq_storage.segment_scan import is_sound, rebuild_indexes
from gomq_storage.time_index import TimestampOffset

_ALONE: Final = TopicPartition("log", 0)
"""What a log that is no part of a data directory is called in the checkpoints of its own folder."""


class Log:
    """The log of one partition in one directory.

    Args:
        directory: its folder.
        recovered: its parts.
        config: its settings.
        files: the file system.
        checkpoints: where the recovery point and the log's start are written down.
        name: what it is called in there; None: they are its own, to be saved when it is closed.
    """

    def __init__(
        self,
        directory: Path,
        recovered: Recovered,
        config: LogConfig,
        files: Files,
        checkpoints: Checkpoints,
        name: TopicPartition | None,
    ) -> None:
        self.directory = directory
        self.files = files
        self.config = config
        self.recovery = recovered.report
        """What opening the log had to repair."""
        self.producers = recovered.producers
        self.epochs = recovered.epochs
        self._name = name or _ALONE
        self._checkpoints = checkpoints
        self._is_alone = name is None
        self._segments = recovered.segments
        self._log_start = recovered.log_start
        last = self._segments[-1]
        self._end = LogPosition(recovered.log_end, last.base_offset, last.size)
        point = min(checkpoints.of(self._name).recovery_point, last.base_offset)
        self._synced = self._end if self.recovery.was_clean else LogPosition(point, point, 0)
        self._saved_epochs = self.epochs.entries if self.recovery.was_clean else None
        self._synced_name: int | None = None  # base offset of the newest segment whose name is on the device
        self._rolling = False
        self._failure: str | None = None
        self._is_closed = False
        self._changing = threading.RLock()  # segments, end and producers change together
        self._syncing = threading.Lock()  # taken after the other, where both are
        self._checking = threading.Lock()

    @classmethod
    def open(
        cls,
        directory: Path,
        config: LogConfig | None = None,
        *,
        files: Files | None = None,
        checkpoints: tuple[Checkpoints, TopicPartition] | None = None,
        on_progress: Callable[[int, int], None] | None = None,
    ) -> "Log":
        """Open the log in a directory, or start one in an empty one, and repair what a crash left behind.

        Args:
            directory: the log's folder; it must exist.
            config: its settings.
            files: the file system; the operating system's if not given.
            checkpoints: those of the data directory, and the log's name in them; one of its own has some in its folder.
            on_progress: told, while a segment is scanned, how many bytes of how many are done.

        Raises:
            DamagedLogError: repairing would lose data that may be good; the log files were not changed.
        """
        files = files or OsFiles()
        config = config or LogConfig()
        known, name = checkpoints or (Checkpoints.take(files, directory), None)
        checkpoint = known.of(name or _ALONE)
        recovered = recover(files, directory, config=config, checkpoint=checkpoint, on_progress=on_progress)
        return cls(directory, recovered, config, files, known, name)

    @property
    def log_start(self) -> int:
        """Offset of the first record kept."""
        return self._log_start

    @property
    def log_end(self) -> int:
        """Offset that the next record will get."""
        return self._end.offset

    @property
    def end(self) -> LogPosition:
        """Where the next batch will be written."""
        return self._end

    @property
    def segments(self) -> tuple[Segment, ...]:
        """The segments, oldest first; the last one is the active one."""
        return self._segments

    @property
    def is_synced(self) -> bool:
        """Whether everything appended is on the device."""
        return self._synced == self._end

    @property
    def unsynced_bytes(self) -> int:
        """About how much was appended to the active segment since the last sync."""
        synced, end = self._synced, self._end
        return end.position - (synced.position if synced.segment_base_offset == end.segment_base_offset else 0)

    @property
    def size(self) -> int:
        """Bytes in all log files."""
        return sum(segment.size for segment in self._segments)

    def configure(self, config: LogConfig) -> None:
        """Change the settings; segments that are there stay as they are."""
        self.config = config

    def append(self, batch: Buffer, *, leader_epoch: int | None = None) -> AppendResult:
        """Check one record batch, CRC included, and append it.

        Args:
            batch: one v2 batch, header (61 bytes) and records; its base offset is rewritten on the way.
            leader_epoch: what to stamp into the header; that of the last batch if not given.

        Raises:
            CorruptBatchError: it is not a valid batch.
            BatchTooLargeError: it is larger than ``max.message.bytes`` or ``segment.bytes``.
            OutOfOrderSequenceError: its idempotent producer sent another one before, which is missing.
            InvalidProducerEpochError: its producer was replaced by another.
            LogOfflineError: a write or sync failed, now or before, in a way that cannot be undone.
            OSError: it could not be written; the log is as it was.
            ValueError: the leader epoch is lower than an earlier batch's.
        """
        return self.append_checked(batch, check_batch(batch), leader_epoch=leader_epoch)

    def append_checked(self, batch: Buffer, header: BatchHeader, *, leader_epoch: int | None = None) -> AppendResult:
        """Append a batch that ``check_batch`` has passed; see ``append``."""
        config = self.config
        if self._failure is not None:
            raise LogOfflineError(self.directory, self._failure)
        if header.size > min(config.max_message_bytes, config.segment_bytes):
            raise BatchTooLargeError(header.size, min(config.max_message_bytes, config.segment_bytes))
        with self._changing:
            is_idempotent = header.producer_id > NO_PRODUCER_ID and header.base_sequence >= 0
            if is_idempotent and (earlier := self.producers.check(header)) is not None:
                return AppendResult(earlier.base_offset, earlier.last_offset, is_duplicate=True)
            base_offset = self._end.offset
            last_offset = base_offset + header.last_offset_delta
            epoch = self._epoch(leader_epoch, base_offset)
            active = self._segments[-1]
            if self._rolling or self._roll_reason(active, header, last_offset):
                active = self.roll()
            try:
                stamped = active.append(batch, header, base_offset=base_offset, leader_epoch=epoch, config=config)
            except LogOfflineError as error:
                self._failure = error.reason
                raise
            self.producers.note(stamped)
            self._end = LogPosition(last_offset + 1, active.base_offset, active.size)
            return AppendResult(base_offset, last_offset)

    def _epoch(self, wanted: int | None, base_offset: int) -> int:
        latest = self.epochs.latest
        if wanted is None:
            wanted = max(latest, 0)
        if wanted < latest:
            raise ValueError(f"leader epoch {wanted} behind {latest}")
        if wanted > latest:
            self.epochs.assign(wanted, base_offset)
        return wanted

    def _roll_reason(self, active: Segment, header: BatchHeader, last_offset: int) -> str | None:
        state = ActiveSegment(active.base_offset, active.size, active.first_timestamp if active.size else NO_TIMESTAMP)
        return roll_reason(
            state,
            batch_size=header.size,
            last_offset=last_offset,
            max_timestamp=header.max_timestamp,
            config=self.config,
        )

    def roll(self) -> Segment:
        """Seal the active segment and start a new one at the log's end; an empty one stays.

        1. Sync everything: so a segment that has one behind it is never torn, and what is missing in it is damage.
        2. Complete the time index, and write down what is known of the producers.  3. Make the new segment's files.

        Raises:
            LogOfflineError: the sync failed.
            OSError: the files could not be made; the next append tries again.
        """
        with self._changing:
            active = self._segments[-1]
            if active.size == 0:
                return active
            if not self.is_synced:
                self.flush()
            active.seal()
            active.is_checked = True
            with suppress(OSError):
                write_snapshot(self.files, self.directory, self.producers)
            self._rolling = True  # once the new files may be there, nothing can go into the old segment
            segment = Segment.open(self.files, self.directory, self._end.offset, create=True)
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
            DamagedLogError: so is a sealed segment.
        """
        upto = upto or self._end
        segments = self._segments
        if not self._log_start <= offset <= self._end.offset:
            raise OffsetOutOfRangeError(offset, log_start=self.log_start, log_end=self.log_end)
        if offset >= upto.offset:
            return None
        index = max(bisect_right(segments, offset, key=_base_offset) - 1, 0)
        for number in range(index, len(segments)):
            segment = segments[number]
            if number + 1 < len(segments) and not segment.is_checked:
                self._check(segment, segments[number + 1].base_offset)
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

        Raises:
            CorruptBatchError: a batch that had to be opened is damaged.
            DamagedLogError: a sealed segment is damaged.
        """
        for segment in () if self._is_closed else self.checked_segments():
            found = segment.find_timestamp(timestamp, start_offset=self._log_start)
            if found is not None:
                return found
        return None

    def largest_timestamp(self) -> TimestampOffset | None:
        """Find the record with the largest timestamp, or None in an empty log."""
        segments = self.checked_segments()
        largest = max((segment.largest for segment in segments), key=lambda entry: entry.timestamp)
        return self.find_timestamp(largest.timestamp) if self.log_end > self.log_start else None

    def checked_segments(self) -> tuple[Segment, ...]:
        """List the segments once their indexes have been compared with their batches, and rebuilt if need be.

        Raises:
            DamagedLogError: a sealed segment is not whole.
        """
        segments = self._segments
        for number, segment in enumerate(segments[:-1]):
            if not segment.is_checked:
                self._check(segment, segments[number + 1].base_offset)
        return segments

    def _check(self, segment: Segment, following: int) -> None:
        """Compare a sealed segment's indexes with its batches, once, at their first use."""
        with self._checking:
            if segment.is_checked:
                return
            if segment.damage is not None:
                raise segment.damage
            gaps = self.may_have_gaps
            if not is_sound(segment, following, self.config, may_have_gaps=gaps):
                try:
                    rebuild_indexes(segment, following, self.config, may_have_gaps=gaps)
                except DamagedLogError as error:
                    segment.damage = error
                    raise
            segment.is_checked = True

    @property
    def may_have_gaps(self) -> bool:
        """Whether offsets may be missing between batches, because the log is or was compacted."""
        return self.config.is_compacted or self._checkpoints.of(self._name).first_dirty is not None

    def flush(self) -> LogPosition:
        """Return once everything appended before the call is on the device; say how far that is.

        Raises:
            LogOfflineError: a sync failed, now or before. It is never tried again: the kernel may have dropped
                the data and would report success.
        """
        with self._syncing:
            if self._failure is not None:
                raise LogOfflineError(self.directory, self._failure)
            if self.is_synced:
                return self._end
            end, segments = self._end, self._segments
            newest = segments[-1].base_offset
            first = bisect_right(segments, self._synced.offset, key=_base_offset) - 1
            try:
                for segment in segments[max(first, 0) :]:
                    segment.sync()
                if newest != self._synced_name:
                    self.files.sync_directory(self.directory)
            except OSError as error:
                self._failure = f"sync failed: {error.strerror}"
                raise LogOfflineError(self.directory, self._failure) from error
            self._synced_name = newest
            self._synced = end
            return end

    def checkpoint(self) -> LogPosition:
        """Sync everything, indexes too, so that the next opening need not scan what is in front of this place.

        The recovery point is only written down when the checkpoints are saved.
        """
        place = self.flush()
        point = self._checkpoints.of(self._name).recovery_point
        segments = self._segments
        first = bisect_right(segments, point, key=_base_offset) - 1
        for segment in segments[max(first, 0) :]:
            segment.sync_indexes()
        self._save_epochs()
        self._checkpoints.set_recovery_point(self._name, place.offset)
        return place

    def _save_epochs(self) -> None:
        epochs = self.epochs.entries
        if epochs != self._saved_epochs:
            write_atomically(self.files, self.directory / LEADER_EPOCH_FILE_NAME, self.epochs.encode())
            self._saved_epochs = epochs

    def begin_epoch(self, epoch: int) -> None:
        """Say that whatever is appended from now on is of this leader epoch, if not of a later one."""
        with self._changing:
            if epoch > self.epochs.latest:
                self.epochs.assign(epoch, self.log_end)

    def advance_start(self, offset: int) -> bool:
        """Let go of what is before an offset, in memory; say whether that is news.

        Raises:
            OffsetOutOfRangeError: the log ends before it.
        """
        with self._changing:
            if offset > self.log_end:
                raise OffsetOutOfRangeError(offset, log_start=self.log_start, log_end=self.log_end)
            if offset <= self._log_start:
                return False
            self._log_start = offset
            self.epochs.cut_start(offset)
            self._checkpoints.set_log_start(self._name, offset)
            return True

    def delete_records(self, offset: int) -> int:
        """Let go of what is before an offset, for good, and return the log's start. Kafka: ``deleteRecords``.

        Raises:
            OffsetOutOfRangeError: the log ends before it.
            OSError: it could not be written down; after a crash the records may be back.
        """
        self.advance_start(offset)
        self._checkpoints.save_log_starts()
        return self._log_start

    def detach_below_start(self) -> tuple[Segment, ...]:
        """Take the sealed segments that lie wholly before the log's start out of the log; the caller removes them.

        The log's start must have been saved: it is what tells, after a crash, that they do not belong.
        """
        with self._changing:
            segments = self._segments
            count = max(bisect_right(segments, self._log_start, key=_base_offset) - 1, 0)
            self._segments = segments[count:]
            return segments[:count]

    def replace_segments(self, old: Sequence[Segment], new: Sequence[Segment]) -> None:
        """Put segments that hold the same offsets in the place of others, which the caller removes."""
        with self._changing:
            segments = self._segments
            first = segments.index(old[0])
            if segments[first : first + len(old)] != tuple(old):
                raise ValueError("the segments to be replaced are no run of the log's")
            self._segments = (*segments[:first], *new, *segments[first + len(old) :])

    def release(self, segments: Sequence[Segment], *, remove: bool = True) -> None:
        """Close segments that are no part of the log any more, and remove their files.

        Raises:
            OSError: a file could not be removed.
        """
        with self._syncing:  # a flush may still be at them
            for segment in segments:
                segment.close()
        if remove:
            for segment in segments:
                segment.remove(self.files)

    def truncate(self, offset: int) -> None:
        """Cut off the records from an offset on, and the whole batch that one is in. Kafka: ``truncateTo``.

        1. Write down a recovery point that is not behind what stays.  2. Remove the segments behind it, the newest
        first, each for good before the next.  3. Cut the one it is in.  4. Forget producers and epochs that came later.

        Raises:
            OffsetOutOfRangeError: the log does not hold the offset, nor ends there.
            OSError: it was not cut, or not far enough.
        """
        with self._changing, self._syncing:
            if not self._log_start <= offset <= self.log_end:
                raise OffsetOutOfRangeError(offset, log_start=self.log_start, log_end=self.log_end)
            if offset == self.log_end:
                return
            self._cut(offset)

    def _cut(self, offset: int) -> None:
        kept = max(bisect_right(self._segments, offset, key=_base_offset), 1)
        last = self._segments[kept - 1]
        found = last.find(offset)
        position, end = (found[0].position, found[0].offset) if found is not None else (last.size, offset)
        self._checkpoints.set_recovery_point(self._name, min(end, self._checkpoints.of(self._name).recovery_point))
        self._checkpoints.save_recovery_points()
        for segment in reversed(self._segments[kept:]):
            segment.remove(self.files)
            self.files.sync_directory(self.directory)
            self._segments = self._segments[:-1]
            self._end = LogPosition(segment.base_offset, self._segments[-1].base_offset, self._segments[-1].size)
        last.cut(position)
        last.cut_indexes(end)
        last.is_checked = False
        self._end = LogPosition(end, last.base_offset, position)
        self._synced = min(self._synced, self._end)
        self.epochs.cut_end(end)
        later = [each for each in snapshot_offsets(self.files, self.directory) if each > end]
        remove_snapshots(self.files, self.directory, later)
        self.producers = recover_producers(
            self.files, self.directory, self._segments, log_start=self._log_start, log_end=end
        )

    def close(self) -> CleanEnd | None:
        """Sync everything, write down what the next opening would have to work out, and let go of the files.

        Returns:
            where the log ends, for the marker of a clean stop; None where something could not be written, so that
            the next opening has to look. A log of its own has left the marker itself.

        Raises:
            LogOfflineError: the sync failed; the files are closed all the same.
        """
        active = self._segments[-1]
        if self._is_closed:
            return None
        try:
            self.flush()
            with suppress(OSError):
                active.seal()
                self.checkpoint()
                self._write_last_snapshot()
                end = CleanEnd(self._end.offset, active.base_offset, active.size)
                if self._is_alone:
                    self._checkpoints.save_recovery_points()
                    self._checkpoints.save_log_starts()
                    self._checkpoints.save_clean_shutdown({self._name: end})
                return end
            return None
        finally:
            self.abandon()

    def _write_last_snapshot(self) -> None:
        """Write a snapshot of the log's end, in place of those that belong to no segment."""
        offsets = snapshot_offsets(self.files, self.directory)
        if self.log_end not in offsets:
            write_snapshot(self.files, self.directory, self.producers)
        needed = {segment.base_offset for segment in self._segments} | {self.log_end}
        remove_snapshots(self.files, self.directory, [offset for offset in offsets if offset not in needed])

    def abandon(self) -> None:
        """Let go of the files without syncing them."""
        with self._syncing:
            self._is_closed = True
            self._failure = self._failure or "closed"
            for segment in self._segments:
                with suppress(OSError):
                    segment.close()


def _base_offset(segment: Segment) -> int:
    return segment.base_offset
