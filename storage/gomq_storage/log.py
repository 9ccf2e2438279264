"""A partition's log: append, read, roll, sync, close. Kafka: ``UnifiedLog``.

Any thread may call anything. What changes the log is done by one at a time, and what waits for the device waits
without keeping the others: ``flush``, look-ups by time, retention and compaction belong into a worker thread. Only an
append that begins a new segment waits: the old one must be on the device first.

Nothing is buffered in the process: an append that returned is in the page cache and survives the process; ``flush``
makes it survive the machine.
"""

from bisect import bisect_right
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from gomq_storage.batch import LENGTH_OVERHEAD, NO_PRODUCER_ID, BatchHeader, Buffer, check_batch
from gomq_storage.checkpoint import Checkpoints, CleanEnd
from gomq_storage.config import LogConfig
from gomq_storage.errors import (
    BatchTooLargeError,
    LogOfflineError,
    OffsetOutOfRangeError,
)
from gomq_storage.files import Files, OsFiles
from gomq_storage.layout import TopicPartition
from gomq_storage.log_notes import ALONE, LogNotes
from gomq_storage.log_values import AppendResult, LogPosition
from gomq_storage.producer_recovery import recover_producers, write_snapshot
from gomq_storage.producers import ActiveProducer
from gomq_storage.recovery import Recovered, recover
from gomq_storage.rolling import ActiveSegment, Room, room_of
from gomq_storage.segment import Segment
from gomq_storage.segmented_log import SegmentedLog, base_offset_of

_position = LogPosition._make
_result = AppendResult._make
_MUCH_TO_SYNC: Final = 16 << 20


class Log(SegmentedLog):
    """The log of one partition in one directory.

    Args:
        directory: its folder.
        recovered: its parts.
        config: its settings.
        files: the file system.
        notes: what is written down beside its segments.
    """

    def __init__(self, directory: Path, recovered: Recovered, config: LogConfig, files: Files, notes: LogNotes) -> None:
        checkpoint = notes.checkpoint
        super().__init__(directory, recovered, config, files, may_have_gaps=checkpoint.first_dirty is not None)
        self.notes = notes
        self.producers = recovered.producers
        self.epochs = recovered.epochs
        self._rolling = False
        self._room: Room | None = None
        self._failure: str | None = None
        self._synced_name: int | None = None  # base offset of the newest segment whose name is on the device
        point = min(checkpoint.recovery_point, self._end.segment_base_offset)
        self._synced = LogPosition(point, point, 0)
        if self.recovery.was_clean:
            self._synced, self._synced_name = self._end, self._end.segment_base_offset

    @classmethod
    def open(
        cls,
        directory: Path,
        config: LogConfig | None = None,
        *,
        files: Files | None = None,
        checkpoints: tuple[Checkpoints, TopicPartition] | None = None,
        is_promised: bool = True,
        on_progress: Callable[[int, int], None] | None = None,
    ) -> "Log":
        """Open the log in a directory, or start one in an empty one, and repair what a crash left behind.

        Args:
            directory: the log's folder; it must exist.
            config: its settings.
            files: the file system; the operating system's if not given.
            checkpoints: those of the data directory, and the log's name in them; one of its own has some in its folder.
            is_promised: whether what was appended may have been acknowledged as being on the device. If not, a power
                cut may have left later batches and not earlier ones: they are cut, and kept aside.
            on_progress: told, while a segment is scanned, how many bytes of how many are done.

        Raises:
            DamagedLogError: repairing would lose data that may be good; the log files were not changed.
        """
        files = files or OsFiles()
        config = config or LogConfig()
        known, name = checkpoints or (Checkpoints.take(files, directory), None)
        recovered = recover(
            files,
            directory,
            config=config,
            checkpoint=known.of(name or ALONE),
            is_promised=is_promised,
            on_progress=on_progress,
        )
        notes = LogNotes(files, directory, known, name, recovered.saved_epochs)
        log = cls(directory, recovered, config, files, notes)
        try:
            notes.lower_recovery_point(log.log_end)
        except OSError:
            log.abandon()
            raise
        return log

    @property
    def name(self) -> TopicPartition:
        """What it is called in the checkpoints."""
        return self.notes.name

    @property
    def is_synced(self) -> bool:
        """Whether everything appended is on the device."""
        return self._synced == self._end

    @property
    def should_sync_before_rolling(self) -> bool:
        """Whether the active segment is nearly full and much of it not on the device, so that rolling would wait."""
        synced, end = self._synced, self._end
        if end.position < self.config.segment_bytes * 7 // 8:
            return False
        on_device = synced.position if synced.segment_base_offset == end.segment_base_offset else 0
        return end.position - on_device >= _MUCH_TO_SYNC

    def configure(self, config: LogConfig) -> None:
        """Change the settings; segments that are there stay as they are."""
        self.config = config
        self._room = None

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
        config, size = self.config, LENGTH_OVERHEAD + header.length
        if size > config.max_message_bytes or size > config.segment_bytes:
            raise BatchTooLargeError(size, min(config.max_message_bytes, config.segment_bytes))
        with self._changing:
            if self._failure is not None:
                raise LogOfflineError(self.directory, self._failure)
            producers = self.producers
            if header.producer_id > NO_PRODUCER_ID and header.base_sequence >= 0:
                earlier = producers.check(header)
                if earlier is not None:
                    return AppendResult(earlier.base_offset, earlier.last_offset, is_duplicate=True)
            base_offset = self._end.offset
            last_offset = base_offset + header.last_offset_delta
            epoch = self._epoch(leader_epoch, base_offset)
            active = self._segments[-1]
            if self._must_roll(active, size, last_offset, header.max_timestamp):
                active = self.roll()
            try:
                stamped = active.append(batch, header, base_offset=base_offset, leader_epoch=epoch, config=config)
            except LogOfflineError as error:
                self._failure = error.reason
                raise
            producers.note(stamped)
            self._end = _position((last_offset + 1, active.base_offset, active.size))
            return _result((base_offset, last_offset, False))

    def _epoch(self, wanted: int | None, base_offset: int) -> int:
        latest = self.epochs.latest
        if wanted is None:
            wanted = max(latest, 0)
        if wanted != latest:
            if wanted < latest:
                raise ValueError(f"leader epoch {wanted} behind {latest}")
            self.epochs.assign(wanted, base_offset)
        return wanted

    def _must_roll(self, active: Segment, size: int, last_offset: int, max_timestamp: int) -> bool:
        if active.size == 0:
            self._room = None
            return self._rolling
        room = self._room
        if room is None:
            room = self._room = room_of(ActiveSegment(active.base_offset, active.first_timestamp), self.config)
        most, last, latest = room
        return active.size + size > most or last_offset > last or max_timestamp > latest or self._rolling

    def roll(self) -> Segment:
        """Seal the active segment and start a new one at the log's end; an empty one stays.

        1. Sync everything: so a segment that has one behind it is never torn, and what is missing in it is damage.
        2. Complete the time index; write down the leader epochs and the producers.  3. Make the new segment's files.

        Raises:
            LogOfflineError: the sync failed.
            OSError: the epochs could not be written down, or the files made; the next append tries again.
        """
        with self._changing:
            self._check_open()
            active = self._segments[-1]
            if active.size == 0:
                return active
            if not self.is_synced:
                self.flush()
            active.seal()
            active.is_checked = True
            with self._syncing:  # a checkpoint may be writing the same file
                self.notes.save_epochs(self.epochs)  # where in a sealed segment one begins nobody looks
            with suppress(OSError):  # what is not in it is worked out from the batches
                write_snapshot(self.files, self.directory, self.producers)
            self._rolling = True  # once the new files may be there, nothing can go into the old segment
            segment = Segment.open(self.files, self.directory, self._end.offset, create=True)
            self._rolling = False
            self._room = None
            self._segments = (*self._segments, segment)
            self._end = LogPosition(self._end.offset, segment.base_offset, 0)
            return segment

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
            if self._synced == end and self._synced_name == newest:
                return end
            first = bisect_right(segments, self._synced.offset, key=base_offset_of) - 1
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
        point = self.notes.checkpoint.recovery_point
        if point == place.offset and self.notes.has_saved(self.epochs):
            return place
        with self._changing:
            segments = self._segments
            segments[-1].flush_indexes()
        first = bisect_right(segments, point, key=base_offset_of) - 1
        for segment in segments[max(first, 0) :]:
            segment.sync_indexes()
        with self._syncing:  # neither is the log closed meanwhile, and its name another's, nor cut
            self._check_open()
            self.notes.save_epochs(self.epochs)
            self.notes.checkpoints.set_recovery_point(self.name, min(place.offset, self._synced.offset))
        return place

    def begin_epoch(self, epoch: int) -> None:
        """Say that whatever is appended from now on is of this leader epoch, if not of a later one."""
        with self._changing:
            if epoch > self.epochs.latest:
                self.epochs.assign(epoch, self.log_end)

    def _check_open(self) -> None:
        """See that a log that is closed touches nothing: its folder and its name may be another's by now."""
        if self.is_closed:
            raise LogOfflineError(self.directory, "closed")

    def fail(self, reason: str) -> None:
        """Take no more appends."""
        self._failure = self._failure or reason

    def active_producers(self) -> list[ActiveProducer]:
        """List what is known of the producers, as of one moment."""
        with self._changing:
            return self.producers.active()

    def expire_producers(self, *, now_ms: int, expiration_ms: int) -> int:
        """Forget producers that wrote nothing for so long; say how many."""
        with self._changing:
            return self.producers.expire(now_ms=now_ms, expiration_ms=expiration_ms)

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
            self._check_open()
            self._log_start = offset
            self.epochs.cut_start(offset)
            self.notes.checkpoints.set_log_start(self.name, offset)
            return True

    def delete_records(self, offset: int) -> int:
        """Let go of what is before an offset, for good, and return the log's start. Kafka: ``deleteRecords``.

        Raises:
            OffsetOutOfRangeError: the log ends before it.
            LogOfflineError: a sync failed, now or before.
            OSError: it could not be written down; after a crash the records may be back.
        """
        if self._synced.offset < offset <= self.log_end:
            self.flush()  # or the power leaves a log that ends before its start
        self.advance_start(offset)
        self.notes.checkpoints.save_log_starts()
        return self._log_start

    def truncate(self, offset: int) -> None:
        """Cut off the records from an offset on, and the whole batch that one is in. Kafka: ``truncateTo``.

        1. Write down a recovery point and a log start that are not behind what stays.  2. Remove the segments behind
        it, the newest first, each for good before the next.  3. Cut the one it is in.  4. Forget producers and epochs
        that came later.

        Raises:
            OffsetOutOfRangeError: the log does not hold the offset, nor ends there.
            OSError: it was not cut; or not far enough, and takes no more appends.
        """
        with self._changing, self._syncing:
            if not self._log_start <= offset <= self.log_end:
                raise OffsetOutOfRangeError(offset, log_start=self.log_start, log_end=self.log_end)
            if offset == self.log_end:
                return
            self._cut(offset)

    def _cut(self, offset: int) -> None:
        kept = max(bisect_right(self._segments, offset, key=base_offset_of), 1)
        last = self._segments[kept - 1]
        found = last.find(offset)
        position, end = (found[0].position, min(found[0].offset, offset)) if found is not None else (last.size, offset)
        if position == 0:
            end = last.base_offset  # nothing in the file would say that it ends behind that
        self.notes.prepare_cut(end, log_start=self._log_start)
        try:
            self._cut_files(kept, position, end)
        except OSError as error:
            self.fail(f"cutting failed: {error.strerror}")  # what is known of producers is of what was cut
            raise

    def _cut_files(self, kept: int, position: int, end: int) -> None:
        last = self._segments[kept - 1]
        for segment in reversed(self._segments[kept:]):
            segment.remove(self.files)
            self.files.sync_directory(self.directory)
            self._segments = self._segments[:-1]
            self._end = LogPosition(segment.base_offset, self._segments[-1].base_offset, self._segments[-1].size)
        last.cut(position)
        last.cut_indexes(end)
        self.epochs.cut_end(end)
        for place, header in last.headers(last.offset_index.last.position):
            last.note(header, place, config=self.config)  # the largest timestamp may be behind the last entry
            self.epochs.observe(header.leader_epoch, header.base_offset)  # it may have begun at the start, now cut off
        last.is_checked = False
        self._room = None
        self._end = LogPosition(end, last.base_offset, position)
        self._synced = min(self._synced, self._end)
        self._log_start = min(self._log_start, end)
        self.notes.forget_behind(end)
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
        if self.is_closed:
            return None
        try:
            with self._changing:
                self.flush()
                return self._leave_in_order()
        finally:
            self.abandon()

    def _leave_in_order(self) -> CleanEnd | None:
        active = self._segments[-1]
        with suppress(OSError):
            active.seal()
            self.checkpoint()
            needed = {segment.base_offset for segment in self._segments}
            self.notes.write_last_snapshot(self.producers, needed=needed)
            end = CleanEnd(self._end.offset, active.base_offset, active.size)
            self.notes.leave_in_order(end)
            return end
        return None

    def abandon(self) -> None:
        """Let go of the files without syncing them."""
        self.is_closed = True  # a compaction that is under way sees it and stops
        with self.maintaining, self._changing, self._syncing:
            self._failure = self._failure or "closed"
            for segment in self._segments:
                with suppress(OSError):
                    segment.close()
