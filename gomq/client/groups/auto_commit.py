"""Which offsets are to be committed without being asked to: those that have changed since."""

from collections.abc import Collection, Mapping

from gomq.client.groups.offsets import OffsetAndMetadata
from gomq_storage.layout import TopicPartition


class CommitLedger:
    """What is committed already."""

    def __init__(self) -> None:
        self._committed: dict[TopicPartition, int] = {}

    def changed(
        self, points: Mapping[TopicPartition, OffsetAndMetadata], among: Collection[TopicPartition]
    ) -> dict[TopicPartition, OffsetAndMetadata]:
        """Say what is to be committed now.

        Args:
            points: how far everything is processed.
            among: the partitions that may be committed.
        """
        return {
            partition: point
            for partition, point in points.items()
            if partition in among and self._committed.get(partition) != point.offset
        }

    def note(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Remember what is committed."""
        self._committed.update(offsets)

    def forget(self, partitions: Collection[TopicPartition]) -> None:
        """These are somebody else's."""
        for partition in partitions:
            self._committed.pop(partition, None)
