"""Measuring a broker with GoMQ's client: publishing, receiving, and how long it takes from one to the other."""

import json
import os
import time
from collections.abc import Mapping, Sequence
from typing import Final

import anyio

import gomq
from gomq.cli.asking import notice
from gomq.cli.bench.histogram import Histogram
from gomq.cli.bench.plan import MARK_BYTES, Load, Schedule, values
from gomq.cli.bench.report import Tally, latency_fields, latency_line
from gomq.cli.bench.session import Clock, Target, consumer_settings, measure, opened_producers, progress_lines

_IN_FLIGHT: Final = 4
"""Pieces of a load that a producer has on their way at the same time, where as many go as can."""
_IN_FLIGHT_AT_RATE: Final = 64
"""Where the rate is limited: what is late is not to hold up what is due."""
_ARRIVAL_SECONDS: Final = 10.0
"""For how long messages that are acknowledged may be on their way to the consumer."""


async def bench_publish(target: Target, load: Load) -> int:
    """Measure publishing; the exit code is returned."""
    tally, clock = Tally("published"), Clock()

    async def work(topic: str) -> None:
        async with opened_producers(target, load) as producers:
            await producers[0].publish_many(topic, [])  # the topic is known, and connected to
            async with progress_lines(tally, target.interval):
                await _publish(producers, topic, load, tally, clock.start())
                clock.stop()

    return await measure(target, clock, work, lambda: _tell(target, load, tally, clock))


async def bench_subscribe(target: Target, load: Load) -> int:
    """Measure receiving what a topic has; one that is made for it is filled first. The exit code is returned."""
    tally, clock = Tally("received"), Clock()

    async def work(topic: str) -> None:
        if target.topic is None:
            notice(f"publishing {load.count} messages to be received")
            async with opened_producers(target, load) as producers:
                await _publish(producers, topic, load, Tally("published"), time.perf_counter())
        async with gomq.Consumer(target.broker, topic, replay=True, settings=consumer_settings(target)) as consumer:
            until = await consumer.end_offsets()
            async with progress_lines(tally, target.interval):
                await _receive(consumer, until, load, tally, clock)
                clock.stop()

    return await measure(target, clock, work, lambda: _tell(target, load, tally, clock))


async def bench_latency(target: Target, load: Load) -> int:
    """Measure how long a message takes to its acknowledgement, and to a consumer that waits for it."""
    tally, acknowledged, clock = Tally("delivered"), Histogram(), Clock()

    async def work(topic: str) -> None:
        async with (
            gomq.Consumer(target.broker, topic, start="latest", settings=consumer_settings(target)) as consumer,
            opened_producers(target, load) as producers,
            progress_lines(tally, target.interval),
        ):
            way = _Way(load, tally, acknowledged)
            await way.measure(producers, consumer, topic, clock)
            clock.stop()

    def tell() -> None:
        if target.output_format == "json":
            found = _about(target, load) | tally.fields(clock.seconds)
            print(json.dumps(found | {"acknowledgement": latency_fields(acknowledged)}))
            return
        print(f"{tally.messages} messages delivered, {latency_line(tally.latency)}")
        print(f"{acknowledged.count} messages acknowledged, {latency_line(acknowledged)}")

    return await measure(target, clock, work, tell)


async def _publish(producers: Sequence[gomq.Producer], topic: str, load: Load, tally: Tally, start: float) -> None:
    schedule = Schedule(load, start=start)
    stock = values(load, seed=0)

    async def publish(producer: gomq.Producer) -> None:
        while (piece := schedule.next(time.perf_counter())) is not None:
            count, due = piece
            await _wait_until(due)
            await producer.publish_many(topic, stock[:count])
            tally.add(count, count * load.size, time.perf_counter() - due)

    in_flight = _IN_FLIGHT if load.rate is None else _IN_FLIGHT_AT_RATE
    async with anyio.create_task_group() as group:
        for producer in producers:
            for _ in range(in_flight):
                group.start_soon(publish, producer)


async def _receive(
    consumer: gomq.Consumer, until: Mapping[gomq.TopicPartition, int], load: Load, tally: Tally, clock: Clock
) -> None:
    start = clock.start()
    async for batch in consumer.batches(until=until):
        tally.add(len(batch), sum(len(value) for value in batch.values if value is not None))
        if load.count is not None and tally.messages >= load.count:
            return
        if load.seconds is not None and time.perf_counter() - start >= load.seconds:
            return


class _Way:
    """Messages on their way: each bears the mark of this run and its number, by which the consumer knows it again.

    Args:
        load: how many, how large, how often.
        tally: of those that have arrived.
        acknowledged: how long it took until they were acknowledged.
    """

    def __init__(self, load: Load, tally: Tally, acknowledged: Histogram) -> None:
        self._load = load
        self._tally = tally
        self._acknowledged = acknowledged
        self._run = os.urandom(MARK_BYTES)
        self._due: dict[bytes, float] = {}
        self._arrived = anyio.Event()
        self._is_published = False

    async def measure(
        self, producers: Sequence[gomq.Producer], consumer: gomq.Consumer, topic: str, clock: Clock
    ) -> None:
        """Publish, and wait until all has arrived."""
        await producers[0].publish_many(topic, [])  # the topic is known, and connected to
        schedule = Schedule(self._load, start=clock.start())
        async with anyio.create_task_group() as receiving:
            receiving.start_soon(self._receive, consumer)
            async with anyio.create_task_group() as publishing:
                for producer in producers:
                    for _ in range(_IN_FLIGHT_AT_RATE):
                        publishing.start_soon(self._publish, producer, topic, schedule)
            self._is_published = True
            if self._due:
                with anyio.move_on_after(_ARRIVAL_SECONDS) as waiting:
                    await self._arrived.wait()
                if waiting.cancelled_caught:
                    notice(f"gomq: {len(self._due)} messages have not arrived within {_ARRIVAL_SECONDS:g} s")
            receiving.cancel_scope.cancel()

    async def _publish(self, producer: gomq.Producer, topic: str, schedule: Schedule) -> None:
        padding = values(self._load, seed=0)[0][2 * MARK_BYTES :]
        while (piece := schedule.next(time.perf_counter())) is not None:
            _, due = piece
            await _wait_until(due)
            number = os.urandom(MARK_BYTES)
            self._due[number] = due
            await producer.publish(topic, self._run + number + padding)
            self._acknowledged.record(time.perf_counter() - due)

    async def _receive(self, consumer: gomq.Consumer) -> None:
        async for batch in consumer.batches():
            now = time.perf_counter()
            for value in batch.values:
                if value is None or not value.startswith(self._run):
                    continue
                due = self._due.pop(value[MARK_BYTES : 2 * MARK_BYTES], None)
                if due is not None:
                    self._tally.add(1, len(value), now - due)
            if self._is_published and not self._due:
                self._arrived.set()


async def _wait_until(due: float) -> None:
    pause = due - time.perf_counter()
    await (anyio.sleep(pause) if pause > 0 else anyio.lowlevel.checkpoint())


def _about(target: Target, load: Load) -> dict[str, object]:
    return {
        "topic": target.topic,
        "size": load.size,
        "rate": load.rate,
        "acks": target.acks,
        "codec": target.codec,
        "producers": target.producers,
        "partitions": target.partitions if target.topic is None else None,
    }


def _tell(target: Target, load: Load, tally: Tally, clock: Clock) -> None:
    if target.output_format == "json":
        print(json.dumps(_about(target, load) | tally.fields(clock.seconds)))
    else:
        print(tally.summary(clock.seconds))
