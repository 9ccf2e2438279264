"""``take``: what is there, as soon as anything is, and a list without anything once the time is over."""

import anyio
import pytest

import gomq
from gomq.errors import CorruptMessageError
from tests.client.consuming.test_fetching import fill, numbers, quick
from tests.support.fake_broker import FakeCluster
from tests.support.waiting import until


async def test_nothing_in_time_is_an_empty_list(fake: FakeCluster):
    fake.answers.make_topic("orders")
    async with gomq.Consumer(fake.address, "orders", settings=quick()) as consumer:
        assert await consumer.take(timeout=0.05) == []
        assert await consumer.take(timeout=0) == []


async def test_no_more_is_taken_than_was_asked_for_and_the_rest_comes_next(fake: FakeCluster):
    partitions = fake.answers.make_topic("orders", partitions=3)
    for index, partition in enumerate(partitions):
        fill(partition, 20, first=20 * index)
    found: list[int] = []
    async with gomq.Consumer(fake.address, "orders", replay=True, settings=quick()) as consumer:
        while len(found) < 60:
            messages = await consumer.take(7, timeout=5)
            assert 1 <= len(messages) <= 7
            found += [int(message.value or b"") for message in messages]
            assert sum(consumer.position(each) for each in consumer.partitions) == len(found)

    for index in range(3):
        mine = [number for number in found if number // 20 == index]
        assert mine == list(range(20 * index, 20 * index + 20))


async def test_it_returns_as_soon_as_anything_comes(fake: FakeCluster):
    (partition,) = fake.answers.make_topic("orders")
    async with gomq.Consumer(fake.address, "orders", settings=quick()) as consumer, anyio.create_task_group() as group:
        found: list[bytes | None] = []

        async def wait() -> None:
            found.extend(message.value for message in await consumer.take(100, timeout=None))

        group.start_soon(wait)
        await anyio.wait_all_tasks_blocked()
        fill(partition, 1)
        await until(lambda: found == numbers(1))


async def test_messages_left_by_an_iteration_are_taken_first(fake: FakeCluster):
    (partition,) = fake.answers.make_topic("orders")
    fill(partition, 9)
    async with gomq.Consumer(fake.address, "orders", replay=True, settings=quick()) as consumer:
        found = [(await anext(consumer)).offset for _ in range(3)]
        found += [message.offset for message in await consumer.take(2, timeout=5)]
        found.append((await anext(consumer)).offset)
        async for batch in consumer.batches(until={0: 8}):
            found += batch.offsets
        while len(found) < 9:
            found += [message.offset for message in await consumer.take(timeout=5)]

    assert found == list(range(9))


async def test_what_comes_before_a_corrupt_batch_is_taken_before_its_error(fake: FakeCluster):
    (partition,) = fake.answers.make_topic("orders")
    fill(partition, 3)
    end, batch = partition.batches[2]
    partition.batches[2] = (end, batch[:-1] + bytes([batch[-1] ^ 1]))
    async with gomq.Consumer(fake.address, "orders", replay=True, settings=quick()) as consumer:
        assert [message.value for message in await consumer.take(timeout=5)] == numbers(2)
        for _ in range(2):
            with pytest.raises(CorruptMessageError, match="orders-0 at offset 2"):
                await consumer.take(timeout=5)
        await consumer.seek(0, 3)
        fill(partition, 1, first=3)
        assert [message.value for message in await consumer.take(timeout=5)] == numbers(1, first=3)


async def test_after_stop_there_is_nothing_to_take(fake: FakeCluster):
    (partition,) = fake.answers.make_topic("orders")
    fill(partition, 3)
    async with gomq.Consumer(fake.address, "orders", replay=True, settings=quick()) as consumer:
        assert len(await consumer.take(1, timeout=5)) == 1
        consumer.stop()
        with anyio.fail_after(20):
            assert await consumer.take(timeout=None) == []


async def test_less_than_one_message_cannot_be_taken(fake: FakeCluster):
    fake.answers.make_topic("orders")
    async with gomq.Consumer(fake.address, "orders", settings=quick()) as consumer:
        with pytest.raises(gomq.ConfigurationError, match="at least 1, not 0"):
            await consumer.take(0)
