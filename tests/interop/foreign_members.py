"""Members of a group, of our making and of others', each with a task of its own that lets it do its work."""

import json
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final, TypeAlias

import anyio
from aiokafka import AIOKafkaConsumer
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from aiokafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor
from anyio.abc import TaskGroup
from confluent_kafka import Consumer

from gomq_storage.layout import TopicPartition
from tests.support.grouping import Reading, quick
from tests.support.kafka import VERIFIABLE_CONSUMER, java

SECONDS: Final = 30
_AIOKAFKAS: Final = {
    "range": RangePartitionAssignor,
    "roundrobin": RoundRobinPartitionAssignor,
    "sticky": StickyPartitionAssignor,
}
_JAVAS: Final = {
    "range": "RangeAssignor",
    "roundrobin": "RoundRobinAssignor",
    "sticky": "StickyAssignor",
    "cooperative-sticky": "CooperativeStickyAssignor",
}
Partitions: TypeAlias = Callable[[], set[TopicPartition]]
"""Says what a member reads at the moment."""
Join: TypeAlias = Callable[[str, str, str], Any]
"""Runs a member of a group until the block ends: by address, name of both topic and group, and assignor."""


@asynccontextmanager
async def ours(address: str, topic: str, assignor: str) -> AsyncIterator[Partitions]:
    """A member of our making."""
    reader = Reading(address, topic, group=quick(topic, assignor, heartbeat_interval=0.2))
    async with anyio.create_task_group() as tasks:
        await tasks.start(reader.run)
        yield lambda: set(reader.assignment)
        assert reader.failure is None
        await reader.stop()


@asynccontextmanager
async def aiokafkas(address: str, topic: str, assignor: str) -> AsyncIterator[Partitions]:
    """A member of aiokafka."""
    consumer = AIOKafkaConsumer(
        topic,
        bootstrap_servers=address,
        group_id=topic,
        partition_assignment_strategy=(_AIOKAFKAS[assignor],),
        heartbeat_interval_ms=200,
        session_timeout_ms=6000,
    )
    await consumer.start()
    try:
        yield lambda: {TopicPartition(each.topic, each.partition) for each in consumer.assignment()}
    finally:
        await consumer.stop()


@asynccontextmanager
async def librdkafkas(address: str, topic: str, assignor: str) -> AsyncIterator[Partitions]:
    """A member of confluent-kafka, which works while it is polled."""
    consumer = Consumer({
        "bootstrap.servers": address,
        "group.id": topic,
        "partition.assignment.strategy": assignor,
        "heartbeat.interval.ms": 200,
        "session.timeout.ms": 6000,
        "log_level": 0,
    })  # fmt: skip
    consumer.subscribe([topic])

    async def poll() -> None:
        while True:
            await anyio.to_thread.run_sync(consumer.poll, 0.05)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(poll)
        yield lambda: {TopicPartition(each.topic, each.partition) for each in consumer.assignment()}
        tasks.cancel_scope.cancel()
    await anyio.to_thread.run_sync(consumer.close)


@asynccontextmanager
async def javas(address: str, topic: str, assignor: str) -> AsyncIterator[Partitions]:
    """A member of Kafka's own Java client."""
    strategy = f"org.apache.kafka.clients.consumer.{_JAVAS[assignor]}"
    names = ("--bootstrap-server", address, "--topic", topic, "--group-id", topic, "--assignment-strategy", strategy)
    command = java(VERIFIABLE_CONSUMER, *names, "--session-timeout", "6000")
    held: set[TopicPartition] = set()
    async with (
        await anyio.open_process(command, stderr=subprocess.DEVNULL) as process,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(_follow, process, held)
        yield lambda: set(held)
        process.terminate()
        await process.wait()
        tasks.cancel_scope.cancel()


async def _follow(process: anyio.abc.Process, held: set[TopicPartition]) -> None:
    """Keep up with what the program says it was given."""
    assert process.stdout is not None
    said = b""
    async for data in process.stdout:
        *lines, said = (said + data).split(b"\n")
        for event in map(json.loads, lines):
            named = {TopicPartition(each["topic"], each["partition"]) for each in event.get("partitions", ())}
            if event["name"] == "partitions_assigned":
                held |= named
            elif event["name"] in {"partitions_revoked", "partitions_lost"}:
                held -= named


class MixedGroup:
    """Members of whatever making, in the order they came."""

    def __init__(self, address: str, topic: str, assignor: str, count: int, tasks: TaskGroup) -> None:
        self._names = (address, topic, assignor)
        self._everything = {TopicPartition(topic, index) for index in range(count)}
        self._tasks = tasks
        self._members: list[tuple[Partitions, anyio.Event, anyio.Event]] = []

    async def join(self, join: Join) -> None:
        """Let one more come, and wait until it has its share."""
        leaving, left = anyio.Event(), anyio.Event()
        self._members.append((await self._tasks.start(self._run, join, leaving, left), leaving, left))
        await self.is_shared_out()

    async def leave(self) -> None:
        """Let the eldest go, who leads, and wait until the others have its share."""
        _, leaving, left = self._members.pop(0)
        leaving.set()
        await left.wait()
        await self.is_shared_out()

    async def is_shared_out(self) -> None:
        """Wait until each partition is read by one, and everybody has some, for longer than a moment."""
        with anyio.fail_after(SECONDS):
            good = 0
            while good < 5:  # whoever is told of something does not say so at once
                await anyio.sleep(0.05)
                good = good + 1 if self._is_complete() else 0

    def _is_complete(self) -> bool:
        parts = [partitions() for partitions, _, _ in self._members]
        return all(parts) and set().union(*parts) == self._everything and sum(map(len, parts)) == len(self._everything)

    async def _run(
        self, join: Join, leaving: anyio.Event, left: anyio.Event, *, task_status: anyio.abc.TaskStatus[Partitions]
    ) -> None:
        async with AsyncExitStack() as stack:
            task_status.started(await stack.enter_async_context(join(*self._names)))
            await leaving.wait()
        left.set()

    async def end(self) -> None:
        """Let all go."""
        for _, leaving, _ in self._members:
            leaving.set()
        for _, _, left in self._members:
            await left.wait()
