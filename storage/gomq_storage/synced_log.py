"""How much of a log is on the device: flush, checkpoint, close. Kafka: ``UnifiedLog.flush``, ``LogManager``.

One sync is for all that was appended before it, and only one is under way at a time. One that fails is never tried
again: the kernel may have dropped the data, and would report success.
"""

from bisect import bisect_right
from contextlib import suppress
from pathlib import Path
from typing import Final

from gomq_storage.checkpoint import CleanEnd
from gomq_storage.config import LogConfig
from gomq_storage.epochs import LeaderEpochs
from gomq_storage.errors import LogOfflineError
from gomq_storage.files import Files
from gomq_storage.layout import TopicPartition
from gomq_storage.log_notes import LogNotes
from gomq_storage.log_values import LogPosition
from gomq_storage.producers import Producers
from gomq_storage.recovery import Recovered
from gomq_storage.segmented_log import SegmentedLog, base_offset_of

_MUCH_TO_SYNC: Final = 16 << 20


class SyncedLog(SegmentedLog):
    """A log that knows what of it is on the device; ``WritableLog`` adds to it.

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
        self.producers: Producers = recovered.producers
        self.epochs: LeaderEpochs = recovered.epochs
        self._failure: str | None = None
        self._synced_name: int | None = None  # base offset of the newest segment whose name is on the device
        point = min(checkpoint.recovery_point, self._end.segment_base_offset)
        self._synced = LogPosition(point, point, 0)
        if self.recovery.was_clean:
            self._synced, self._synced_name = self._end, self._end.segment_base_offset

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

    def _check_open(self) -> None:
        """See that a log that is closed touches nothing: its folder and its name may be another's by now."""
        if self.is_closed:
            raise LogOfflineError(self.directory, "closed")

    def fail(self, reason: str) -> None:
        """Take no more appends."""
        self._failure = self._failure or reason

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
