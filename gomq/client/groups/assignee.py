"""What a membership needs of whoever reads the partitions."""

from collections.abc import Mapping
from typing import Protocol

from gomq.client.groups.offsets import CommittedOffset, OffsetAndMetadata
from gomq_storage.layout import TopicPartition


class Assignee(Protocol):
    """Reads what the group gives it."""

    def topics(self) -> Mapping[str, int]:
        """Say what is subscribed to now: each topic and how many partitions it is known to have."""
        ...

    async def assigned(self, added: Mapping[TopicPartition, CommittedOffset | None]) -> None:
        """Begin with new partitions, each at its committed offset, None where there is none; perhaps with none."""
        ...

    async def revoked(self, partitions: frozenset[TopicPartition]) -> None:
        """Finish what is in hand of these and begin with no more of it.

        ``commit_points`` has their last word from when this returns until they are ``released``. ``lost`` may be called
        meanwhile.
        """
        ...

    def released(self, partitions: frozenset[TopicPartition]) -> None:
        """Drop these, which were revoked: they are somebody else's now."""
        ...

    def lost(self, partitions: frozenset[TopicPartition]) -> None:
        """Drop these at once: somebody else may have them already."""
        ...

    def commit_points(self) -> Mapping[TopicPartition, OffsetAndMetadata]:
        """Say the next offset of each partition, all messages before which are processed."""
        ...
