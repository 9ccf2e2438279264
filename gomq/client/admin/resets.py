"""What resetting a group's offsets would do, partition by partition: decided here, and done elsewhere. Values only.

Kafka: ``ConsumerGroupCommand.prepareOffsetsToReset``. An offset that a partition does not have is moved to its nearest
end, and the row says so; where no message is so late as a time, the end is taken.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from gomq.client.admin.offsets import OffsetBounds
from gomq.client.consuming.start import Start, checked_start
from gomq.errors import ConfigurationError
from gomq_storage.layout import TopicPartition

Target: TypeAlias = Start | Mapping[TopicPartition, Start]
"""Where a group is to go on: the same for all partitions, or one for each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reset:
    """What somebody wants of a group's offsets.

    Raises:
        ConfigurationError: it says something twice, or not at all, or names nothing to go on at.
    """

    group_id: str
    topics: Collection[str] | None = None
    """All partitions of these are meant."""
    partitions: Collection[TopicPartition] | None = None
    """These are meant; where topics are not named either, those for which the group has committed."""
    to: Target | None = None
    """Where to go on; a mapping says which partitions are meant, too."""
    shift: int | None = None
    """How many offsets to go forward from what is committed or, below 0, back; instead of ``to``."""

    def __post_init__(self) -> None:
        named = (self.topics, self.partitions, self.to if isinstance(self.to, Mapping) else None)
        if sum(each is not None for each in named) > 1:
            raise ConfigurationError(
                "topics, partitions and a mapping say which partitions are meant: give one of them"
            )
        if (self.to is None) == (self.shift is None):
            raise ConfigurationError("say where the group is to go on: either to=... or shift=...")
        if isinstance(self.to, Mapping):
            for partition, start in self.to.items():
                checked_start(start, f"to[{partition}]")
        elif self.to is not None:
            checked_start(self.to, "to")
        elif not isinstance(self.shift, int) or isinstance(self.shift, bool):
            raise ConfigurationError(f"shift is a number of offsets, forward or, below 0, back, not {self.shift!r}")

    @property
    def named_partitions(self) -> Collection[TopicPartition] | None:
        """The partitions that are meant, where they are named one by one."""
        return self.to if isinstance(self.to, Mapping) else self.partitions

    def starts(self, scope: Iterable[TopicPartition]) -> Mapping[TopicPartition, Start]:
        """Say where each partition is to go on; there is no ``shift`` then."""
        if isinstance(self.to, Mapping):
            return self.to
        assert self.to is not None  # or else there is a shift
        return dict.fromkeys(scope, self.to)


@dataclass(frozen=True, slots=True, kw_only=True)
class ResetRow:
    """What a reset does to one partition."""

    topic: str
    partition: int
    current: int | None
    """The offset that is committed now; None for none."""
    new: int
    """The offset that would be committed."""
    wanted: int | None
    """The offset that was meant; None where no message is so late as the time that was."""
    beginning_offset: int
    """Offset of the first message kept."""
    end_offset: int
    """Offset behind the last message."""

    @property
    def is_clamped(self) -> bool:
        """Whether the partition does not have the offset that was meant, so that its nearest end was taken."""
        return self.wanted is not None and self.wanted != self.new

    @property
    def is_change(self) -> bool:
        """Whether that differs from what is committed now."""
        return self.new != self.current

    @property
    def topic_partition(self) -> TopicPartition:
        """Which partition it is."""
        return TopicPartition(self.topic, self.partition)


@dataclass(frozen=True, slots=True, kw_only=True)
class ResetPlan:
    """What a reset does to a group, as far as is known when it is planned."""

    group_id: str
    rows: tuple[ResetRow, ...]
    """By topic and partition."""


def shifted(
    partitions: Iterable[TopicPartition], committed: Mapping[TopicPartition, int], shift: int
) -> dict[TopicPartition, int]:
    """Say which offsets are meant by going so far forward, or back.

    Raises:
        ConfigurationError: nothing was committed for a partition.
    """
    wanted: dict[TopicPartition, int] = {}
    for partition in partitions:
        if partition not in committed:
            raise ConfigurationError(
                f"{partition} cannot be shifted: nothing is committed for it; say where to go on there, or leave it out"
            )
        wanted[partition] = committed[partition] + shift
    return wanted


def plan(
    group_id: str,
    wanted: Mapping[TopicPartition, int | None],
    *,
    committed: Mapping[TopicPartition, int],
    bounds: Mapping[TopicPartition, OffsetBounds],
) -> ResetPlan:
    """Make a plan.

    Args:
        group_id: the group.
        wanted: the offset that is meant in each partition; None where no message is so late.
        committed: what is committed now.
        bounds: what the partitions hold.
    """
    rows = (
        _row(partition, wanted[partition], committed.get(partition), bounds[partition]) for partition in sorted(wanted)
    )
    return ResetPlan(group_id=group_id, rows=tuple(rows))


def _row(partition: TopicPartition, wanted: int | None, current: int | None, bounds: OffsetBounds) -> ResetRow:
    beginning, end = bounds
    new = end if wanted is None else min(max(wanted, beginning), end)
    return ResetRow(
        topic=partition.topic,
        partition=partition.partition,
        current=current,
        new=new,
        wanted=wanted,
        beginning_offset=beginning,
        end_offset=end,
    )
