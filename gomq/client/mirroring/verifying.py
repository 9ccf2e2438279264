"""Reads both sides again and compares them, one partition after the other."""

from collections.abc import Callable
from dataclasses import dataclass

from gomq.client.mirroring.comparing import Comparison, Difference
from gomq.client.mirroring.offset_map import OffsetMap, Point
from gomq.client.mirroring.resuming import Bounds
from gomq.client.mirroring.settings import MirrorSettings
from gomq.client.mirroring.side import Ends
from gomq.client.mirroring.source import Messages
from gomq_storage.layout import TopicPartition


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedPartition:
    """What comparing a partition found."""

    topic: str
    partition: int
    compared: int
    """Messages that are the same on both sides."""
    only_at_source: int
    """Messages that the target does not have any more."""
    only_at_target: int
    """Messages that the source does not have any more."""
    same_offsets: bool
    """Whether all of them have the same offsets."""
    difference: Difference | None
    """The first one; None where there is none."""

    @property
    def is_same(self) -> bool:
        """Whether the target has what the source has."""
        return self.difference is None


class Verifying:
    """Compares partitions.

    Args:
        ends: both sides.
        settings: the mirror's.
        on_progress: told how many offsets of the source are done with since the last time.
    """

    def __init__(self, ends: Ends, settings: MirrorSettings, on_progress: Callable[[int], object]) -> None:
        self._source, self._target = ends
        self._settings = settings
        self._on_progress = on_progress

    async def verify(
        self, where: TopicPartition, offsets: OffsetMap, *, is_timed: bool, is_compacted: bool
    ) -> VerifiedPartition:
        """Compare what is on both sides, up to where the mirror is.

        Args:
            where: the partition.
            offsets: which offset is which.
            is_timed: whether the target has kept the timestamps.
            is_compacted: whether messages go from the middle of the source's log.
        """
        source = (await self._source.stable_bounds(where.topic))[where.partition]
        target = (await self._target.stable_bounds(where.topic))[where.partition]
        start = first_common(offsets, source, target)
        same_offsets = offsets.keeps_offsets
        comparison = Comparison(
            translate=lambda offset: offset if same_offsets else offsets.translate(offset).target,
            is_timed=is_timed,
            may_lack=is_compacted or source.beginning > start.source,
        )
        first = max(start.source, source.beginning)
        self._on_progress(first - offsets.points[0].source)
        settings = self._settings
        mine = Messages(self._source.address, where, first, offsets.end.source, settings.reading)
        theirs = Messages(self._target.address, where, start.target, offsets.end.target, settings.reading_back)
        async with mine as at_source, theirs as at_target:
            await self._compare(comparison, at_source, at_target)
        return VerifiedPartition(
            topic=where.topic,
            partition=where.partition,
            compared=comparison.compared,
            only_at_source=comparison.only_at_source,
            only_at_target=comparison.only_at_target,
            same_offsets=same_offsets,
            difference=comparison.difference,
        )

    async def _compare(self, comparison: Comparison, source: Messages, target: Messages) -> None:
        while comparison.difference is None:
            while comparison.wants_source and (columns := await source.next()) is not None:
                comparison.add_source(columns)
                self._on_progress(len(columns.offsets))
            while comparison.wants_target and (columns := await target.next()) is not None:
                comparison.add_target(columns)
            if comparison.wants_source or comparison.wants_target:
                break  # one of them is at its end
            comparison.advance()
        comparison.finish()
        while comparison.difference is None and (columns := await target.next()) is not None:
            comparison.add_target(columns)
            comparison.finish()


def first_common(offsets: OffsetMap, source: Bounds, target: Bounds) -> Point:
    """Find the first place that is known at both sides and still there at the target."""
    candidates = [*offsets.points, offsets.end]
    if offsets.keeps_offsets:
        start = max(source.beginning, target.beginning)
        return Point(start, start)
    return next((each for each in candidates if each.target >= target.beginning), offsets.end)
