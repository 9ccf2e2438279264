"""Hold a ``leader-epoch-checkpoint`` against the batches of its log. Kafka: ``LeaderEpochFileCache``.

Each batch must lie in the epoch that it is stamped with. Of the last segment newer epochs may not be written down yet:
a broker learns of them from the batches.
"""

from bisect import bisect_right

from gomq_dump.findings import Complain, Finding, Problem
from gomq_storage.batch import BatchHeader
from gomq_storage.epochs import EpochStart, LeaderEpochs

_NO_OFFSET = 1 << 63


class EpochCheck:
    """The leader epochs of one log.

    Args:
        epochs: what the file says.
        complain: takes what is wrong with that file.
    """

    def __init__(self, epochs: LeaderEpochs, complain: Complain) -> None:
        self.epoch: int = -2
        """That of the batch in front; ``meet`` must be told of one of another, and of one that reaches ``until``."""
        self.until: int = 0
        """Where the next epoch begins, by the file."""
        self._entries = epochs.entries
        self._complain = complain
        self._complained: set[int] = set()

    def meet(self, header: BatchHeader, *, is_last_segment: bool) -> None:
        """Go on with a batch of another epoch than the one in front, or that reaches ``until``."""
        following = bisect_right(self._entries, header.last_offset, key=_start_offset)
        self.epoch = header.leader_epoch
        self.until = self._entries[following].start_offset if following < len(self._entries) else _NO_OFFSET
        if self.epoch < 0 or not following:
            return  # of what is in front of the first epoch nothing is written down
        expected, start_offset = self._entries[following - 1]
        is_within = start_offset <= header.base_offset or following == 1  # the log may start within a batch
        if expected == self.epoch and is_within:
            return
        if is_last_segment and self.epoch > self._entries[-1].epoch:
            return
        if self.epoch not in self._complained:
            self._complained.add(self.epoch)
            message = f"the batch at offset {header.base_offset} lies in another epoch than it is stamped with"
            finding = Finding(
                problem=Problem.EPOCH_CHECKPOINT, position=0, message=message, expected=self.epoch, found=expected
            )
            self._complain(finding)

    def finish(self, log_end: int) -> None:
        """The log ends here; no epoch begins behind."""
        if self._entries and self._entries[-1].start_offset > log_end:
            message = f"epoch {self._entries[-1].epoch} begins behind the end of the log"
            self._complain(
                Finding(
                    problem=Problem.EPOCH_CHECKPOINT, position=0, message=message,
                    expected=f"at most {log_end}", found=self._entries[-1].start_offset,
                )
            )  # fmt: skip


def _start_offset(entry: EpochStart) -> int:
    return entry.start_offset
