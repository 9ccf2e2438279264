"""What is written down beside a log's segments: its lines in the checkpoints, its leader epochs, its producers.

All of it tells the next opening what the segments alone would not, or only after reading all of them. Who calls keeps
others from calling at the same time; the checkpoints themselves are shared with other logs.
"""

from collections.abc import Container
from pathlib import Path
from typing import Final

from gomq_storage.checkpoint import Checkpoints, CleanEnd, LogCheckpoint
from gomq_storage.epochs import EpochStart, LeaderEpochs
from gomq_storage.files import Files, write_atomically
from gomq_storage.layout import LEADER_EPOCH_FILE_NAME, TopicPartition
from gomq_storage.producer_recovery import remove_snapshots, snapshot_offsets, write_snapshot
from gomq_storage.producers import Producers

ALONE: Final = TopicPartition("log", 0)
"""What a log that is no part of a data directory is called in the checkpoints of its own folder."""


class LogNotes:
    """The notes of one log.

    Args:
        files: the file system.
        directory: the log's folder.
        checkpoints: where the recovery point and the log's start are written down.
        name: what the log is called in there; None: they are its own.
        saved_epochs: the leader epochs that are on file; None where there are none, or they cannot be read.
    """

    def __init__(
        self,
        files: Files,
        directory: Path,
        checkpoints: Checkpoints,
        name: TopicPartition | None,
        saved_epochs: tuple[EpochStart, ...] | None,
    ) -> None:
        self.checkpoints = checkpoints
        self.name: TopicPartition = name or ALONE
        self._files = files
        self._directory = directory
        self._is_alone = name is None
        self._saved_epochs = saved_epochs

    @property
    def checkpoint(self) -> LogCheckpoint:
        """What the checkpoints say of the log."""
        return self.checkpoints.of(self.name)

    def has_saved(self, epochs: LeaderEpochs) -> bool:
        """Whether the leader epochs on file are these."""
        return epochs.entries == self._saved_epochs

    def save_epochs(self, epochs: LeaderEpochs) -> None:
        """Write the leader epochs down, if they are not."""
        entries = epochs.entries
        if entries != self._saved_epochs:
            write_atomically(self._files, self._directory / LEADER_EPOCH_FILE_NAME, epochs.encode())
            self._saved_epochs = entries

    def lower_recovery_point(self, log_end: int) -> None:
        """See that nothing that is appended where something was cut off passes for checked."""
        if self.checkpoint.recovery_point > log_end:
            self.checkpoints.set_recovery_point(self.name, log_end)
            self.checkpoints.save_recovery_points()

    def prepare_cut(self, end: int, *, log_start: int, epochs: LeaderEpochs) -> None:
        """Write down, before a log is cut, what would speak of more than will be left."""
        self.lower_recovery_point(end)
        self.save_epochs(epochs.before(end))
        first_dirty = self.checkpoint.first_dirty
        if first_dirty is not None and first_dirty > end:  # or what takes its place passes for compacted
            self.checkpoints.set_first_dirty(self.name, end)
            self.checkpoints.save_first_dirty()
        if end < log_start:  # it is in the batch that goes
            self.checkpoints.set_log_start(self.name, end)
            self.checkpoints.save_log_starts()

    def forget_behind(self, end: int) -> None:
        """Remove the snapshots of offsets behind a new end, for good: the power must not bring them back."""
        later = [offset for offset in snapshot_offsets(self._files, self._directory) if offset > end]
        remove_snapshots(self._files, self._directory, later)
        self._files.sync_directory(self._directory)

    def write_last_snapshot(self, producers: Producers, *, needed: Container[int]) -> None:
        """Write a snapshot of the log's end, and remove those of other offsets that are not needed."""
        offsets = snapshot_offsets(self._files, self._directory)
        if producers.end not in offsets:
            write_snapshot(self._files, self._directory, producers)
        left = [offset for offset in offsets if offset not in needed and offset != producers.end]
        remove_snapshots(self._files, self._directory, left)

    def leave_in_order(self, end: CleanEnd) -> None:
        """Write down that the log was closed in order, if nobody else does."""
        if self._is_alone:
            self.checkpoints.save_recovery_points()
            self.checkpoints.save_log_starts()
            self.checkpoints.save_clean_shutdown({self.name: end})
