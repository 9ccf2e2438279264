"""``Consumer`` against a real broker: replay and from now on, one by one and in batches, positions and ends."""

from pathlib import Path

import anyio
import pytest

import gomq
from gomq.client.cluster.settings import ConnectionSettings
from gomq.client.consuming.settings import ConsumerSettings
from gomq.errors import ClosedError
from gomq_storage.layout import TopicPartition
from tests.client.producing.test_publish import everything
from tests.support.waiting import until

ORDERS = TopicPartition("orders", 0)


async def fill(address: str, count: int, *, partitions: int = 1, max_batch_bytes: int = 1_000_000) -> None:
    async with gomq.Producer(address, max_batch_bytes=max_batch_bytes) as producer:
        await producer.create_topic("orders", partitions=partitions, if_not_exists=True)
        await producer.publish_many("orders", [b"%d" % number for number in range(count)])


async def test_replay_begins_with_the_first_message(broker: gomq.Broker):
    await fill(broker.address, 1000)
    async with gomq.Consumer(broker.address, "orders", replay=True) as consumer:
        messages = [await anext(consumer) for _ in range(1000)]

    assert [message.offset for message in messages] == list(range(1000))
    assert [message.value for message in messages] == [b"%d" % number for number in range(1000)]


async def test_without_replay_come_only_those_published_in_the_block(broker: gomq.Broker):
    await fill(broker.address, 100, partitions=3)
    async with gomq.Consumer(broker.address, "orders") as consumer, gomq.Producer(broker.address) as producer:
        for partition in range(3):
            await producer.publish("orders", b"new %d" % partition, partition=partition)
        messages = [await anext(consumer) for _ in range(3)]

    assert sorted(message.value or b"" for message in messages) == [b"new 0", b"new 1", b"new 2"]


async def test_every_partition_comes_whole_and_in_its_order(broker: gomq.Broker):
    await fill(broker.address, 5000, partitions=5, max_batch_bytes=1000)
    stored = await everything(broker.address, "orders")

    assert sorted(int(message.value or b"") for message in stored) == list(range(5000))
    for partition in range(5):
        offsets = [message.offset for message in stored if message.partition == partition]
        assert offsets == list(range(len(offsets)))
        assert offsets


@pytest.mark.parametrize("partitions", [1, 3])
async def test_batches_end_where_they_are_told_and_the_rest_comes_later(broker: gomq.Broker, partitions: int):
    await fill(broker.address, 600, partitions=partitions, max_batch_bytes=2000)
    async with gomq.Consumer(broker.address, "orders", replay=True) as consumer:
        ends = await consumer.end_offsets()
        half = {partition: end // 2 for partition, end in ends.items()}
        first = [message async for batch in consumer.batches(until=half) for message in batch.messages]
        assert {partition: consumer.position(partition) for partition in ends} == half
        assert [batch async for batch in consumer.batches(until=half)] == []
        second = [message async for batch in consumer.batches(until=ends) for message in batch.messages]

    assert sum(ends.values()) == 600
    assert all(message.offset < half[TopicPartition(*message[:2])] for message in first)
    assert all(message.offset >= half[TopicPartition(*message[:2])] for message in second)
    assert len(first) + len(second) == len({message[1:3] for message in first + second}) == 600


async def test_batches_of_an_empty_topic_end_at_once(broker: gomq.Broker):
    await fill(broker.address, 0, partitions=2)
    async with gomq.Consumer(broker.address, "orders", replay=True) as consumer:
        with anyio.fail_after(20):
            assert [batch async for batch in consumer.batches(until=await consumer.end_offsets())] == []


async def test_each_batch_is_of_one_partition_and_holds_something(broker: gomq.Broker):
    await fill(broker.address, 3000, partitions=3, max_batch_bytes=700)
    async with gomq.Consumer(broker.address, "orders", replay=True) as consumer:
        batches = [batch async for batch in consumer.batches(until=await consumer.end_offsets())]

    assert all(batch.messages for batch in batches)
    assert all({message.partition for message in batch.messages} == {batch.partition} for batch in batches)


async def test_after_a_break_the_iteration_goes_on_with_the_next_message(broker: gomq.Broker):
    await fill(broker.address, 900, max_batch_bytes=3000)
    numbers: list[int] = []
    async with gomq.Consumer(broker.address, "orders", replay=True) as consumer:
        while len(numbers) < 300:
            async for message in consumer:
                numbers.append(int(message.value or b""))
                if len(numbers) % 7 == 0:
                    break
        assert consumer.position(0) == len(numbers)
        async for batch in consumer.batches():
            numbers += [int(message.value or b"") for message in batch.messages]
            if len(numbers) >= 600:
                break
        while len(numbers) < 900:
            numbers.append(int((await anext(consumer)).value or b""))

    assert numbers == list(range(900))


async def test_positions_and_offsets(broker: gomq.Broker):
    await fill(broker.address, 10)
    async with gomq.Consumer(broker.address, "orders", replay=True) as consumer:
        assert consumer.partitions == [ORDERS]
        assert (await consumer.beginning_offsets(), await consumer.end_offsets()) == ({ORDERS: 0}, {ORDERS: 10})
        assert consumer.position(0) == 0
        await anext(consumer)
        assert consumer.position(0) == 1
        with pytest.raises(gomq.UnknownTopicError, match="'orders' has no partition 1"):
            consumer.position(1)
    async with gomq.Consumer(broker.address, "orders") as consumer:
        assert consumer.position(0) == 10


async def test_an_unknown_topic_is_named_and_not_created(broker: gomq.Broker):
    with anyio.fail_after(20), pytest.raises(gomq.UnknownTopicError, match="topic 'nowhere' does not exist"):
        async with gomq.Consumer(broker.address, "nowhere", replay=True):
            raise AssertionError("not reached")
    async with gomq.Admin(broker.address) as admin:
        assert await admin.list_topics() == []


async def test_outside_of_its_block_a_consumer_says_so(broker: gomq.Broker):
    await fill(broker.address, 1)
    consumer = gomq.Consumer(broker.address, "orders", replay=True)
    with pytest.raises(ClosedError, match=r"use it inside of `async with Consumer\(...\)`"):
        await anext(consumer)
    with pytest.raises(ClosedError):
        consumer.batches()
    with pytest.raises(ClosedError):
        await consumer.end_offsets()
    async with consumer:
        await anext(consumer)
    assert [message async for message in consumer] == []
    with pytest.raises(ClosedError):
        await consumer.end_offsets()


async def test_a_restart_of_the_broker_is_survived_without_loss_or_duplicates(data: Path, kept_address: str):
    settings = ConsumerSettings(connection=ConnectionSettings(first_backoff=0.01, max_backoff=0.05))
    numbers: list[int] = []

    async def consume() -> None:
        async with gomq.Consumer(kept_address, "orders", replay=True, settings=settings) as consumer:
            async for batch in consumer.batches():
                numbers.extend(int(message.value or b"") for message in batch.messages)

    async with anyio.create_task_group() as group:
        async with gomq.Broker(data=data, listen=kept_address):
            await fill(kept_address, 100, max_batch_bytes=500)
            group.start_soon(consume)
            await until(lambda: len(numbers) == 100)
        async with gomq.Broker(data=data, listen=kept_address):
            await fill(kept_address, 100, max_batch_bytes=500)
            await until(lambda: len(numbers) == 200)
        async with gomq.Broker(data=data, listen=kept_address):
            await fill(kept_address, 100, max_batch_bytes=500)
            await until(lambda: len(numbers) >= 300)
            group.cancel_scope.cancel()

    assert numbers == list(range(100)) * 3


async def test_a_cancelled_iteration_loses_nothing(broker: gomq.Broker):
    await fill(broker.address, 50)
    numbers: list[int] = []
    async with gomq.Consumer(broker.address, "orders", replay=True) as consumer:

        async def read() -> None:
            while True:
                numbers.append(int((await anext(consumer)).value or b""))

        async with anyio.create_task_group() as group:
            group.start_soon(read)
            await until(lambda: len(numbers) == 50)
            await anyio.wait_all_tasks_blocked()
            group.cancel_scope.cancel()
        await fill(broker.address, 3)
        with anyio.fail_after(10):
            numbers += [int((await anext(consumer)).value or b"") for _ in range(3)]

    assert numbers == [*range(50), 0, 1, 2]


async def test_a_loop_over_buffered_messages_can_be_cancelled(broker: gomq.Broker):
    await fill(broker.address, 20_000)
    seen = 0
    async with gomq.Consumer(broker.address, "orders", replay=True) as consumer:
        with anyio.CancelScope() as scope:
            async for _ in consumer:
                seen += 1
                if seen == 10:
                    scope.cancel()

    assert 10 <= seen < 20_000
