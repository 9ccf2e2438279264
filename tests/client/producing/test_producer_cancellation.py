"""A producer that is cancelled wherever it waits: nothing is left behind, and what was acknowledged is stored once."""

import os
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from itertools import count

import anyio
import pytest

import gomq
from gomq.client.producing.settings import ProducerSettings
from gomq.errors import ClosedError
from gomq.protocol.api import Api
from tests.client.producing.test_delivery import QUICK
from tests.support.cancelling import cancelled_at
from tests.support.fake_broker import FakeCluster, hangs_up_afterwards
from tests.support.waiting import until

Work = Callable[[gomq.Producer, int, list[bytes]], Awaitable[None]]


async def publish(producer: gomq.Producer, number: int, acknowledged: list[bytes]) -> None:
    for value in (b"%d a" % number, b"%d b" % number):
        await producer.publish("orders", value)
        acknowledged.append(value)


async def publish_nowait(producer: gomq.Producer, number: int, acknowledged: list[bytes]) -> None:
    values = [b"%d %d" % (number, each) for each in range(5)]
    for publication in [producer.publish_nowait("orders", value) for value in values]:
        await publication.wait()
    acknowledged += values


async def publish_many(producer: gomq.Producer, number: int, acknowledged: list[bytes]) -> None:
    values = [b"%d %d" % (number, each) for each in range(100)]
    await producer.publish_many("orders", values)
    acknowledged += values


async def publish_many_slowly(producer: gomq.Producer, number: int, acknowledged: list[bytes]) -> None:
    values = [b"%d %d" % (number, each) for each in range(10)]

    async def slowly() -> AsyncIterator[bytes]:
        for value in values:
            yield value
            await anyio.lowlevel.checkpoint()

    await producer.publish_many("orders", slowly())
    acknowledged += values


async def leave(producer: gomq.Producer, number: int, acknowledged: list[bytes]) -> None:  # noqa: ARG001
    """What is flushed on leaving is only known to be acknowledged behind the block."""
    producer.publish_nowait("orders", b"%d left" % number)


@pytest.mark.parametrize("work", [publish, publish_nowait, publish_many, publish_many_slowly, leave])
@pytest.mark.parametrize("trouble", [False, True], ids=["well", "lost answers"])
async def test_wherever_it_is_cancelled_nothing_leaks_and_nothing_is_there_twice(
    fake: FakeCluster, work: Work, trouble: bool
):
    settings = ProducerSettings(connection=QUICK, max_batch_bytes=300, buffer_bytes=1000)
    acknowledged: list[bytes] = []

    async def use(number: int) -> None:
        mine: list[bytes] = []
        if trouble:
            fake.next(Api.PRODUCE, hangs_up_afterwards)
        try:
            async with gomq.Producer(fake.address, settings=settings) as producer:
                await work(producer, number, mine)
        finally:
            acknowledged.extend(mine)
            fake._scripts[Api.PRODUCE].clear()

    await use(0)
    await until(lambda: not names_of_tasks())
    descriptors = len(os.listdir("/proc/self/fd"))
    number = 0
    for number in count(1):
        if not await cancelled_at(number, partial(use, number)):
            break
        assert names_of_tasks() == set()
    await until(lambda: len(os.listdir("/proc/self/fd")) <= descriptors)

    assert number > 5
    stored = Counter(record.value for record in fake.answers.topics["orders"][0].records())
    assert set(stored.values()) == {1}
    assert set(acknowledged) <= set(stored)


def names_of_tasks() -> set[str]:
    return {task.name for task in anyio.get_running_tasks() if task.name and "gomq." in task.name}


@pytest.mark.parametrize("work", [publish, publish_nowait, publish_many, publish_many_slowly])
async def test_a_producer_goes_on_after_a_call_that_was_cancelled_anywhere(fake: FakeCluster, work: Work):
    settings = ProducerSettings(connection=QUICK, max_batch_bytes=300, buffer_bytes=1000)
    acknowledged: list[bytes] = []
    async with gomq.Producer(fake.address, settings=settings) as producer:
        for number in count(1):
            if not await cancelled_at(number, partial(work, producer, number, acknowledged)):
                break
            await producer.publish("orders", b"%d next" % number)
        await producer.flush()
        assert producer._accumulator.unfinished() == []
        assert producer._accumulator._size == 0
    with pytest.raises(ClosedError):
        await producer.publish("orders", b"")

    stored = Counter(record.value for record in fake.answers.topics["orders"][0].records())
    assert set(stored.values()) == {1}
    assert {*acknowledged, *(b"%d next" % each for each in range(1, number))} <= set(stored)
