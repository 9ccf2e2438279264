"""aiokafka as a client, on asyncio, tuned as far as its documentation goes."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from functools import partial
from itertools import repeat
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from benchmarks.job import Job, latency, rate, read
from benchmarks.results import Figures, MeasurementError

_BATCH_BYTES: Final = 500_000
_DEFAULT_BATCH_BYTES: Final = 16_384
_FETCH_BYTES: Final = 4 * 1024 * 1024
_PATIENCE_MS: Final = 10_000


async def _produce(job: Job) -> Figures:
    """``send`` without awaiting each acknowledgement, then ``flush``: the way its documentation shows."""
    async with _producer(job, linger_ms=5) as producer:
        started = time.perf_counter()
        for value in repeat(job.value, job.count):
            await producer.send(job.topic, value, partition=0)
        await producer.flush()
        return rate(job.count, job.size, time.perf_counter() - started)


async def _consume(job: Job) -> Figures:
    """Read on from the first message with ``getmany``, and look at every value."""
    async with _consumer(job) as consumer:
        await consumer.getone()
        started = time.perf_counter()
        seen = total = 0
        while seen < job.count:
            parts = await consumer.getmany(timeout_ms=_PATIENCE_MS)
            if not parts:
                raise MeasurementError(f"nothing more after {seen} messages")
            for messages in parts.values():
                for message in messages:
                    total += len(message.value or b"")
                seen += len(messages)
        return read(job, seen=seen, total=total, elapsed_s=time.perf_counter() - started)


async def _iterate(job: Job) -> Figures:
    """Read on from the first message, message by message, and look at every value."""
    async with _consumer(job) as consumer:
        await consumer.getone()
        started = time.perf_counter()
        seen = total = 0
        async for message in consumer:
            total += len(message.value or b"")
            seen += 1
            if seen == job.count:
                break
        return read(job, seen=seen, total=total, elapsed_s=time.perf_counter() - started)


async def _publish_one_by_one(job: Job) -> Figures:
    """Publish the next message when the one before is acknowledged."""
    async with _producer(job, linger_ms=0) as producer:
        samples: list[float] = []
        deadline = time.perf_counter() + job.seconds
        while len(samples) < job.count and time.perf_counter() < deadline:
            started = time.perf_counter()
            await producer.send_and_wait(job.topic, job.value, partition=0)
            samples.append(time.perf_counter() - started)
        return latency(samples)


async def _publish_concurrently(job: Job, *, max_batch_size: int = _BATCH_BYTES) -> Figures:
    """Publish from many tasks, each of which waits for its acknowledgement before it publishes the next message."""

    async def publish(turns: Iterator[int]) -> None:
        for _ in turns:
            await producer.send_and_wait(job.topic, job.value, partition=0)

    async with _producer(job, linger_ms=0, max_batch_size=max_batch_size) as producer:
        turns = iter(range(job.count))
        started = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for _ in range(job.connections):
                group.create_task(publish(turns))
        return rate(job.count, job.size, time.perf_counter() - started)


async def _first_messages_of_groups(job: Job) -> Figures:
    """Start a consumer as a new group on a topic that holds a message, and wait for that; then another one."""
    async with _producer(job, linger_ms=0):
        pass  # it has published one

    async def first_message() -> float:
        started = time.perf_counter()
        group = f"{job.topic}-{time.time_ns()}"
        consumer = AIOKafkaConsumer(
            job.topic, bootstrap_servers=job.address, auto_offset_reset="earliest", group_id=group
        )
        async with asyncio.timeout(job.seconds), consumer:
            await consumer.getone()
            return time.perf_counter() - started

    return {"elapsed_s": await first_message(), "again_s": await first_message()}


@asynccontextmanager
async def _producer(job: Job, *, linger_ms: int, max_batch_size: int = _BATCH_BYTES) -> AsyncIterator[Any]:
    settings = {"acks": "all", "linger_ms": linger_ms, "max_batch_size": max_batch_size}
    async with AIOKafkaProducer(bootstrap_servers=job.address, **settings) as producer:
        await producer.send_and_wait(job.topic, job.value, partition=0)
        yield producer


def _consumer(job: Job) -> Any:  # noqa: ANN401 - aiokafka is not typed
    return AIOKafkaConsumer(
        job.topic,
        bootstrap_servers=job.address,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        max_partition_fetch_bytes=_FETCH_BYTES,
    )


def _on_asyncio(operation: Callable[[Job], Coroutine[Any, Any, Figures]]) -> Callable[[Job], Figures]:
    return lambda job: asyncio.run(operation(job))


OPERATIONS: Final = {
    "produce": _on_asyncio(_produce),
    "consume": _on_asyncio(_consume),
    "iterate": _on_asyncio(_iterate),
    "publish_one_by_one": _on_asyncio(_publish_one_by_one),
    "publish_concurrently": _on_asyncio(_publish_concurrently),
    "publish_concurrently_by_default": _on_asyncio(partial(_publish_concurrently, max_batch_size=_DEFAULT_BATCH_BYTES)),
    "first_messages_of_groups": _on_asyncio(_first_messages_of_groups),
}
