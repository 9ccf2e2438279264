"""A consumer that reads what its group gives it, or at least remembers there how far it is."""

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from inspect import isawaitable
from typing import TypeAlias

import anyio
from anyio.abc import TaskGroup

from gomq.client.consuming.discovery import Discovery
from gomq.client.consuming.intake import Intake
from gomq.client.consuming.start import Start
from gomq.client.delivering.deliveries import Deliveries
from gomq.client.groups.offsets import CommittedOffset, OffsetAndMetadata
from gomq_storage.layout import TopicPartition

OnChange: TypeAlias = Callable[[frozenset[TopicPartition]], Awaitable[None] | None]
"""Hears of partitions that were given or taken away."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listeners:
    """Whom the user wants to be told."""

    assigned: OnChange | None = None
    revoked: OnChange | None = None
    lost: OnChange | None = None
    """None: ``revoked`` hears of it, as in Kafka's ``ConsumerRebalanceListener``."""


class GroupReading:
    """The ``Assignee`` that a consumer is.

    Args:
        intake: what reads.
        discovery: what there is of the subscription, as of now and later.
        start: where to begin with a partition for which nothing is committed.
        listeners: whom to tell.
        tasks: where those are told who hear of what is lost.
        drain_timeout: seconds to wait for what is in hand before partitions are given away.
    """

    def __init__(
        self,
        intake: Intake,
        discovery: Discovery,
        start: Start,
        listeners: Listeners,
        tasks: TaskGroup,
        *,
        drain_timeout: float,
    ) -> None:
        self._intake = intake
        self._discovery = discovery
        self._start = start
        self._first_counts = dict(discovery.topics)
        self._listeners = listeners
        self._tasks = tasks
        self._drain_timeout = drain_timeout
        self._draining = anyio.CancelScope()
        self._awaited: set[TopicPartition] = set()
        """What was given and is about to be read."""
        self._given_notice: frozenset[TopicPartition] = frozenset()
        """Of what is being revoked: ``on_revoked`` has heard, even where it is lost meanwhile."""
        self.deliveries: Deliveries | None = None
        """These know, where they are used, what is processed."""

    def topics(self) -> Mapping[str, int]:
        """Say what is subscribed to and exists."""
        return self._discovery.topics

    async def assigned(self, added: Mapping[TopicPartition, CommittedOffset | None]) -> None:
        """Begin; nothing is handed out before whoever wants to know has been told, who may seek elsewhere.

        What was not there when this consumer came is read from its first message on: Kafka's consumers begin where it
        ends by the time they notice it, and miss what was published before (KAFKA-12478).
        """
        self._awaited = set(added)
        committed = {partition: found for partition, found in added.items() if found is not None}
        unknown = added.keys() - committed.keys()
        new = {each for each in unknown if each.partition >= self._first_counts.get(each.topic, 0)}
        starts = await self._discovery.starts(unknown - new, self._start, now_ms=time.time_ns() // 1_000_000)
        starts |= await self._discovery.starts(new, "earliest", now_ms=0)
        starts |= {partition: found.offset for partition, found in committed.items()}
        epochs = {each: found.leader_epoch for each, found in committed.items() if found.leader_epoch is not None}
        here = frozenset(self._awaited)
        self._intake.assign({partition: starts[partition] for partition in here}, epochs=epochs)
        with self._intake.withheld(here):
            await _tell(self._listeners.assigned, here)

    async def revoked(self, partitions: frozenset[TopicPartition]) -> None:
        """Hand out no more of these, and wait until what is in hand is done with, but not for ever."""
        with anyio.CancelScope() as self._draining:
            if self.deliveries is not None:
                await self.deliveries.drain(partitions, within=self._drain_timeout)
            await self._intake.drain(partitions, timeout=0 if self.deliveries is not None else self._drain_timeout)
        if still_here := partitions & self._intake.assignment:
            self._given_notice = still_here
            await _tell(self._listeners.revoked, still_here)

    def released(self, partitions: frozenset[TopicPartition]) -> None:
        """Forget these."""
        self._given_notice -= partitions
        self._intake.revoke(partitions & self._intake.assignment)
        if self.deliveries is not None:
            self.deliveries.forget(partitions)
            self.deliveries.hold(self._intake.paused)

    def lost(self, partitions: frozenset[TopicPartition]) -> None:
        """Forget these at once; whoever waits for what is in hand of them need not."""
        self._awaited -= partitions
        is_news = partitions - self._given_notice
        self.released(partitions)
        self._draining.cancel()
        if self._listeners.lost is not None:
            self._tasks.start_soon(_tell, self._listeners.lost, partitions)
        elif is_news:
            self._tasks.start_soon(_tell, self._listeners.revoked, is_news)

    def commit_points(self) -> Mapping[TopicPartition, OffsetAndMetadata]:
        """Say how far everything is processed."""
        if self.deliveries is not None:
            return self._with_epochs(self.deliveries.points())
        return self._with_epochs(self._intake.reader.commit_points())

    def handed_out(self) -> Mapping[TopicPartition, OffsetAndMetadata]:
        """Say how far everything is handed out, which is what a user means who commits without saying more."""
        if self.deliveries is not None:
            return self._with_epochs(self.deliveries.points())
        return self._with_epochs({each: self._intake.position(each) for each in self._intake.assignment})

    def _with_epochs(self, points: Mapping[TopicPartition, int]) -> dict[TopicPartition, OffsetAndMetadata]:
        """Say with each offset in which leader epoch the message before it was written (KIP-320).

        One of a topic that is gone, though another has its name, is none to commit.
        """
        return {
            each: OffsetAndMetadata(offset, leader_epoch=self._intake.epoch_before(each, offset))
            for each, offset in points.items()
            if each not in self._intake.outdated
        }


async def _tell(listener: OnChange | None, partitions: frozenset[TopicPartition]) -> None:
    if listener is not None:
        told = listener(partitions)
        if isawaitable(told):
            await told
