"""Takes how far consumer groups are over to the target: the same message there, whatever its offset is.

Where gaps were dropped from the map (``OffsetMap.is_thinned``) the messages in front of the offset are counted at the
source. Compaction may have removed some since they were copied: then the offset is too small by as many, and a group
gets these messages again. It is never too large, so that none is passed over.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from gomq.client.admin.resets import ResetPlan
from gomq.client.mirroring.offset_map import OffsetMap
from gomq.client.mirroring.settings import MirrorSettings
from gomq.client.mirroring.side import Ends
from gomq.client.mirroring.source import Messages
from gomq_storage.layout import TopicPartition


@dataclass(frozen=True, slots=True, kw_only=True)
class CopiedOffset:
    """How far a group is in a partition, at both sides."""

    group: str
    topic: str
    partition: int
    source_offset: int
    """What it has committed at the source."""
    target_offset: int
    """What that is at the target."""
    is_ahead: bool
    """Whether it has committed more than is at the target yet."""
    is_further: bool
    """Whether it has gone on at the target already, and stays where it is there."""


class GroupOffsets:
    """Translates and copies committed offsets.

    Args:
        ends: both sides.
        settings: the mirror's.
        offsets: which offset is which, by partition.
    """

    def __init__(self, ends: Ends, settings: MirrorSettings, offsets: Mapping[TopicPartition, OffsetMap]) -> None:
        self._source, self._target = ends
        self._settings = settings
        self._offsets = offsets

    async def copy(self, groups: Iterable[str]) -> list[CopiedOffset]:
        """Commit for groups at the target what they have committed at the source in the partitions that are mirrored.

        Where a group has committed more at the target it stays. Kafka: ``MirrorCheckpointTask`` does the same.

        Args:
            groups: which; they must have no members at the target.

        Raises:
            NonEmptyGroupError: a group has members at the target.
        """
        copied: list[CopiedOffset] = []
        for group in dict.fromkeys(groups):
            found = await self._translate(group)
            copied += found
            if behind := [each for each in found if not each.is_further]:
                await self._target.reset_offsets(await self._plan(group, behind))
        return copied

    async def _plan(self, group: str, found: Iterable[CopiedOffset]) -> ResetPlan:
        wanted = {TopicPartition(each.topic, each.partition): each.target_offset for each in found}
        return await self._target.plan_reset(group, to=wanted)

    async def _translate(self, group: str) -> list[CopiedOffset]:
        committed = await self._source.committed_offsets(group)
        at_target = await self._target.committed_offsets(group) if committed else {}
        found: list[CopiedOffset] = []
        for where, offset in sorted(committed.items()):
            if (offsets := self._offsets.get(where)) is not None:
                target = await self._target_of(where, offsets, offset)
                found.append(
                    CopiedOffset(
                        group=group,
                        topic=where.topic,
                        partition=where.partition,
                        source_offset=offset,
                        target_offset=target,
                        is_ahead=offset > offsets.end.source,
                        is_further=at_target.get(where, -1) > target,
                    )
                )
        return found

    async def _target_of(self, where: TopicPartition, offsets: OffsetMap, offset: int) -> int:
        anchor, target = offsets.translate(offset)
        if target is not None:
            return target
        beginning = (await self._source.stable_bounds(where.topic))[where.partition].beginning
        count = 0
        start = max(anchor.source, beginning)
        async with Messages(self._source.address, where, start, offset, self._settings.reading) as messages:
            while (columns := await messages.next()) is not None:
                count += sum(each < offset for each in columns.offsets)
        return anchor.target + count
