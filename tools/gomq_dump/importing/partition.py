"""Write a partition's directory batch by batch, each at the offset that it has."""

from pathlib import Path

from gomq_dump.importing.batches import MadeBatch
from gomq_dump.importing.lines import LineError
from gomq_dump.packing import empty_batches
from gomq_dump.repairing.edits import Deeds
from gomq_dump.repairing.notes import MendedLog, make_snapshots, mend_transactions, observe_epochs
from gomq_dump.repairing.staging import write_synced
from gomq_storage.batch import NO_LEADER_EPOCH, check_batch
from gomq_storage.config import LogConfig
from gomq_storage.epochs import LeaderEpochs
from gomq_storage.files import Files
from gomq_storage.layout import LEADER_EPOCH_FILE_NAME, SNAPSHOT_SUFFIX, segment_file_name
from gomq_storage.offset_index import MAX_RELATIVE_OFFSET
from gomq_storage.segment import Segment


class PartitionWriter:
    """One partition's segments, in an empty directory.

    Args:
        files: the file system.
        directory: the partition's folder.
        config: the log's settings.
        keeps_segments: whether batches go to the segments that they were in, where that is known.
    """

    def __init__(self, files: Files, directory: Path, config: LogConfig, *, keeps_segments: bool) -> None:
        self.next_offset: int | None = None
        """Behind the last batch; None before the first segment."""
        self.has_gaps: bool = False
        """Whether offsets are missing between batches."""
        self.log_start: int = 0
        """The messages in front of it were deleted."""
        self.directory = directory
        self._files = files
        self._config = config
        self._keeps_segments = keeps_segments
        self._segments: list[Segment] = []
        self._asked_for: int | None = None
        self._leader_epoch = -1
        self._is_transactional = False

    @property
    def late_start(self) -> int | None:
        """Where the log starts, if that is behind the start of its first segment."""
        start = min(self.log_start, self.next_offset or 0)
        return start if self._segments and start > self._segments[0].base_offset else None

    def append(self, batch: MadeBatch) -> None:
        """Write a batch.

        Raises:
            LineError: its offsets, or its segment's, are in front of the end of what is there, or its leader epoch
                is older.
            OSError: it could not be written.
        """
        header = check_batch(batch.raw)
        base, end, epoch = header.base_offset, self.next_offset, header.leader_epoch
        if end is not None and base < end:
            raise LineError("base_offset", f"at least {end}, behind the batch before it", base)
        if not batch.is_exact:
            epoch = max(self._leader_epoch, epoch)
        elif NO_LEADER_EPOCH < epoch < self._leader_epoch:
            raise LineError("leader_epoch", f"at least {self._leader_epoch}, as the batches before it have", epoch)
        if end is not None and base > end and not batch.is_exact:
            self.append(MadeBatch(empty_batches(end, base, leader_epoch=epoch), None, is_exact=True))
        segment = self._segment_for(batch, base, header.last_offset, size=len(batch.raw))
        self.has_gaps |= base > (self.next_offset or 0)
        segment.append(batch.raw, header, base_offset=base, leader_epoch=epoch, config=self._config)
        self.next_offset = header.next_offset
        self._leader_epoch = max(self._leader_epoch, epoch)
        self._is_transactional |= header.is_transactional

    def begin(self, base_offset: int) -> None:
        """Begin a segment which may stay without a batch: the log goes on at its offset.

        Raises:
            LineError: it is in front of the end of what is there.
            OSError: it could not be written.
        """
        if self.next_offset is None:
            self._asked_for = base_offset
            self._begin(base_offset)
        elif base_offset < self.next_offset:
            raise LineError("segment", f"at least {self.next_offset}, behind the batch before it", base_offset)
        elif base_offset > self.next_offset or (self._keeps_segments and base_offset != self._asked_for):
            self._asked_for = base_offset
            self._roll(base_offset)

    def _segment_for(self, batch: MadeBatch, base: int, last: int, *, size: int) -> Segment:
        """Choose the segment that a batch goes to; begin a new one where it must."""
        wanted = batch.segment if self._keeps_segments else None
        if not self._segments:
            self._asked_for = wanted
            return self._begin(base if wanted is None else wanted)
        active = self._segments[-1]
        if wanted is not None and wanted != self._asked_for:
            if wanted < (self.next_offset or 0):
                raise LineError("segment", f"at least {self.next_offset}, behind the batch before it", wanted)
            self._asked_for = wanted
            return self._roll(wanted)
        is_full = wanted is None and active.size + size > self._config.segment_bytes
        if active.size and (is_full or last - active.base_offset > MAX_RELATIVE_OFFSET):
            return self._roll(base)
        return active

    def _roll(self, base_offset: int) -> Segment:
        self._seal()
        return self._begin(base_offset)

    def _begin(self, base_offset: int) -> Segment:
        segment = Segment.open(self._files, self.directory, base_offset, create=True)
        self._segments.append(segment)
        self.has_gaps |= self.next_offset is not None and base_offset > self.next_offset
        self.next_offset = base_offset
        return segment

    def _seal(self) -> None:
        active = self._segments[-1]
        active.seal()
        active.flush_indexes()  # sealing leaves out what the disk has no room for
        active.sync()
        active.sync_indexes()

    def finish(self) -> int:
        """Write what a broker keeps beside the segments, sync all of it, and return the log's end."""
        if not self._segments:
            self._begin(0)
        self._seal()
        end = self.next_offset or 0
        log = MendedLog(self._segments, end, None, None, self._is_transactional)
        for name, content in self._notes(log).items():
            write_synced(self._files, self.directory / name, [content])
        self._files.sync_directory(self.directory)
        self.close()
        return end

    def _notes(self, log: MendedLog) -> dict[str, bytes]:
        snapshots = make_snapshots(log, log.ends if log.log_end > log.first_offset else (), {})
        notes = {segment_file_name(offset, SNAPSHOT_SUFFIX): content for offset, content in snapshots.items()}
        transactions = mend_transactions(log, {}, Deeds(""))
        notes |= {name: content for name, content in transactions.items() if content is not None}
        epochs = LeaderEpochs()
        observe_epochs(log, epochs)
        return notes | ({LEADER_EPOCH_FILE_NAME: epochs.encode()} if epochs.entries else {})

    def close(self) -> None:
        """Let go of the files."""
        for segment in self._segments:
            segment.close()
