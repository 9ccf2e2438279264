"""A member that is to join the group of a ``FakeCluster``, and who reads what that gives."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import anyio

from gomq.client.cluster.cluster import Cluster
from gomq.client.cluster.settings import ConnectionSettings
from gomq.client.groups.membership import Membership
from gomq.client.groups.offsets import CommittedOffset, OffsetAndMetadata
from gomq.errors import GomqError
from gomq_storage.layout import TopicPartition
from tests.support.fake_broker import Exchange, FakeCluster
from tests.support.fake_group import FakeGroup
from tests.support.grouping import quick

ALL = frozenset({TopicPartition("orders", 0), TopicPartition("orders", 1)})
QUICK = ConnectionSettings(first_backoff=0.005, max_backoff=0.02, request_timeout=5.0)


class Reader:
    """Who reads what the group gives."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self.points: dict[TopicPartition, int] = {}
        self.begins_after: anyio.Event | None = None
        """Where it takes its time to begin with what it is given."""

    def topics(self) -> Mapping[str, int]:
        return {"orders": 2}

    async def assigned(self, added: Mapping[TopicPartition, CommittedOffset | None]) -> None:
        if self.begins_after is not None:
            await self.begins_after.wait()
        self.events.append("assigned")
        self.points.update({partition: found.offset if found else 0 for partition, found in added.items()})

    async def revoked(self, partitions: frozenset[TopicPartition]) -> None:
        assert partitions <= self.points.keys()
        self.events.append("revoked")

    def released(self, partitions: frozenset[TopicPartition]) -> None:
        for partition in partitions:
            del self.points[partition]

    def lost(self, partitions: frozenset[TopicPartition]) -> None:
        self.events.append("lost")
        self.released(partitions)

    def commit_points(self) -> Mapping[TopicPartition, OffsetAndMetadata]:
        return {partition: OffsetAndMetadata(offset) for partition, offset in self.points.items()}


class Joining:
    """A membership, who reads, and how it failed, if it did."""

    def __init__(self, membership: Membership, reader: Reader, failures: list[GomqError]) -> None:
        self.membership = membership
        self.reader = reader
        self.failures = failures


@asynccontextmanager
async def joining(
    fake: FakeCluster,
    *,
    auto_commit: bool = False,
    require_stable: bool = False,
    patience: float = 20.0,
    **settings: Any,
) -> AsyncIterator[Joining]:
    """Make a member, which is to join."""
    if "orders" not in fake.answers.topics:
        fake.answers.make_topic("orders", partitions=2)
    async with anyio.create_task_group() as tasks:
        cluster = Cluster(fake.address, QUICK, tasks, owner="consumer")
        reader = Reader()
        failures: list[GomqError] = []
        membership = Membership(
            cluster,
            quick("group", **settings),
            reader,
            tasks,
            auto_commit=auto_commit,
            require_stable=require_stable,
            patience=patience,
            on_failure=failures.append,
        )
        yield Joining(membership, reader, failures)
        await membership.leave()
        cluster.close()
        tasks.cancel_scope.cancel()


def answers_after(group: FakeGroup, event: anyio.Event) -> Callable[[Exchange], Awaitable[None]]:
    """Have the group's answer wait for an event."""

    async def fault(exchange: Exchange) -> None:
        await event.wait()
        await group.answer(exchange)

    return fault
