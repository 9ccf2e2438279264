"""A log in memory beside what it should hold: for state machines, which find the sequence that makes them differ."""

from bisect import bisect_right
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

from gomq_storage.batch import NO_LEADER_EPOCH
from gomq_storage.checkpoint import Checkpoints
from gomq_storage.config import LogConfig
from gomq_storage.errors import LogOfflineError
from gomq_storage.layout import TopicPartition
from gomq_storage.log import Log
from gomq_storage.log_values import AppendResult
from gomq_storage.record import decode_batch
from gomq_storage.recovery import RecoveryReport
from gomq_storage.upkeep import Upkeep
from tests.support.log_batches import produced, whole_batches
from tests.support.memory_files import MemoryFiles

NAME = TopicPartition("orders", 0)
UNKNOWN = -1
"""A producer id for batches that are not idempotent."""


class ModelBatch(NamedTuple):
    """A batch that was appended."""

    base_offset: int
    records: list[tuple[int, bytes]]
    """Timestamps and values."""
    epoch: int
    producer_id: int
    sequence: int
    content: bytes
    """As it was sent."""

    @property
    def end(self) -> int:
        return self.base_offset + len(self.records)


class ModelledLog:
    """A log, its batches, and how many offsets are on the device for good.

    Attributes:
        batches: all from offset 0 on, those in front of the log's start too.
        start: the log's start.
        promised: the offset up to which everything was synced.
        producers: the batches of each that the log must know of, oldest first.
    """

    def __init__(self, files: MemoryFiles, config: LogConfig) -> None:
        self.files = files
        self.config = config
        self.batches: list[ModelBatch] = []
        self.start = 0
        self.promised = 0
        self.producers: dict[int, list[ModelBatch]] = {}
        self.upkeep: Upkeep
        self.checkpoints: Checkpoints
        self._next_producer = 1
        self.log: Log
        self.open()

    @property
    def end(self) -> int:
        return self.batches[-1].end if self.batches else 0

    def open(self) -> None:
        """Open the log with the checkpoints of its folder."""
        self.checkpoints = Checkpoints.take(self.files, self.files.root)
        self.upkeep = Upkeep(self.checkpoints)
        self.log = Log.open(self.files.root, self.config, files=self.files, checkpoints=(self.checkpoints, NAME))

    def close(self) -> None:
        """Close the log in order, as a broker does."""
        end = self.log.close()
        self.checkpoints.save_recovery_points()
        self.checkpoints.save_log_starts()
        if end is not None:
            self.checkpoints.save_clean_shutdown({NAME: end})
        self.promised = self.end

    def new_batch(self, records: list[tuple[int, bytes]], producer_id: int) -> ModelBatch:
        """Make the batch that would follow."""
        sent = self.producers.get(producer_id, [])
        sequence = sent[-1].sequence + len(sent[-1].records) if sent else 0
        if producer_id == UNKNOWN:
            sequence = -1
        content = produced(records, producer_id=producer_id, sequence=sequence)
        return ModelBatch(self.end, records, max(self.log.epochs.latest, 0), producer_id, sequence, content)

    def append(self, batch: ModelBatch) -> None:
        """Append a batch to the log and, if it takes it, to the model."""
        result = self.log.append(batch.content)
        assert result == AppendResult(batch.base_offset, batch.end - 1)
        self.batches.append(batch)
        if batch.producer_id != UNKNOWN:
            self.producers.setdefault(batch.producer_id, []).append(batch)

    def new_producer(self) -> int:
        """Choose an id that no batch had."""
        self._next_producer += 1
        self.producers[self._next_producer] = []
        return self._next_producer

    def retry(self, producer_id: int) -> None:
        """Send a producer's last batch again: the answer is the first one's."""
        last = self.producers[producer_id][-1]
        result = self.log.append(last.content)
        assert result == AppendResult(last.base_offset, last.end - 1, is_duplicate=True)

    def flush(self) -> None:
        assert self.log.flush() == self.log.end
        self.promised = self.end

    def truncated_end(self, offset: int) -> int:
        """Say where the log ends once it was cut off at an offset."""
        return next((batch.base_offset for batch in self.batches if batch.end > offset), self.end)

    def cut(self, end: int) -> None:
        """Forget the batches from an offset on."""
        self.batches = [batch for batch in self.batches if batch.end <= end]
        self.promised = min(self.promised, end)
        self.start = min(self.start, end)
        self.forget_producers(end)

    def forget_producers(self, end: int) -> None:
        """Forget what the log may have forgotten: batches behind its end, and producers of which it has none."""
        for producer_id, sent in list(self.producers.items()):
            left = [batch for batch in sent if batch.end <= end]
            if left and left[-1].end > self.start:
                self.producers[producer_id] = left
            else:
                del self.producers[producer_id]

    def interrupt(self, operation: Callable[[], object], *, after: int) -> None:
        """Let every call fail from the one of that number on, as if the process were gone."""
        self.files.fail_call(self.files.calls + after, forever=True)
        with suppress(OSError, LogOfflineError):
            operation()
        self.files.fail_when(None)

    def reopen_unclean(self, *, lowest: int, also: ModelBatch | None = None, starts: set[int] | None = None) -> None:
        """Open the log after a kill or power cut, and see that it is what it may be.

        Args:
            lowest: it must reach this offset.
            also: a batch that it may hold though the model does not.
            starts: where the log may start, if not where it did.
        """
        self.log.abandon()
        self.open()
        if also is not None and self.log.log_end == also.end:
            self.batches.append(also)
            if also.producer_id != UNKNOWN:
                self.producers.setdefault(also.producer_id, []).append(also)
        end = self.log.log_end
        assert lowest <= end <= self.end
        assert end in {0, *(batch.end for batch in self.batches)}
        assert self.log.log_start in (starts or {self.start})
        self.start = self.log.log_start
        self.cut(end)
        self.check()
        self._open_again()
        self.log.begin_epoch(self.log.epochs.latest + 1)
        self.flush()

    def _open_again(self) -> None:
        """What was repaired needs no repair the next time."""
        before = self.logs()
        self.log.abandon()
        self.open()
        assert self.log.recovery == RecoveryReport()
        assert (self.logs(), self.log.log_end, self.log.log_start) == (before, self.end, self.start)

    def logs(self) -> dict[str, bytes]:
        """Look at all log files, those that are no part of the log too."""
        return {name: data for name, data in self.files.snapshot(self.files.root).items() if ".log" in name}

    def check(self) -> None:
        """Read everything: it is the model's, in epochs that never fall, and none is too new for what is appended."""
        assert (self.log.log_start, self.log.log_end) == (self.start, self.end)
        found = list(whole_batches(self.log))
        first = bisect_right(self.batches, self.start, key=lambda batch: batch.end)
        expected = self.batches[first:]
        assert [header.base_offset for header, _ in found] == [batch.base_offset for batch in expected]
        for (header, content), batch in zip(found, expected, strict=True):
            assert [(each.timestamp, each.value) for each in decode_batch(content, header)] == batch.records
            assert header.leader_epoch == batch.epoch
            if batch.base_offset >= self.start:
                assert self.log.epochs.at(batch.base_offset) in {batch.epoch, NO_LEADER_EPOCH}
        if expected:
            assert self.log.epochs.latest >= expected[-1].epoch
