"""aiokafka as a client, on asyncio, tuned as far as its documentation goes."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from itertools import repeat
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from benchmarks.job import Job, latency, rate
from benchmarks.results import Figures, MeasurementError

_BATCH_BYTES: Final = 500_000
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


async def _produce_batches(job: Job) -> Figures:
    """The caller fills the batches itself: a lower-level interface than ``publish_many``, for information."""
    async with _producer(job, linger_ms=5) as producer:
        started = time.perf_counter()
        acknowledgements = []
        value = job.value
        left = job.count
        while left:
            batch = producer.create_batch()
            while left and batch.append(key=None, value=value, timestamp=None) is not None:
                left -= 1
            acknowledgements.append(await producer.send_batch(batch, job.topic, partition=0))
        await asyncio.gather(*acknowledgements)
        return rate(job.count, job.size, time.perf_counter() - started)


async def _consume(job: Job) -> Figures:
    """Read from offset 0 with ``getmany``, and look at every value."""
    started = time.perf_counter()
    async with _consumer(job) as consumer:
        seen = total = 0
        while seen < job.count:
            parts = await consumer.getmany(timeout_ms=_PATIENCE_MS)
            if not parts:
                raise MeasurementError(f"nothing more after {seen} messages")
            for messages in parts.values():
                for message in messages:
                    total += len(message.value or b"")
                seen += len(messages)
        return _read(job, seen=seen, total=total, elapsed_s=time.perf_counter() - started)


async def _iterate(job: Job) -> Figures:
    """Read from offset 0 message by message, and look at every value."""
    started = time.perf_counter()
    async with _consumer(job) as consumer:
        seen = total = 0
        async for message in consumer:
            total += len(message.value or b"")
            seen += 1
            if seen == job.count:
                break
        return _read(job, seen=seen, total=total, elapsed_s=time.perf_counter() - started)


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


@asynccontextmanager
async def _producer(job: Job, *, linger_ms: int) -> AsyncIterator[Any]:
    settings = {"acks": "all", "linger_ms": linger_ms, "max_batch_size": _BATCH_BYTES}
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


def _read(job: Job, *, seen: int, total: int, elapsed_s: float) -> Figures:
    if total != seen * job.size:
        raise MeasurementError(f"{total} bytes in {seen} messages of {job.size}")
    return rate(seen, job.size, elapsed_s)


def _on_asyncio(operation: Callable[[Job], Coroutine[Any, Any, Figures]]) -> Callable[[Job], Figures]:
    return lambda job: asyncio.run(operation(job))


OPERATIONS: Final = {
    "produce": _on_asyncio(_produce),
    "produce_batches": _on_asyncio(_produce_batches),
    "consume": _on_asyncio(_consume),
    "iterate": _on_asyncio(_iterate),
    "publish_one_by_one": _on_asyncio(_publish_one_by_one),
}
