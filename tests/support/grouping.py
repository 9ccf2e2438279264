"""Consumers in groups, as tests want them: quick to notice, with a broker that allows it."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import anyio

import gomq
from gomq.broker import BrokerConfig
from gomq.client.groups.settings import GroupSettings
from gomq_storage.layout import TopicPartition

TOPIC = "orders"
PARTITIONS = 4
SESSION = 0.6
"""Seconds until a member that says nothing is out."""


@asynccontextmanager
async def grouping_broker(data: Path, *, listen: str = "127.0.0.1:0", **settings: Any) -> AsyncIterator[gomq.Broker]:
    """Run a broker that takes short sessions."""
    config = BrokerConfig(data=data, listen=listen, group_min_session_timeout_ms=100, **settings)
    async with gomq.Broker(config=config) as broker:
        yield broker


async def make_topic(address: str, *, topic: str = TOPIC, partitions: int = PARTITIONS, each: int = 0) -> None:
    """Make a topic, with so many messages in each partition: their offsets as text."""
    async with gomq.Producer(address) as producer:
        await producer.create_topic(topic, partitions=partitions)
    await fill(address, range(each), topic=topic, partitions=partitions)


async def fill(address: str, values: Iterable[int], *, topic: str = TOPIC, partitions: int = PARTITIONS) -> None:
    """Publish numbers to each partition."""
    messages = [gomq.NewMessage(str(value).encode()) for value in values]
    async with gomq.Producer(address) as producer:
        for partition in range(partitions):
            await producer.publish_many(topic, messages, partition=partition)


def quick(group: str = "group", *assignors: str, **settings: Any) -> GroupSettings:
    """Settings of a group whose members notice quickly."""
    chosen = {"assignors": assignors} if assignors else {}
    return GroupSettings(group, **{"heartbeat_interval": 0.05, "session_timeout": 20.0, **chosen, **settings})


class Reading:
    """A consumer that reads in a task of its own until it is told not to."""

    def __init__(
        self,
        address: str,
        topics: Any = TOPIC,
        *,
        group: GroupSettings | None = None,
        way: str = "messages",
        **options: Any,
    ) -> None:
        self._way = way
        self.messages: list[tuple[TopicPartition, int]] = []
        self.events: list[tuple[str, frozenset[TopicPartition]]] = []
        self.failure: gomq.GomqError | None = None
        self.scope = anyio.CancelScope()
        self.has_ended = anyio.Event()
        listeners = {f"on_{what}": partial(self._hear, what) for what in ("assigned", "revoked", "lost")}
        chosen: dict[str, Any] = {"replay": True, **listeners, **options}
        self.consumer = gomq.Consumer(address, topics, group=group or quick(), **chosen)

    def _hear(self, what: str, partitions: frozenset[TopicPartition]) -> None:
        self.events.append((what, partitions))

    @property
    def assignment(self) -> frozenset[TopicPartition]:
        return self.consumer.assignment

    def told(self, what: str) -> list[frozenset[TopicPartition]]:
        """What its listeners have heard, apart from nothing."""
        return [partitions for event, partitions in self.events if event == what and partitions]

    async def run(self, *, task_status: anyio.abc.TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        try:
            with self.scope:
                async with self.consumer:
                    task_status.started()
                    await self._read()
        except gomq.GomqError as error:
            self.failure = error
        finally:
            self.has_ended.set()

    async def _read(self) -> None:
        consumer = self.consumer
        if self._way == "batches":
            async for batch in consumer.batches():
                self._note(*batch.messages)
        elif self._way == "take":
            while messages := await consumer.take(7, timeout=None):
                self._note(*messages)
        else:
            async for message in consumer:
                self._note(message)
                if self._way == "commit":
                    await consumer.commit()

    def _note(self, *messages: gomq.Message) -> None:
        self.messages += [(TopicPartition(each.topic, each.partition), each.offset) for each in messages]

    async def stop(self) -> None:
        """Let the iteration end, and the block be left in order."""
        self.consumer.stop()
        await self.has_ended.wait()


def partitions(topic: str = TOPIC, count: int = PARTITIONS) -> frozenset[TopicPartition]:
    """All partitions of a topic."""
    return frozenset(TopicPartition(topic, index) for index in range(count))


async def committed(address: str, group: str = "group") -> dict[int, int]:
    """What a group has committed, by partition."""
    chosen = [TopicPartition(TOPIC, index) for index in range(PARTITIONS)]
    async with gomq.Consumer(address, partitions=chosen, group=group, auto_commit=False) as consumer:
        found = await consumer.committed()
    return {each.partition: offset.offset for each, offset in found.items() if offset is not None}
