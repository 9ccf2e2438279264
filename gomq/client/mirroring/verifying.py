"""Reads both sides again and compares them, one partition after the other."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from gomq.client.mirroring.comparing import Comparison, Difference
from gomq.client.mirroring.offset_map import OffsetMap, Point
from gomq.client.mirroring.settings import MirrorSettings
from gomq.client.mirroring.side import Ends
from gomq.client.mirroring.source import Messages
from gomq_storage.layout import TopicPartition

_ATTEMPTS: Final = 3
"""How often a partition is compared again because messages have expired meanwhile."""


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
        self, topic: str, maps: Mapping[int, OffsetMap], *, is_timed: bool, is_compacted: bool
    ) -> list[VerifiedPartition]:
        """Compare what is on both sides of a topic, up to where the mirror is.

        Args:
            topic: its name.
            maps: of each partition which offset is which.
            is_timed: whether the target has kept the timestamps.
            is_compacted: whether messages go from the middle of the logs.
        """
        found: list[VerifiedPartition] = []
        bounds = await self._beginnings(topic)
        for partition, offsets in maps.items():
            where, attempts = TopicPartition(topic, partition), 0
            while True:
                before = bounds[partition]
                comparison = await self._compared(where, offsets, before, is_timed=is_timed, is_compacted=is_compacted)
                attempts += 1
                if comparison.difference is None or attempts == _ATTEMPTS:
                    break
                bounds = await self._beginnings(topic)
                if bounds[partition] == before:
                    break  # else messages have expired meanwhile
            found.append(
                VerifiedPartition(
                    topic=topic,
                    partition=partition,
                    compared=comparison.compared,
                    only_at_source=comparison.only_at_source,
                    only_at_target=comparison.only_at_target,
                    same_offsets=offsets.keeps_offsets,
                    difference=comparison.difference,
                )
            )
        return found

    async def _beginnings(self, topic: str) -> dict[int, tuple[int, int]]:
        """Return where each partition begins at the source, and at the target."""
        source, target = await self._source.stable_bounds(topic), await self._target.stable_bounds(topic)
        return {each: (source[each].beginning, target[each].beginning) for each in source.keys() & target.keys()}

    async def _compared(
        self,
        where: TopicPartition,
        offsets: OffsetMap,
        beginnings: tuple[int, int],
        *,
        is_timed: bool,
        is_compacted: bool,
    ) -> Comparison:
        beginning, target_beginning = beginnings
        start = first_common(offsets, beginning, target_beginning)
        same_offsets = offsets.keeps_offsets
        comparison = Comparison(
            translate=lambda offset: offset if same_offsets else offsets.translate(offset).target,
            is_timed=is_timed,
            may_lack=is_compacted,
            may_lack_front=beginning > start.source,
        )
        first = max(start.source, beginning)
        self._on_progress(first - offsets.points[0].source)
        settings = self._settings
        mine = Messages(self._source.address, where, first, offsets.end.source, settings.reading)
        theirs = Messages(self._target.address, where, start.target, offsets.end.target, settings.reading_back)
        async with mine as at_source, theirs as at_target:
            await self._compare(comparison, at_source, at_target)
        return comparison

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


def first_common(offsets: OffsetMap, source: int, target: int) -> Point:
    """Find the first place that is known at both sides and still there at the target.

    Args:
        offsets: which offset is which.
        source: where the source begins.
        target: where the target does.
    """
    candidates = [*offsets.points, offsets.end]
    if offsets.keeps_offsets:
        start = max(source, target)
        return Point(start, start)
    return next((each for each in candidates if each.target >= target), offsets.end)
