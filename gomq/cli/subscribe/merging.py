"""Messages of several partitions in the order of their timestamps, for a replay in the original timing. Values only."""

from math import inf

from gomq.cli.subscribe.pacing import Pacing
from gomq.client import Batch
from gomq_storage.layout import TopicPartition


class Merging:
    """What was read of each partition and is not printed yet: one batch of each is enough to know which is next.

    Args:
        pacing: when a message is due.
    """

    def __init__(self, pacing: Pacing) -> None:
        self._pacing = pacing
        self._waiting: dict[TopicPartition, Batch] = {}

    def __bool__(self) -> bool:
        """Whether anything waits."""
        return bool(self._waiting)

    def __contains__(self, partition: TopicPartition) -> bool:
        """Whether messages of a partition are here; then no more of them are needed."""
        return partition in self._waiting

    def add(self, batch: Batch) -> None:
        """Take messages of a partition of which there are none here."""
        self._waiting[TopicPartition(batch.topic, batch.partition)] = batch

    def wait(self, now: float) -> float:
        """Say how many seconds there are until the next message is due; a pause that is too long is shortened."""
        timestamp = min(batch.timestamps[0] for batch in self._waiting.values())
        self._pacing.shorten(timestamp, now)
        return self._pacing.wait(timestamp, now)

    def take(self, now: float) -> Batch:
        """Return messages that are due, of one partition, the earliest; at least one, so ask for the wait before."""
        heads = sorted((batch.timestamps[0], partition) for partition, batch in self._waiting.items())
        partition = heads[0][1]
        batch = self._waiting.pop(partition)
        others = heads[1][0] if len(heads) > 1 else inf
        count = 1
        for timestamp in batch.timestamps[1:]:
            if timestamp > others or self._pacing.wait(timestamp, now):
                break
            count += 1
        if count < len(batch):
            self._waiting[partition] = batch.part(count)
        return batch.part(0, count)
