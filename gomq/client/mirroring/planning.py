"""Finds out what there is to do: looks at both sides, and has ``resuming.py`` decide."""

import re
from collections.abc import Iterable, Mapping
from hashlib import blake2b
from typing import Final, NamedTuple

from gomq.client.admin.configs import ConfigEntry
from gomq.client.admin.descriptions import ClusterDescription
from gomq.client.cluster.metadata import TopicMetadata
from gomq.client.mirroring import resuming
from gomq.client.mirroring.checkpoints import TopicPair, decode_value, encode_key, read_checkpoints
from gomq.client.mirroring.choosing import chosen
from gomq.client.mirroring.errors import ForeignMessagesError, MirrorError
from gomq.client.mirroring.offset_map import OffsetMap, Point
from gomq.client.mirroring.plan import (
    MirrorPlan,
    PartitionPlan,
    TopicPlan,
    configs_to_copy,
    is_compacted,
    keeps_timestamps,
    notices_for,
)
from gomq.client.mirroring.resuming import Bounds, Tail
from gomq.client.mirroring.settings import MirrorSettings
from gomq.client.mirroring.side import Ends
from gomq.client.mirroring.source import Messages
from gomq.client.mirroring.target import LastWriter
from gomq.errors import InvalidConfigError
from gomq_storage.layout import TopicPartition
from gomq_storage.record_fields import Columns

_MOST_COMPARED: Final = 1_000_000
"""Messages behind a checkpoint; one is written far more often."""
_MOST_KEPT: Final = 64
"""Bytes of a key or value that is kept to be compared; of a longer one as long a hash is."""


class _Traits(NamedTuple):
    """What of a topic decides how its messages are told."""

    is_timed: bool
    """Whether the target keeps timestamps."""
    is_compacted: bool
    """Whether the source may have messages no more that were copied."""


class Planning:
    """Makes a plan.

    Args:
        ends: both sides.
        settings: the mirror's.
    """

    def __init__(self, ends: Ends, settings: MirrorSettings) -> None:
        self._source, self._target = ends
        self._settings = settings
        self._checkpoints: Mapping[bytes, bytes | None] = {}
        self._source_cluster: str | None = None

    async def plan(
        self, names: Iterable[str], pattern: re.Pattern[str] | None, *, may_be_none: bool = False
    ) -> MirrorPlan:
        """Look at both sides and decide.

        Args:
            names: topics of the source.
            pattern: topics whose whole name it matches, besides.
            may_be_none: whether it may match none, as others may come.

        Raises:
            UnknownTopicError: the source has no such topic.
            MirrorError: a topic cannot be carried over.
        """
        source, target = await self._source.describe_cluster(), await self._target.describe_cluster()
        if _are_one(source, target):
            raise MirrorError("source and target are the same cluster, and a mirror keeps the topics' names")
        self._source_cluster = source.cluster_id
        at_source = {topic.name: topic for topic in await self._source.list_topics(internal=True)}
        at_target = {topic.name: topic for topic in await self._target.list_topics(internal=True)}
        settings = self._settings.reading_back
        self._checkpoints = await read_checkpoints(self._target, self._target.address, settings)
        names = tuple(dict.fromkeys(names))
        wanted = chosen(at_source, names, pattern, may_be_none=may_be_none)
        topics = [await self._plan_topic(at_source[name], at_target.get(name)) for name in wanted]
        return MirrorPlan(
            source_cluster=source.cluster_id,
            target_cluster=target.cluster_id,
            topics=tuple(topics),
            names=names,
            pattern=pattern,
        )

    async def _plan_topic(self, there: TopicMetadata, known: TopicMetadata | None) -> TopicPlan:
        name = there.name
        source_configs = await self._source.describe_configs(name)
        target_configs = None if known is None else await self._target.describe_configs(name)
        pair = TopicPair(name=name, source_id=there.topic_id, target_id=None if known is None else known.topic_id)
        traits = _Traits(
            is_timed=target_configs is None or keeps_timestamps(target_configs),
            is_compacted=is_compacted(source_configs),
        )
        partitions = await self._plan_partitions(pair, traits, is_new=known is None)
        configs, refused = await self._configs_for(name, source_configs) if known is None else ({}, [])
        notices = [*notices_for(name, source_configs, target_configs, partitions), *refused]
        return TopicPlan(
            name=name,
            source_id=pair.source_id,
            target_id=pair.target_id,
            is_new=known is None,
            partitions_there=0 if known is None else len(known.partitions),
            configs=configs,
            partitions=tuple(partitions),
            notices=tuple(notices),
        )

    async def _plan_partitions(self, pair: TopicPair, traits: _Traits, *, is_new: bool) -> list[PartitionPlan]:
        source = await self._source.stable_bounds(pair.name)
        target = dict.fromkeys(source, Bounds(0, 0))
        writers: Mapping[int, LastWriter] = {}
        if not is_new:
            # first who wrote, then how much: what is written in between has a number that is refused to the next
            written = await self._target.stable_bounds(pair.name)
            used = [index for index, bounds in written.items() if bounds.end]
            writers = await self._target.last_writers(pair.name, used)
            target |= await self._target.stable_bounds(pair.name)
        plans: list[PartitionPlan] = []
        for index, bounds in source.items():
            where = TopicPartition(pair.name, index)
            known = self._known(pair, where) if not is_new else None
            start = await self._start(where, bounds, target[index], known, traits)
            plans.append(
                PartitionPlan(
                    partition=index,
                    start=start,
                    source_beginning=bounds.beginning,
                    source_end=bounds.end,
                    writer=writers.get(index),
                    offsets=_map_upto(start, known),
                    was_checkpointed=known is not None,
                )
            )
        return plans

    def _known(self, pair: TopicPair, where: TopicPartition) -> OffsetMap | None:
        return decode_value(self._checkpoints.get(encode_key(self._source_cluster, where)), pair)

    async def _start(
        self, where: TopicPartition, source: Bounds, target: Bounds, known: OffsetMap | None, traits: _Traits
    ) -> Point:
        """Find out where to go on in a partition."""
        tail = resuming.look_back(target, known)
        if tail is None and known is None and target.end:
            raise ForeignMessagesError(where, f"it has lost {target.end} messages that no mirror tells of")
        if tail is None:
            start = resuming.starting_point(source, target, known)
        elif tail.is_checkpoint:
            start = await self._behind_checkpoint(where, source, tail, traits)
        else:
            at_source = await self._read(
                where, max(tail.point.source, source.beginning), min(tail.target_end, source.end)
            )
            at_target = await self._read_back(where, tail)
            reason = resuming.why_not_the_same(
                at_source, at_target, is_timed=traits.is_timed, is_checkpointed=known is not None
            )
            if reason is not None:
                raise ForeignMessagesError(where, reason)
            start = Point(tail.target_end, tail.target_end)
        if start.source > source.end:
            raise ForeignMessagesError(
                where, f"it goes on with offset {start.source} of the source, which ends at {source.end}"
            )
        return start

    async def _behind_checkpoint(self, where: TopicPartition, source: Bounds, tail: Tail, traits: _Traits) -> Point:
        count = tail.target_end - tail.point.target
        if count > _MOST_COMPARED:
            raise ForeignMessagesError(where, f"{count} messages were added behind the mirror's last checkpoint")
        first = max(tail.point.source, source.beginning)
        at_source = await self._read(where, first, source.end, most=count)
        at_target = await self._read_back(where, tail)
        is_timed = traits.is_timed
        found = resuming.already_there(
            resuming.rows(at_source, is_timed=is_timed), resuming.rows(at_target, is_timed=is_timed), expected=count
        )
        if found is None and (traits.is_compacted or first > tail.point.source):
            found = 0  # the source has none of them any more
        if found is None:
            raise ForeignMessagesError(where, f"what is behind offset {tail.point.target} is not what the source has")
        return Point(at_source.offsets[found - 1] + 1 if found else first, tail.target_end)

    async def _read(self, where: TopicPartition, start: int, end: int, *, most: int | None = None) -> Columns:
        """Read messages of the source, ``most`` of them where that many are there."""
        return await _gathered(Messages(self._source.address, where, start, end, self._settings.reading), most)

    async def _read_back(self, where: TopicPartition, tail: Tail) -> Columns:
        """Read messages of the target."""
        settings = self._settings.reading_back
        return await _gathered(
            Messages(self._target.address, where, tail.point.target, tail.target_end, settings), None
        )

    async def _configs_for(self, name: str, configs: Mapping[str, ConfigEntry]) -> tuple[dict[str, str], list[str]]:
        """Choose the configs that a topic is created with, and say which of them the target does not take."""
        wanted = configs_to_copy(configs)
        try:
            await self._target.create_topic(name, configs=wanted, validate_only=True)
        except InvalidConfigError:
            pass
        else:
            return wanted, []
        taken: dict[str, str] = {}
        refused: list[str] = []
        for key, value in wanted.items():
            try:
                await self._target.create_topic(name, configs={key: value}, validate_only=True)
            except InvalidConfigError as error:
                refused.append(f"{name} is created without {key}={value}, which the target refuses: {error}")
            else:
                taken[key] = value
        return taken, refused


def _are_one(source: ClusterDescription, target: ClusterDescription) -> bool:
    """Whether both are one cluster; the id alone does not say it, as a backup that was restored has it too."""
    same_brokers = {each.address for each in source.brokers} & {each.address for each in target.brokers}
    return source.cluster_id is not None and source.cluster_id == target.cluster_id and bool(same_brokers)


async def _gathered(messages: Messages, most: int | None) -> Columns:
    """Take all messages, or as many as are wanted, with large keys and values shortened: they are only compared."""
    found = Columns([], [], [], [], [])
    async with messages:
        while (part := await messages.next()) is not None:
            found.offsets.extend(part.offsets)
            found.timestamps.extend(part.timestamps)
            found.keys.extend(map(_shortened, part.keys))
            found.values.extend(map(_shortened, part.values))
            found.headers.extend(part.headers)
            if most is not None and len(found.offsets) >= most:
                break
    return Columns._make(column[:most] for column in found)


def _shortened(content: bytes | None) -> bytes | None:
    return content if content is None or len(content) <= _MOST_KEPT else blake2b(content).digest()


def _map_upto(start: Point, known: OffsetMap | None) -> OffsetMap:
    """Make a map of what is at the target: a checkpoint's, and what was found behind it."""
    if known is None:
        offsets = OffsetMap(start)
        if start.source == start.target:
            offsets = OffsetMap(Point(0, 0))
            offsets.end = start
        return offsets
    known.reach(start)
    return known
