"""GoMQ's own client, on asyncio or trio, with its default settings."""

import time
from collections.abc import Awaitable, Callable
from itertools import repeat
from typing import Final

import anyio

import gomq
from benchmarks.job import Job, latency, rate
from benchmarks.results import Figures, MeasurementError


async def _produce(job: Job) -> Figures:
    """Publish all with one ``publish_many``, which returns when the last is acknowledged."""
    async with gomq.Producer(job.address) as producer:
        await producer.publish(job.topic, job.value)
        started = time.perf_counter()
        await producer.publish_many(job.topic, repeat(job.value, job.count))
        return rate(job.count, job.size, time.perf_counter() - started)


async def _consume(job: Job) -> Figures:
    """Read from offset 0 batch by batch, and look at every value."""
    started = time.perf_counter()
    async with gomq.Consumer(job.address, job.topic, replay=True) as consumer:
        seen = total = 0
        async for batch in consumer.batches():
            for message in batch.messages:
                total += len(message.value or b"")
            seen += len(batch.messages)
            if seen >= job.count:
                break
        return _read(job, seen=seen, total=total, elapsed_s=time.perf_counter() - started)


async def _iterate(job: Job) -> Figures:
    """Read from offset 0 message by message, and look at every value."""
    started = time.perf_counter()
    async with gomq.Consumer(job.address, job.topic, replay=True) as consumer:
        seen = total = 0
        async for message in consumer:
            total += len(message.value or b"")
            seen += 1
            if seen == job.count:
                break
        return _read(job, seen=seen, total=total, elapsed_s=time.perf_counter() - started)


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


def _read(job: Job, *, seen: int, total: int, elapsed_s: float) -> Figures:
    if total != seen * job.size:
        raise MeasurementError(f"{total} bytes in {seen} messages of {job.size}")
    return rate(seen, job.size, elapsed_s)


def _on_backend(operation: Callable[[Job], Awaitable[Figures]]) -> Callable[[Job], Figures]:
    return lambda job: anyio.run(operation, job, backend=job.backend)


OPERATIONS: Final = {
    "produce": _on_backend(_produce),
    "consume": _on_backend(_consume),
    "iterate": _on_backend(_iterate),
    "publish_one_by_one": _on_backend(_publish_one_by_one),
}
