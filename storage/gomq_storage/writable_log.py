"""The growing end of a log: append, roll. Kafka: ``UnifiedLog.append``."""

from contextlib import suppress
from pathlib import Path

from gomq_storage.batch import LENGTH_OVERHEAD, NO_PRODUCER_ID, BatchHeader, Buffer, check_batch
from gomq_storage.config import LogConfig
from gomq_storage.errors import BatchTooLargeError, LogOfflineError
from gomq_storage.files import Files
from gomq_storage.log_notes import LogNotes
from gomq_storage.log_values import AppendResult, LogPosition
from gomq_storage.producer_recovery import secure_producers, write_snapshot
from gomq_storage.producers import Producers
from gomq_storage.recovery import Recovered
from gomq_storage.rolling import ActiveSegment, Room, room_of
from gomq_storage.segment import Segment
from gomq_storage.synced_log import SyncedLog

_position = LogPosition._make
_result = AppendResult._make


class WritableLog(SyncedLog):
    """A log that grows; ``Log`` adds what takes away from it.

    Args:
        directory: its folder.
        recovered: its parts.
        config: its settings.
        files: the file system.
        notes: what is written down beside its segments.
    """

    def __init__(self, directory: Path, recovered: Recovered, config: LogConfig, files: Files, notes: LogNotes) -> None:
        super().__init__(directory, recovered, config, files, notes)
        self._rolling = False
        self._room: Room | None = None

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

    def secure_producers(self) -> None:
        """See that what producers wrote is known without the segments that were taken out of the log."""
        with self._changing:
            producers = Producers.restored(self.producers.active(), end=self.producers.end)
        secure_producers(self.files, self.directory, producers, base_offset=self._segments[0].base_offset)

    def begin_epoch(self, epoch: int) -> None:
        """Say that whatever is appended from now on is of this leader epoch, if not of a later one."""
        with self._changing:
            if epoch > self.epochs.latest:
                self.epochs.assign(epoch, self.log_end)
