"""The partition of each message: the one that it names, that of its key, or the one whose turn it is."""

from gomq.client.cluster.metadata import TopicMetadata
from gomq.client.producing.accumulator import Accumulator
from gomq.client.producing.partitioner import STICKY_BYTES, StickyPartitioner, partition_of_key
from gomq.errors import UnknownTopicError
from gomq_storage.layout import TopicPartition


def checked_partition(partition: int | None) -> int | None:
    """Take a partition's number, or none; nothing that only looks like a number."""
    if partition is None or isinstance(partition, int):
        return partition
    raise TypeError(f"a partition is a whole number, not {type(partition).__name__}")


class Choice:
    """Chooses partitions.

    Args:
        accumulator: knows which batches are filling.
        max_batch_bytes: when they are full.
    """

    def __init__(self, accumulator: Accumulator, *, max_batch_bytes: int) -> None:
        self._accumulator = accumulator
        self._sticky_bytes = min(STICKY_BYTES, max_batch_bytes)
        self._sticky: dict[str, StickyPartitioner] = {}
        self._only: dict[str, TopicPartition] = {}

    def target(self, topic: TopicMetadata, key: bytes | None, partition: int | None, size: int) -> TopicPartition:
        """Decide where a message goes.

        Args:
            topic: as the brokers describe it now.
            key: decides where no partition is named.
            partition: the one that is named, if any.
            size: how many bytes it takes, or a whole batch of messages.

        Raises:
            UnknownTopicError: there is no such partition.
        """
        count = len(topic.partitions)
        if partition is not None:
            if not 0 <= partition < count:
                raise UnknownTopicError(f"topic {topic.name!r} has no partition {partition}, only 0 to {count - 1}")
        elif count == 1:
            return self._only.get(topic.name) or self._only.setdefault(topic.name, TopicPartition(topic.name, 0))
        elif key is not None:
            partition = partition_of_key(key, count)
        else:
            partition = self._next(topic, size)
        return TopicPartition(topic.name, partition)

    def _next(self, topic: TopicMetadata, size: int) -> int:
        sticky = self._sticky.get(topic.name)
        if sticky is None:
            sticky = self._sticky[topic.name] = StickyPartitioner(sticky_bytes=self._sticky_bytes)
        return sticky.choose(
            len(topic.partitions),
            size,
            is_filling=lambda partition: self._accumulator.is_filling(TopicPartition(topic.name, partition)),
            has_leader=lambda partition: topic.partitions[partition].leader is not None,
        )
