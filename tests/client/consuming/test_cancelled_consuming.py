"""Cancelled at whatever await: no message is lost, none comes twice, and the consumer is as good as before."""

from collections.abc import Awaitable, Callable

import anyio
import pytest

import gomq
from gomq_storage.layout import TopicPartition
from tests.client.consuming.test_fetching import batch_of, numbers, quick
from tests.support.fake_broker import FakeCluster

ORDERS = TopicPartition("orders", 0)
STEPS = 40
"""So many turns of the loop later; by then a fetch has come and gone."""

Consume = Callable[[gomq.Consumer], Awaitable[list[int]]]


async def one(consumer: gomq.Consumer) -> list[int]:
    return [(await anext(consumer)).offset]


async def batch(consumer: gomq.Consumer) -> list[int]:
    return (await anext(consumer.batches())).offsets


async def batch_with_an_end(consumer: gomq.Consumer) -> list[int]:
    return (await anext(consumer.batches(until={ORDERS: 1 << 40}))).offsets


async def some(consumer: gomq.Consumer) -> list[int]:
    return [message.offset for message in await consumer.take(3, timeout=5)]


async def cancelled_after(turns: int, consume: Consume, consumer: gomq.Consumer) -> list[int]:
    """What it returned, which it may have done all the same."""
    found: list[int] = []

    async def cancel(scope: anyio.CancelScope) -> None:
        for _ in range(turns):
            await anyio.lowlevel.checkpoint()
        scope.cancel()

    async with anyio.create_task_group() as group:
        with anyio.CancelScope() as scope:
            group.start_soon(cancel, scope)
            found += await consume(consumer)
        group.cancel_scope.cancel()
    return found


@pytest.mark.parametrize("consume", [one, batch, batch_with_an_end, some], ids=lambda each: each.__name__)
async def test_each_message_comes_once(fake: FakeCluster, consume: Consume):
    (partition,) = fake.answers.make_topic("orders")
    found: list[int] = []
    async with gomq.Consumer(fake.address, "orders", replay=True, settings=quick(fetch_bytes=200)) as consumer:
        for turns in range(STEPS):
            partition.append(batch_of(*numbers(3)))
            found += await cancelled_after(turns, consume, consumer)
            assert consumer.position(0) == len(found)
        with anyio.fail_after(10):
            while len(found) < 3 * STEPS:
                found += await consume(consumer)

    assert found == list(range(3 * STEPS))


async def test_a_seek_that_is_cancelled_is_done_or_not_and_never_half(fake: FakeCluster):
    (partition,) = fake.answers.make_topic("orders")
    for _ in range(10):
        partition.append(batch_of(*numbers(3)))
    async with gomq.Consumer(fake.address, "orders", replay=True, settings=quick(max_wait=0.01)) as consumer:

        async def seek(consumer: gomq.Consumer) -> list[int]:
            await consumer.seek(0, "latest")
            return [1]

        with anyio.fail_after(10):
            for turns in range(STEPS):
                await consumer.seek(0, 5)
                assert await one(consumer) == [5]
                is_done = await cancelled_after(turns, seek, consumer)
                assert consumer.position(0) == (30 if is_done else 6)


@pytest.mark.parametrize("turns", range(0, 60, 3))
async def test_entering_that_is_cancelled_leaves_nothing_behind(fake: FakeCluster, turns: int):
    fake.answers.make_topic("orders")

    async def enter(consumer: gomq.Consumer) -> list[int]:
        async with consumer:
            await anyio.sleep_forever()
        return []

    consumer = gomq.Consumer(fake.address, "orders")
    assert await cancelled_after(turns, enter, consumer) == []
    assert consumer._intake.is_closed
