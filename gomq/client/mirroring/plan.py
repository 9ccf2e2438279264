"""What a mirror is about to do, as values, and what a user should know of it first. No I/O."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from gomq.client.admin.configs import ConfigEntry
from gomq.client.mirroring.checkpoints import TopicPair
from gomq.client.mirroring.offset_map import OffsetMap, Point
from gomq.client.mirroring.target import LastWriter
from gomq_storage.layout import TopicPartition

CLEANUP_POLICY: Final = "cleanup.policy"
TIMESTAMP_TYPE: Final = "message.timestamp.type"
LOG_APPEND_TIME: Final = "LogAppendTime"
NOT_COPIED: Final = frozenset({
    "follower.replication.throttled.replicas",
    "leader.replication.throttled.replicas",
    "message.timestamp.after.max.ms",
    "message.timestamp.before.max.ms",
    "message.timestamp.difference.max.ms",
    TIMESTAMP_TYPE,
    "min.insync.replicas",
    "unclean.leader.election.enable",
})  # fmt: skip
"""What is about brokers rather than messages, or would change or refuse old timestamps. MirrorMaker 2 leaves the same
out (``DefaultConfigPropertyFilter``), but for the two that are newer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionPlan:
    """What is to be carried over of a partition."""

    partition: int
    start: Point
    """Where to go on: the first offset of the source that is not at the target, and the target's end."""
    source_beginning: int
    source_end: int
    """As of now; behind the last message that counts."""
    writer: LastWriter | None
    """Whose batches are the last at the target, as far as that is known."""
    offsets: OffsetMap
    """Of what is at the target already."""
    was_checkpointed: bool

    @property
    def offsets_to_copy(self) -> int:
        """How many offsets there are to go; where there are gaps, there are fewer messages."""
        return max(self.source_end - self.position, 0)

    @property
    def position(self) -> int:
        """The first offset of the source to be copied."""
        return max(self.start.source, self.source_beginning)

    @property
    def lost(self) -> int:
        """How many offsets were deleted at the source before they were carried over."""
        is_begun = self.start.target > 0 or self.was_checkpointed
        return max(self.source_beginning - self.start.source, 0) if is_begun else 0

    @property
    def keeps_offsets(self) -> bool:
        """Whether offsets are the same on both sides, so far and, if the source has no gaps, from here on."""
        return (
            self.offsets.keeps_offsets
            and self.start.source >= self.source_beginning
            and self.start.source == self.start.target
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicPlan:
    """What is to be done for a topic."""

    name: str
    source_id: UUID | None
    target_id: UUID | None
    """None where the topic is yet to be created, or the broker is too old to have any."""
    is_new: bool
    """Whether it has to be created at the target."""
    partitions_there: int
    """How many it has at the target; those that it lacks are added."""
    configs: Mapping[str, str]
    """What it is to be created with."""
    partitions: tuple[PartitionPlan, ...]
    notices: tuple[str, ...]

    @property
    def pair(self) -> TopicPair:
        """The topic at both ends."""
        return TopicPair(name=self.name, source_id=self.source_id, target_id=self.target_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class MirrorPlan:
    """What is to be done."""

    source_cluster: str | None
    target_cluster: str | None
    topics: tuple[TopicPlan, ...]
    names: tuple[str, ...]
    """What was asked for: these topics,"""
    pattern: re.Pattern[str] | None
    """and those whose name it matches."""

    @property
    def offsets_to_copy(self) -> int:
        """How many offsets there are to go."""
        return sum(partition.offsets_to_copy for topic in self.topics for partition in topic.partitions)

    def partitions(self) -> Iterator[tuple[TopicPlan, PartitionPlan]]:
        """Go through all partitions."""
        return ((topic, partition) for topic in self.topics for partition in topic.partitions)


def configs_to_copy(configs: Mapping[str, ConfigEntry]) -> dict[str, str]:
    """Choose of a topic's configs those that it is to have at the target, too: what was set for it."""
    return {
        name: entry.value
        for name, entry in configs.items()
        if entry.is_own and entry.value is not None and not entry.is_sensitive and name not in NOT_COPIED
    }


def notices_for(
    name: str,
    source_configs: Mapping[str, ConfigEntry],
    target_configs: Mapping[str, ConfigEntry] | None,
    partitions: Iterable[PartitionPlan],
) -> Iterator[str]:
    """Say what a user should know first.

    Args:
        name: the topic.
        source_configs: those that it has at the source.
        target_configs: those that it has at the target; None where it is to be created.
        partitions: what is to be carried over.
    """
    if target_configs is not None and not keeps_timestamps(target_configs):
        yield (
            f"{name} has {TIMESTAMP_TYPE}={LOG_APPEND_TIME} at the target: its messages get new timestamps. "
            f"Set it to CreateTime there first to keep them"
        )
    elif target_configs is None and not keeps_timestamps(source_configs):
        yield f"{name} is created without {TIMESTAMP_TYPE}={LOG_APPEND_TIME}, so that timestamps are kept"
    partitions = list(partitions)
    shifted = [each for each in partitions if not each.keeps_offsets]
    if shifted:
        first = shifted[0]
        yield (
            f"{name}: offsets are not the same at the target, as the source has gaps or has lost its first messages: "
            f"{TopicPartition(name, first.partition)} goes on with {first.position}, "
            f"which is {first.start.target} there. A checkpoint is kept at the target"
        )
    if len(shifted) < len(partitions) and is_compacted(source_configs):
        yield f"{name} is compacted: behind the first gap offsets will not be the same at the target"
    for each in partitions:
        if each.lost:
            where = TopicPartition(name, each.partition)
            yield (
                f"{where}: offsets {each.start.source} to {each.source_beginning - 1} were deleted at the source "
                "before they were carried over"
            )


def is_compacted(configs: Mapping[str, ConfigEntry]) -> bool:
    """Whether messages go from the middle of a topic's logs."""
    return "compact" in (_value(configs, CLEANUP_POLICY) or "")


def keeps_timestamps(configs: Mapping[str, ConfigEntry]) -> bool:
    """Whether a topic's messages have the timestamps that they are sent with."""
    return _value(configs, TIMESTAMP_TYPE) != LOG_APPEND_TIME


def target_of(topic: TopicPlan, partition: PartitionPlan) -> TopicPartition:
    """Name a partition."""
    return TopicPartition(topic.name, partition.partition)


def _value(configs: Mapping[str, ConfigEntry], name: str) -> str | None:
    entry = configs.get(name)
    return None if entry is None else entry.value
