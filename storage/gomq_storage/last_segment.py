"""Bring a log's last segment in order: the only one that a crash may have torn. Part of ``recovery.py``.

What closing the log in order wrote down is believed, if it fits. Otherwise every batch behind the recovery point is
checked, a torn tail cut once it has been copied beside the log, and the indexes brought up to date.
"""

from collections.abc import Callable
from pathlib import Path

from gomq_storage.batch import NO_LEADER_EPOCH, BatchHeader
from gomq_storage.checkpoint import LogCheckpoint
from gomq_storage.config import LogConfig
from gomq_storage.epochs import LeaderEpochs
from gomq_storage.errors import CorruptBatchError, DamagedLogError
from gomq_storage.files import Files
from gomq_storage.segment import Segment
from gomq_storage.segment_scan import CHUNK_BYTES, SegmentScan, is_sound


class LastSegment:
    """The last segment, and what became of it.

    Args:
        files: the file system.
        segment: the segment.
        config: the log's settings.
        checkpoint: what was written down about the log.
        epochs: the leader epochs that are known; those of batches that are looked at are added.
    """

    def __init__(
        self, files: Files, segment: Segment, config: LogConfig, checkpoint: LogCheckpoint, epochs: LeaderEpochs
    ) -> None:
        self.is_promised = True
        """Whether batches behind the recovery point may have been acknowledged as being on the device."""
        self.on_progress: Callable[[int, int], None] | None = None
        self.may_have_gaps = False
        """Whether offsets may be missing, as in a log that was compacted."""
        self.is_clean: bool = False
        """Whether it is as it was when the log was closed in order."""
        self.scanned_bytes: int = 0
        self.cut_bytes: int = 0
        self.is_rebuilt: bool = False
        """Whether its indexes were missing or wrong."""
        self.kept_aside: Path | None = None
        self._files = files
        self._segment = segment
        self._config = config
        self._checkpoint = checkpoint
        self._epochs = epochs

    def recover(self) -> int:
        """Do it, and return the log's end.

        Raises:
            DamagedLogError: good batches may follow a damaged one; no log file was changed.
        """
        segment, clean = self._segment, self._checkpoint.clean_end
        size = segment.size
        if clean is not None and (clean.segment_base_offset, clean.segment_size) == (segment.base_offset, size):
            self.is_clean = self._ends_well(clean.log_end)
            if self.is_clean:
                return clean.log_end
            start = None  # somebody has changed it since: what was known of it is not so any more
        else:
            start = self._place_of_recovery_point()
        if start is not None:
            self.scanned_bytes = size - start
            log_end = self._scan_tail(start)
            if self._resume_indexes() and is_sound(segment, log_end, self._config, may_have_gaps=False):
                return log_end
        self.is_rebuilt = clean is not None or start is not None
        self.scanned_bytes = size
        return self._scan_whole()

    def _ends_well(self, log_end: int) -> bool:
        """Whether the indexes are complete, and the batches behind their last entries whole."""
        segment = self._segment
        if not is_sound(segment, log_end, self._config, may_have_gaps=False):
            return False
        start = segment.offset_index.last.position
        for _, header in segment.headers(start):
            scan = SegmentScan(segment, start=start, expected=header.base_offset, may_have_gaps=False)
            scan.run(lambda _, __: None)
            return scan.problem is None
        return True

    def _place_of_recovery_point(self) -> int | None:
        """Find where in the last segment the recovery point is, by the index and the headers; None: not there."""
        segment = self._segment
        point = self._checkpoint.recovery_point
        if point <= segment.base_offset:
            return None
        try:
            entry = segment.offset_index.look_up(point - 1)
            for position, header in segment.headers(entry.position):
                if position == entry.position > 0 and header.last_offset != entry.offset:
                    return None
                if header.next_offset >= point:
                    return position + header.size if header.next_offset == point else None
        except CorruptBatchError:
            pass
        return None

    def _scan_tail(self, start: int) -> int:
        """Check what is behind the recovery point, where it is in this segment."""
        segment = self._segment
        point, size = self._checkpoint.recovery_point, segment.size
        epoch = max((each.epoch for each in self._epochs.entries if each.start_offset < point), default=NO_LEADER_EPOCH)
        scan = SegmentScan(segment, start=start, expected=point, leader_epoch=epoch, may_have_gaps=self.may_have_gaps)
        scan.run(self._note_epoch, progress=self._progress(size - start))
        self._cut_torn_tail(scan)
        return scan.next_offset

    def _resume_indexes(self) -> bool:
        """Keep what the indexes say of what is before the recovery point, if it is so, and go on from there."""
        segment = self._segment
        segment.cut_indexes(self._checkpoint.recovery_point)
        largest, last = segment.largest, segment.offset_index.last
        try:
            largest_at = segment.position_of(largest)
            if largest_at is None:
                return False
            for position, header in segment.headers(largest_at):
                if position > last.position or not len(segment.offset_index):
                    break
                if header.max_timestamp > largest.timestamp:
                    return False  # each entry of the one index was to be told to the other
        except CorruptBatchError:
            return False
        # From the last entry on: what is between it and the recovery point may have brought the largest timestamp.
        for position, header in segment.headers(last.position):
            segment.note(header, position, config=self._config)
        return True

    def _scan_whole(self) -> int:
        """Check the whole segment and write its indexes anew."""
        segment = self._segment
        size = segment.size
        scan = SegmentScan(segment, start=0, expected=segment.base_offset, may_have_gaps=self.may_have_gaps)

        def visit(header: BatchHeader, position: int) -> None:
            self._note_epoch(header, position)
            segment.note(header, position, config=self._config)

        segment.begin_rebuilding()
        try:
            scan.run(visit, progress=self._progress(size))
        finally:
            segment.size = size
        self._cut_torn_tail(scan)
        segment.finish_rebuilding()
        return scan.next_offset

    def _cut_torn_tail(self, scan: SegmentScan) -> None:
        segment = self._segment
        if scan.problem is None:
            return
        may_be_good = self.is_promised or scan.next_offset < self._checkpoint.recovery_point
        if may_be_good and (later := scan.valid_batch_behind()) is not None:
            reason = f"{scan.problem.reason}; a valid batch follows at byte {later}"
            raise DamagedLogError(segment.path, scan.end, reason)
        self.kept_aside = _keep_aside(self._files, segment, scan.end)
        self.cut_bytes = segment.size - scan.end
        segment.cut(scan.end)

    def _note_epoch(self, header: BatchHeader, _: int) -> None:
        self._epochs.observe(header.leader_epoch, header.base_offset, header.last_offset)

    def _progress(self, total: int) -> Callable[[int], None] | None:
        report, done = self.on_progress, 0
        if report is None:
            return None

        def progress(more: int) -> None:
            nonlocal done
            done += more
            report(done, total)

        return progress


def _keep_aside(files: Files, segment: Segment, position: int) -> Path | None:
    """Copy what is about to be cut to a file beside the log, unless it is nothing but zeros."""
    size = segment.size
    if not any(segment.read(start, CHUNK_BYTES).strip(b"\0") for start in range(position, size, CHUNK_BYTES)):
        return None
    target = segment.path.with_name(f"{segment.path.name}.torn-{position}")
    copy = files.open(target, create=True)
    try:
        copy.truncate(0)
        for start in range(position, size, CHUNK_BYTES):
            copy.write(start - position, [segment.read(start, min(CHUNK_BYTES, size - start))])
        copy.sync()
    finally:
        copy.close()
    files.sync_directory(target.parent)
    return target
