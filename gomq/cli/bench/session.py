"""What every measurement has around it: a topic for the time of it, producers, lines that say how it goes, Ctrl-C."""

import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Final

import anyio

import gomq
from gomq.cli.asking import notice, patient
from gomq.cli.bench.plan import Load
from gomq.cli.bench.report import Tally
from gomq.cli.interrupts import interruptible
from gomq.client.consuming.settings import ConsumerSettings
from gomq.client.producing.settings import Acks, ProducerSettings, parse_acks, parse_codec
from gomq.errors import GomqError

_REMOVAL_SECONDS: Final = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What is measured, and how."""

    broker: str
    topic: str | None
    """None for one that is made for the time of it."""
    partitions: int
    """Of one that is made."""
    acks: Acks
    codec: str
    linger: float
    producers: int
    timeout: float
    """Seconds for which brokers are waited for."""
    interval: float
    """Seconds between lines that say how it goes; 0 for none."""
    output_format: str


class Clock:
    """How long it took, or has taken so far."""

    def __init__(self) -> None:
        self._started: float | None = None
        self._ended: float | None = None

    def start(self) -> float:
        """Begin, and return the time by ``time.perf_counter``."""
        self._started = time.perf_counter()
        return self._started

    def stop(self) -> None:
        """Nothing more is counted."""
        self._ended = time.perf_counter()

    @property
    def has_started(self) -> bool:
        """Whether anything was measured."""
        return self._started is not None

    @property
    def seconds(self) -> float:
        """How long; 0 where it has not begun."""
        if self._started is None:
            return 0.0
        return (time.perf_counter() if self._ended is None else self._ended) - self._started


async def measure(
    target: Target, clock: Clock, work: Callable[[str], Awaitable[None]], on_end: Callable[[], None]
) -> int:
    """Measure until it is done or somebody interrupts it; either way say what was found, and leave no topic behind.

    Args:
        target: what is measured.
        clock: started by the work where the measurement begins.
        work: measures with a topic.
        on_end: says what was found, where it had begun.

    Returns:
        the exit code.
    """
    async with interruptible(grace=_REMOVAL_SECONDS) as interruption:
        with interruption.scope:
            async with _topic(target) as topic:
                with anyio.CancelScope() as scope:
                    interruption.stop = scope.cancel
                    await work(topic)
                if clock.has_started:
                    on_end()
    return interruption.exit_code


@asynccontextmanager
async def opened_producers(target: Target, load: Load) -> AsyncIterator[list[gomq.Producer]]:
    """Open the producers."""
    async with AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(
                gomq.Producer(
                    target.broker,
                    settings=ProducerSettings(
                        connection=patient(target.timeout),
                        acks=parse_acks(target.acks),
                        codec=parse_codec(target.codec),
                        linger=target.linger,
                        max_batch_bytes=load.batch_bytes,
                        buffer_bytes=max(32 << 20, 2 * load.batch_bytes),
                        delivery_timeout=target.timeout,
                    ),
                )
            )
            for _ in range(target.producers)
        ]


def consumer_settings(target: Target) -> ConsumerSettings:
    """Say how consumers wait."""
    return ConsumerSettings(connection=patient(target.timeout), retry_timeout=target.timeout)


@asynccontextmanager
async def progress_lines(tally: Tally, seconds: float) -> AsyncIterator[None]:
    """Say on stderr every so many seconds how it goes; never where that is 0."""

    async def tell() -> None:
        before = time.perf_counter()
        while True:
            await anyio.sleep(seconds)
            now = time.perf_counter()
            notice(tally.interval(now - before))
            before = now

    async with anyio.create_task_group() as group:
        if seconds:
            group.start_soon(tell)
        yield
        group.cancel_scope.cancel()


@asynccontextmanager
async def _topic(target: Target) -> AsyncIterator[str]:
    """Take the topic that is named, or make one and delete it at the end, whatever happens."""
    if target.topic is not None:
        yield target.topic
        return
    name = f"gomq-bench-{os.urandom(4).hex()}"
    is_asked_for = False
    try:
        async with gomq.Admin(target.broker, settings=patient(target.timeout), retry_timeout=target.timeout) as admin:
            is_asked_for = True
            await admin.create_topic(name, partitions=target.partitions)
        yield name
    finally:
        if is_asked_for:
            await _remove(target.broker, name)


async def _remove(broker: str, name: str) -> None:
    """Delete the topic, if it is there, however much is cancelled around it."""
    with anyio.move_on_after(_REMOVAL_SECONDS, shield=True) as scope:
        try:
            async with gomq.Admin(broker) as admin:
                await admin.delete_topic(name, if_exists=True)
        except GomqError as error:
            notice(f"gomq: topic {name} is left: {error}")
    if scope.cancelled_caught:
        notice(f"gomq: topic {name} is left: the broker did not delete it within {_REMOVAL_SECONDS:g} s")
