"""The mirror: ``async with Mirror(source, target) as mirror: await mirror.copy(await mirror.plan(["orders"]))``."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AsyncExitStack, suppress
from dataclasses import replace
from types import TracebackType
from typing import Final, Self

import anyio

from gomq.client.mirroring.checkpoints import Checkpoints
from gomq.client.mirroring.copying import Copying, OnProgress
from gomq.client.mirroring.errors import MirrorError, StaleEndError
from gomq.client.mirroring.group_offsets import CopiedOffset, GroupOffsets
from gomq.client.mirroring.lane import CopiedPartition, Lane, copied_of, lane_of
from gomq.client.mirroring.offset_map import OffsetMap
from gomq.client.mirroring.plan import MirrorPlan, TopicPlan, is_compacted, keeps_timestamps, target_of
from gomq.client.mirroring.planning import Planning
from gomq.client.mirroring.settings import MirrorSettings
from gomq.client.mirroring.side import Ends, Side
from gomq.client.mirroring.source import Source
from gomq.client.mirroring.target import Target
from gomq.client.mirroring.verifying import VerifiedPartition, Verifying
from gomq.client.producing.producer import Producer
from gomq.errors import GomqError, NonEmptyGroupError, UnknownTopicError
from gomq_storage.layout import TopicPartition

_GROUPS_SECONDS: Final = 60.0
"""How often groups' offsets are copied while a mirror follows; MirrorMaker 2 does it as often."""
_ATTEMPTS: Final = 3
"""How often a plan is made anew because the target's end has moved."""


class Mirror:
    """Carries topics from one cluster to another, both of whatever Kafka-protocol brokers.

    Args:
        source: HOST:PORT of a broker, or several, comma-separated, to read from.
        target: the same, to write to.
        settings: limits and patience.
    """

    def __init__(self, source: str, target: str, *, settings: MirrorSettings | None = None) -> None:
        self._stack = AsyncExitStack()
        self._settings = settings or MirrorSettings()
        patience = self._settings.patience
        self._ends = Ends(
            Side(source, self._settings.source, patience=patience),
            Side(target, self._settings.target, patience=patience),
        )
        self._copying: Copying | None = None
        self._current: MirrorPlan | None = None
        """What ``copy`` carries out, or has carried out."""
        self._is_stopping = False
        self._lanes: list[Lane] = []
        self._done: dict[TopicPartition, CopiedPartition] = {}

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            for side in self._ends:
                await stack.enter_async_context(side)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool | None:
        return await self._stack.__aexit__(kind, error, traceback)

    async def plan(self, topics: Iterable[str], *, pattern: re.Pattern[str] | None = None) -> MirrorPlan:
        """Find out what there is to do, and do nothing.

        Args:
            topics: names of topics at the source.
            pattern: topics whose whole name it matches, besides.

        Raises:
            UnknownTopicError: the source has no such topic.
            MirrorError: one cannot be carried over; the message says what to do.
        """
        return await Planning(self._ends, self._settings).plan(topics, pattern)

    async def copy(
        self,
        plan: MirrorPlan,
        *,
        follow: bool = False,
        on_progress: OnProgress = lambda _: None,
        on_plan: Callable[[MirrorPlan], object] = lambda _: None,
    ) -> list[CopiedPartition]:
        """Carry out a plan: create topics, and copy what the source had when it was made.

        Args:
            plan: what ``plan`` returned.
            follow: whether to go on with what comes, partitions and topics that match the plan's pattern too; until
                ``stop``, or cancelled.
            on_progress: told how many offsets of the source are done with since the last time.
            on_plan: told what plan is carried out instead, as the source has other topics or partitions by now.

        Raises:
            StaleEndError: something else writes to the target.
            MirrorError: a message is not taken, or the source has lost what was carried over, or a topic is not the one
                that it was any more.
            GomqError: a side cannot be reached any more.
        """
        attempts = 0
        while True:
            await self._create_topics(plan)
            self._current = plan = await self._with_ids(plan)
            try:
                is_outdated = await self._copy(plan, follow=follow, on_progress=on_progress)
            except StaleEndError:
                await self._check_ids(plan)
                attempts += 1
                if attempts == _ATTEMPTS:
                    raise
                plan = await self._plan_again(plan, follow=follow)
                continue
            if not is_outdated or self._is_stopping:
                return self.copied()
            attempts = 0
            plan = await self._plan_again(plan, follow=follow)
            on_plan(plan)

    async def lag(self) -> int | None:
        """Say how many offsets of the source are not known to be at the target; None before ``copy`` has begun."""
        if not self._lanes:
            return None
        lag = 0
        for name in {lane.topic.name for lane in self._lanes}:
            bounds = await self._ends.source.stable_bounds(name)
            for lane in self._lanes:
                if lane.topic.name == name and lane.plan.partition in bounds:
                    lag += max(bounds[lane.plan.partition].end - lane.offsets.end.source, 0)
        return lag

    async def keep_groups(self, plan: MirrorPlan, groups: Iterable[str], on_refused: Callable[[str], object]) -> None:
        """Copy groups' offsets every minute, until cancelled, so that they go on at the target if the source is gone.

        Kafka: MirrorMaker 2's ``sync.group.offsets.enabled``.

        One that has members at the target is left alone from then on, and ``on_refused`` is told of it.
        """
        left = list(dict.fromkeys(groups))
        while left:
            await anyio.sleep(_GROUPS_SECONDS)
            for group in tuple(left):
                try:
                    await self.copy_groups(plan, [group])
                except NonEmptyGroupError:
                    left.remove(group)
                    on_refused(group)
                except GomqError:
                    continue  # what is wrong with a side ``copy`` says; the next minute it is tried again

    def stop(self) -> None:
        """Have ``copy`` send nothing more, and return once what was sent is safe."""
        self._is_stopping = True
        if self._copying is not None:
            self._copying.stop()

    def copied(self) -> list[CopiedPartition]:
        """Say what ``copy`` has carried over and knows to be stored, even if it has failed or was cancelled."""
        self._gather()
        return [self._done[where] for where in sorted(self._done)]

    async def verify(
        self, plan: MirrorPlan, *, on_progress: Callable[[int], object] = lambda _: None
    ) -> list[VerifiedPartition]:
        """Compare what ``copy`` has carried over, now and before, message by message.

        Args:
            plan: what was carried out.
            on_progress: told how many messages are compared since the last time.
        """
        verifying = Verifying(self._ends, self._settings, on_progress)
        found: list[VerifiedPartition] = []
        for topic in plan.topics:
            at_source = await self._ends.source.describe_configs(topic.name)
            at_target = await self._ends.target.describe_configs(topic.name)
            found += await verifying.verify(
                topic.name,
                {where.partition: offsets for where, offsets in self._maps(topic)},
                is_timed=keeps_timestamps(at_target),
                is_compacted=is_compacted(at_source) or is_compacted(at_target),
            )
        return found

    async def copy_groups(self, plan: MirrorPlan, groups: Iterable[str]) -> list[CopiedOffset]:
        """Let groups go on at the target where they are at the source, in the topics that ``copy`` has carried over.

        Raises:
            NonEmptyGroupError: a group has members at the target.
        """
        current = self._current or plan
        offsets = dict(each for topic in current.topics for each in self._maps(topic))
        return await GroupOffsets(self._ends, self._settings, offsets).copy(groups)

    async def _create_topics(self, plan: MirrorPlan) -> None:
        for topic in plan.topics:
            if topic.is_new:
                await self._ends.target.create_topic(
                    topic.name,
                    partitions=len(topic.partitions),
                    replication_factor=self._settings.replication_factor,
                    configs=topic.configs,
                    if_not_exists=True,
                )
            elif len(topic.partitions) > topic.partitions_there:
                await self._ends.target.create_partitions(topic.name, len(topic.partitions))

    async def _with_ids(self, plan: MirrorPlan) -> MirrorPlan:
        """Note the ids of topics that were just created."""
        topics = [
            replace(topic, target_id=(await self._ends.target.describe_topic(topic.name)).topic_id, is_new=False)
            if topic.is_new
            else topic
            for topic in plan.topics
        ]
        return replace(plan, topics=tuple(topics))

    async def _check_ids(self, plan: MirrorPlan) -> None:
        for topic in plan.topics:
            found = await self._ends.target.describe_topic(topic.name)
            if found.topic_id != topic.target_id:
                raise MirrorError(
                    f"{topic.name} was deleted at the target, and made anew, while it was copied: delete it there, "
                    "and start the mirror again"
                )

    async def _plan_again(self, plan: MirrorPlan, *, follow: bool) -> MirrorPlan:
        if not follow:
            return await self.plan([topic.name for topic in plan.topics])
        planning = Planning(self._ends, self._settings)
        for _ in range(_ATTEMPTS - 1):
            with suppress(UnknownTopicError):  # it went while it was looked at
                return await planning.plan(plan.names, plan.pattern, may_be_none=True)
        return await planning.plan(plan.names, plan.pattern, may_be_none=True)

    async def _copy(self, plan: MirrorPlan, *, follow: bool, on_progress: OnProgress) -> bool:
        """Copy, and return whether the source has other topics or partitions by now."""
        settings = self._settings
        self._gather()
        self._lanes = [lane_of(topic, partition, follow=follow) for topic, partition in plan.partitions()]
        starts = {lane.target: lane.position for lane in self._lanes}
        source, target = self._ends
        async with (
            Source(source.address, starts, settings.reading, pattern=plan.pattern if follow else None) as reading,
            Target(target.address, (topic.name for topic in plan.topics), settings.writing) as writing,
            Producer(target.address, settings=settings.writing) as producer,
        ):
            checkpoints = Checkpoints(producer, plan.source_cluster, replication_factor=settings.replication_factor)
            self._copying = copying = Copying(
                self._lanes,
                reading,
                writing,
                checkpoints,
                bytes_per_second=settings.bytes_per_second,
                on_progress=on_progress,
            )
            if self._is_stopping:
                copying.stop()
            await copying.run()
        return copying.is_outdated

    def _gather(self) -> None:
        """Add what the lanes have carried over to what was before."""
        for lane in self._lanes:
            before = self._done.get(lane.target)
            self._done[lane.target] = copied_of(lane, before)
            lane.copied = lane.copied_bytes = 0

    def _maps(self, topic: TopicPlan) -> Iterator[tuple[TopicPartition, OffsetMap]]:
        known: Mapping[TopicPartition, OffsetMap] = {lane.target: lane.offsets for lane in self._lanes}
        for partition in topic.partitions:
            where = target_of(topic, partition)
            yield where, known.get(where, partition.offsets)
