"""Open a log's folder: mend what a crash may have left, and read what the log must know. Kafka: ``LogLoader``.

1. Finish the swaps of compactions, or undo them; remove what was being deleted (``swap.py``).
2. Check that the last segment ends where it did at a clean stop. If so, nothing is scanned; if not:
   a. scan it from the recovery point on, CRCs too;
   b. cut a torn tail, after copying what is cut to ``<base offset>.log.torn-<position>``; bring its indexes up to date.
3. Check each sealed segment that is not wholly below the recovery point: through its indexes it must end where the
   next one begins. Where it does not, scan it and rebuild its indexes. (The others are checked at their first use.)
4. Read the producers' state from the newest good snapshot and the batches behind it.
5. Remove the segments below the log's start, and index files and snapshots that belong to nothing.
6. Read the leader epochs.

A single broker has no replica to fetch from, so nothing is cut that may be good: where a valid batch follows a
damaged one, or a sealed segment is damaged, opening fails with ``DamagedLogError`` and the log files stay as they are.
But where nobody was promised that appended batches are on the device (``is_promised``), a power cut may have left some
and not others in front of them: then all behind the damage is cut, and kept aside, if it is behind the recovery point.
Interrupted at any point, the next opening does the same again.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from gomq_storage.checkpoint import LogCheckpoint
from gomq_storage.config import LogConfig
from gomq_storage.epochs import EpochStart, LeaderEpochs
from gomq_storage.errors import CorruptBatchError, CorruptFileError, DamagedLogError, StorageError
from gomq_storage.files import Files, read_whole
from gomq_storage.last_segment import LastSegment
from gomq_storage.layout import (
    LEADER_EPOCH_FILE_NAME,
    LOG_SUFFIX,
    OFFSET_INDEX_SUFFIX,
    TIME_INDEX_SUFFIX,
    parse_segment_file_name,
    parse_snapshot_file_name,
    segment_file_name,
)
from gomq_storage.producer_recovery import recover_producers, secure_producers
from gomq_storage.producers import Producers
from gomq_storage.segment import Segment
from gomq_storage.segment_scan import is_sound, rebuild_indexes
from gomq_storage.swap import finish_swaps

_MAX_EPOCHS_BYTES = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveryReport:
    """What opening a log had to do; it equals ``RecoveryReport()`` where there was nothing to repair."""

    was_clean: bool = field(default=False, compare=False)
    """Whether the log had been closed cleanly, and is as it was then."""
    scanned_bytes: int = field(default=0, compare=False)
    """Bytes of the last segment whose batches were checked."""
    truncated_bytes: int = 0
    """Bytes cut off the last segment's end."""
    kept_aside: Path | None = field(default=None, compare=False)
    """Where they were copied to; None where they were nothing but zeros."""
    rebuilt_segments: int = 0
    """Segments whose indexes were missing or wrong."""
    finished_swaps: int = 0
    """Compactions that were done but for the renaming of files."""
    removed_files: int = 0
    """Files that belonged to nothing; not those of segments that waited for their deletion."""
    missing_offsets: int = field(default=0, compare=False)
    """By how much the log ends in front of its recovery point: so many messages were there once, and are lost."""


class Recovered(NamedTuple):
    """A log's parts."""

    segments: tuple[Segment, ...]
    """Oldest first, at least one."""
    log_start: int
    log_end: int
    producers: Producers
    epochs: LeaderEpochs
    saved_epochs: tuple[EpochStart, ...] | None
    """What their file has; None where it must be written anew."""
    report: RecoveryReport


def recover(
    files: Files,
    directory: Path,
    *,
    config: LogConfig,
    checkpoint: LogCheckpoint,
    is_promised: bool = True,
    on_progress: Callable[[int, int], None] | None = None,
) -> Recovered:
    """Open all segments of a log, mending what can be mended.

    Args:
        files: the file system.
        directory: the log's folder.
        config: its settings.
        checkpoint: what was written down about it.
        is_promised: whether batches behind the recovery point may have been acknowledged as being on the device.
        on_progress: told, while segments are scanned, how many bytes are done and how many there are in this one.

    Raises:
        DamagedLogError: data would be lost; nothing of it was touched.
    """
    recovery = _Recovery(files, directory, config, checkpoint)
    recovery.is_promised = is_promised
    recovery.on_progress = on_progress
    return recovery.run()


class _Recovery:
    """The passes, and what they share."""

    def __init__(self, files: Files, directory: Path, config: LogConfig, checkpoint: LogCheckpoint) -> None:
        self.files = files
        self.directory = directory
        self.config = config
        self.checkpoint = checkpoint
        self.is_promised = True
        self.on_progress: Callable[[int, int], None] | None = None
        self.may_have_gaps = config.is_compacted or checkpoint.first_dirty is not None
        saved = _read_epochs(files, directory)
        self.saved_epochs = saved.entries if saved is not None else None
        self.epochs = saved or LeaderEpochs()
        self.rebuilt = self.removed = 0

    def run(self) -> Recovered:
        swaps = finish_swaps(self.files, self.directory)
        segments = self._open_segments()
        try:
            self._learn_unchecked_epochs(segments)
            last = LastSegment(self.files, segments[-1], self.config, self.checkpoint, self.epochs)
            last.is_promised, last.on_progress = self.is_promised, self.on_progress
            last.may_have_gaps = self.may_have_gaps
            log_end = last.recover()
            log_start = self._log_start(segments, log_end)
            doomed = [first for first, second in pairwise(segments) if second.base_offset <= log_start]
            kept = segments[len(doomed) :]
            for segment, following in pairwise(kept):
                self._check_sealed(segment, following)
            producers = self._recover_producers(doomed, kept, log_end)
            self._remove_leftovers(doomed, kept, log_end)
            self._learn_last_epoch(kept)
        except BaseException as error:
            for segment in segments:
                segment.close()
            if isinstance(error, CorruptBatchError):  # its header, on the way to what producers wrote
                raise DamagedLogError(error.path or self.directory, error.position, error.reason) from error
            raise
        self.epochs.cut_end(log_end + 1)  # one that begins at the end stays: clients have been told of it
        self.epochs.cut_start(log_start)
        report = RecoveryReport(
            was_clean=last.is_clean,
            scanned_bytes=last.scanned_bytes,
            truncated_bytes=last.cut_bytes,
            kept_aside=last.kept_aside,
            rebuilt_segments=self.rebuilt + last.is_rebuilt,
            finished_swaps=swaps.finished,
            removed_files=self.removed + swaps.removed,
            missing_offsets=max(self.checkpoint.recovery_point - log_end, 0),
        )
        return Recovered(tuple(kept), log_start, log_end, producers, self.epochs, self.saved_epochs, report)

    def _open_segments(self) -> list[Segment]:
        sizes = self.files.sizes(self.directory)
        parsed = sorted(each for name in sizes if (each := parse_segment_file_name(name)) is not None)
        bases = [base for base, suffix in parsed if suffix == LOG_SUFFIX]
        if not bases and self.checkpoint.recovery_point > self.checkpoint.log_start:
            reason = f"there is no log file, and there were messages up to offset {self.checkpoint.recovery_point}"
            raise DamagedLogError(self.directory, 0, reason)
        if not bases:
            return [Segment.open(self.files, self.directory, self.checkpoint.log_start, create=True)]
        for base in bases:
            for suffix in (OFFSET_INDEX_SUFFIX, TIME_INDEX_SUFFIX):
                if (name := segment_file_name(base, suffix)) not in sizes:
                    self.files.open(self.directory / name, create=True).close()
        return [Segment.open(self.files, self.directory, base, size=sizes[segment_file_name(base)]) for base in bases]

    def _log_start(self, segments: list[Segment], log_end: int) -> int:
        log_start = max(self.checkpoint.log_start, segments[0].base_offset)
        if log_start > log_end:
            last = segments[-1]
            reason = f"the log ends at offset {log_end} and should start at {log_start}"
            raise DamagedLogError(last.path, last.size, reason)
        return log_start

    def _check_sealed(self, segment: Segment, following: Segment) -> None:
        end = following.base_offset
        if end <= self.checkpoint.recovery_point and following.size:  # else it is needed for the last leader epoch
            return
        if not is_sound(segment, end, self.config, may_have_gaps=self.may_have_gaps):
            rebuild_indexes(segment, end, self.config, may_have_gaps=self.may_have_gaps)
            self.rebuilt += 1
        segment.is_checked = True

    def _recover_producers(self, doomed: list[Segment], kept: list[Segment], log_end: int) -> Producers:
        """Find out what producers have written; the segments that are to go may be the only ones to tell."""
        if doomed:
            with suppress(StorageError):  # damage in them is none of the log
                producers = recover_producers(self.files, self.directory, [*doomed, *kept], log_end=log_end)
                secure_producers(self.files, self.directory, producers, base_offset=kept[0].base_offset)
                return producers
        return recover_producers(self.files, self.directory, kept, log_end=log_end)

    def _remove_leftovers(self, doomed: list[Segment], kept: list[Segment], log_end: int) -> None:
        """Remove the segments below the log's start, indexes without a log, and snapshots of what is not there."""
        for segment in doomed:
            segment.remove(self.files)
            self.removed += 1
        bases = {segment.base_offset for segment in kept}
        removed = self.removed
        for name in self.files.names(self.directory):
            parsed, snapshot = parse_segment_file_name(name), parse_snapshot_file_name(name)
            if (parsed is not None and parsed[0] not in bases) or (snapshot is not None and snapshot > log_end):
                self.files.remove(self.directory / name)
                self.removed += 1
        if self.removed > removed:  # a snapshot must not be back once the log has reached its offset
            self.files.sync_directory(self.directory)

    def _learn_unchecked_epochs(self, segments: list[Segment]) -> None:
        """Take account of sealed segments behind the recovery point: a cut that did not end has written down less."""
        for segment, following in pairwise(segments):
            if following.base_offset > self.checkpoint.recovery_point:
                with suppress(CorruptBatchError):  # who reads it as a whole says so
                    for _, header in segment.headers(0):
                        self.epochs.observe(header.leader_epoch, header.base_offset, header.last_offset)

    def _learn_last_epoch(self, segments: list[Segment]) -> None:
        """See that no older leader epoch is given to what is appended, whatever became of the epochs' own file."""
        for segment in reversed(segments):
            if segment.size:
                for _, header in segment.headers(segment.offset_index.last.position):
                    self.epochs.observe(header.leader_epoch, header.base_offset, header.last_offset)
                return


def _read_epochs(files: Files, directory: Path) -> LeaderEpochs | None:
    """Read the leader epochs; None where their file is missing or damaged: what the batches tell must do."""
    with suppress(CorruptFileError, FileNotFoundError):
        return LeaderEpochs.decode(read_whole(files, directory / LEADER_EPOCH_FILE_NAME, max_bytes=_MAX_EPOCHS_BYTES))
    return None
