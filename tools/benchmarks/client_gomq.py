"""GoMQ's own client, on asyncio, with uvloop too, or trio, with its default settings."""

import time
from collections.abc import Awaitable, Callable, Iterator
from itertools import repeat
from typing import Any, Final

import anyio

import gomq
from benchmarks.job import Job, latency, rate, read
from benchmarks.results import Figures


async def _produce(job: Job) -> Figures:
    """Publish all with one ``publish_many``, which returns when the last is acknowledged."""
    async with gomq.Producer(job.address) as producer:
        await producer.publish(job.topic, job.value)
        started = time.perf_counter()
        await producer.publish_many(job.topic, repeat(job.value, job.count))
        return rate(job.count, job.size, time.perf_counter() - started)


async def _consume(job: Job) -> Figures:
    """Read on from the first batch, batch by batch, and look at every value."""
    async with gomq.Consumer(job.address, job.topic, replay=True) as consumer:
        batches = consumer.batches()
        await anext(batches)
        started = time.perf_counter()
        seen = total = 0
        async for batch in batches:
            for message in batch.messages:
                total += len(message.value or b"")
            seen += len(batch)
            if seen >= job.count:
                break
        return read(job, seen=seen, total=total, elapsed_s=time.perf_counter() - started)


async def _consume_values(job: Job) -> Figures:
    """Read on from the first batch, and look at every value without the message around it."""
    async with gomq.Consumer(job.address, job.topic, replay=True) as consumer:
        batches = consumer.batches()
        await anext(batches)
        started = time.perf_counter()
        seen = total = 0
        async for batch in batches:
            for value in batch.values:
                total += len(value or b"")
            seen += len(batch)
            if seen >= job.count:
                break
        return read(job, seen=seen, total=total, elapsed_s=time.perf_counter() - started)


async def _iterate(job: Job) -> Figures:
    """Read on from the first message, message by message, and look at every value."""
    async with gomq.Consumer(job.address, job.topic, replay=True) as consumer:
        await anext(consumer)
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
    async with gomq.Producer(job.address) as producer:
        await producer.publish(job.topic, job.value)
        samples: list[float] = []
        deadline = time.perf_counter() + job.seconds
        while len(samples) < job.count and time.perf_counter() < deadline:
            started = time.perf_counter()
            await producer.publish(job.topic, job.value)
            samples.append(time.perf_counter() - started)
        return latency(samples)


async def _publish_concurrently(job: Job) -> Figures:
    """Publish from many tasks, each of which waits for its acknowledgement before it publishes the next message."""

    async def publish(turns: Iterator[int]) -> None:
        for _ in turns:
            await producer.publish(job.topic, job.value)

    async with gomq.Producer(job.address) as producer:
        await producer.publish(job.topic, job.value)
        turns = iter(range(job.count))
        started = time.perf_counter()
        async with anyio.create_task_group() as group:
            for _ in range(job.connections):
                group.start_soon(publish, turns)
        return rate(job.count, job.size, time.perf_counter() - started)


async def _first_messages_of_groups(job: Job) -> Figures:
    """Enter a consumer as a new group on a topic that holds a message, and wait for that; then another one."""
    async with gomq.Producer(job.address) as producer:
        await producer.publish(job.topic, job.value)

    async def first_message() -> float:
        group = f"{job.topic}-{time.time_ns()}"
        with anyio.fail_after(job.seconds):
            started = time.perf_counter()
            async with gomq.Consumer(job.address, job.topic, start="earliest", group=group) as consumer:
                await anext(consumer)
                return time.perf_counter() - started

    return {"elapsed_s": await first_message(), "again_s": await first_message()}


def _on_backend(operation: Callable[[Job], Awaitable[Figures]]) -> Callable[[Job], Figures]:
    return lambda job: anyio.run(operation, job, **_BACKENDS[job.backend])


_BACKENDS: Final[dict[str, Any]] = {
    "asyncio": {"backend": "asyncio"},
    "uvloop": {"backend": "asyncio", "backend_options": {"use_uvloop": True}},
    "trio": {"backend": "trio"},
}
OPERATIONS: Final = {
    "produce": _on_backend(_produce),
    "consume": _on_backend(_consume),
    "consume_values": _on_backend(_consume_values),
    "iterate": _on_backend(_iterate),
    "publish_one_by_one": _on_backend(_publish_one_by_one),
    "publish_concurrently": _on_backend(_publish_concurrently),
    "first_messages_of_groups": _on_backend(_first_messages_of_groups),
}
