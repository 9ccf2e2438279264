"""Several tasks and one consumer: each message goes to one, nobody is forgotten, and ``stop`` ends them all."""

from typing import Any

import anyio
import pytest

import gomq
from gomq.client.consuming.buffer import FetchBuffer
from gomq.client.consuming.fetched import Chunk
from gomq.errors import CorruptMessageError
from gomq_storage.batch import walk
from gomq_storage.layout import TopicPartition
from gomq_storage.record import NewRecord, encode_batch
from tests.client.consuming.test_consumer import fill
from tests.support.fake_broker import FakeCluster
from tests.support.waiting import until


async def test_each_message_goes_to_one_of_the_tasks(broker: gomq.Broker):
    await fill(broker.address, 600, partitions=3, max_batch_bytes=300)
    numbers: list[int] = []

    async def consume(consumer: gomq.Consumer) -> None:
        async for message in consumer:
            numbers.append(int(message.value or b""))
            await anyio.lowlevel.checkpoint()

    async with gomq.Consumer(broker.address, "orders", replay=True) as consumer, anyio.create_task_group() as group:
        for _ in range(5):
            group.start_soon(consume, consumer)
        await until(lambda: len(numbers) >= 600)
        await anyio.wait_all_tasks_blocked()
        consumer.stop()

    assert sorted(numbers) == list(range(600))


async def test_tasks_that_iterate_one_by_one_and_in_batches_share_the_messages(broker: gomq.Broker):
    await fill(broker.address, 3000, partitions=3, max_batch_bytes=400)
    numbers: list[int] = []

    async def one_by_one(consumer: gomq.Consumer) -> None:
        async for message in consumer:
            numbers.append(int(message.value or b""))
            await anyio.lowlevel.checkpoint()

    async def in_batches(consumer: gomq.Consumer) -> None:
        async for batch in consumer.batches():
            numbers.extend(int(message.value or b"") for message in batch.messages)
            await anyio.lowlevel.checkpoint()

    async with gomq.Consumer(broker.address, "orders", replay=True) as consumer, anyio.create_task_group() as group:
        for work in (one_by_one, in_batches, one_by_one, in_batches):
            group.start_soon(work, consumer)
        await until(lambda: len(numbers) >= 3000)
        await anyio.wait_all_tasks_blocked()
        consumer.stop()

    assert sorted(numbers) == list(range(3000))


async def test_stop_ends_the_iteration_of_every_task(fake: FakeCluster):
    fake.answers.make_topic("orders")
    ended = 0

    async def consume(consumer: gomq.Consumer) -> None:
        nonlocal ended
        async for _ in consumer:
            raise AssertionError("nothing was published")
        ended += 1

    with anyio.fail_after(10):
        async with gomq.Consumer(fake.address, "orders") as consumer, anyio.create_task_group() as group:
            for _ in range(3):
                group.start_soon(consume, consumer)
            await anyio.wait_all_tasks_blocked()
            consumer.stop()

    assert ended == 3


async def test_leaving_the_block_ends_the_iteration_of_tasks_elsewhere(fake: FakeCluster):
    fake.answers.make_topic("orders")

    async def consume(consumer: gomq.Consumer) -> None:
        assert [message async for message in consumer] == []

    with anyio.fail_after(10):
        async with anyio.create_task_group() as group, gomq.Consumer(fake.address, "orders") as consumer:
            group.start_soon(consume, consumer)
            group.start_soon(consume, consumer)
            await anyio.wait_all_tasks_blocked()


async def test_every_task_gets_an_error_of_its_own(fake: FakeCluster):
    (partition,) = fake.answers.make_topic("orders")
    caught: list[BaseException] = []

    async def consume(consumer: gomq.Consumer) -> None:
        with pytest.raises(gomq.BrokerError, match="orders-0 has no offset 0") as error:
            await anext(consumer)
        caught.append(error.value)

    with anyio.fail_after(10):
        async with gomq.Consumer(fake.address, "orders") as consumer, anyio.create_task_group() as group:
            partition.start = partition.end = 5
            for _ in range(3):
                group.start_soon(consume, consumer)

    assert len({id(error) for error in caught}) == 3


def chunk_of(*values: bytes, partition: int = 0, first: int = 0) -> Chunk:
    data = bytearray()
    for offset, value in enumerate(values, first):
        batch = encode_batch([NewRecord(value)], now_ms=0)
        data += offset.to_bytes(8, "big") + batch[8:]
    return Chunk(
        target=TopicPartition("orders", partition),
        wanted=first,
        data=bytes(data),
        batches=list(walk(bytes(data))),
        max_decompressed_bytes=1 << 20,
    )


async def test_all_who_wait_for_a_chunk_are_woken_by_it():
    buffer = FetchBuffer(max_bytes=1000)
    woken: list[Any] = []

    async def wait() -> None:
        await buffer.wait()
        woken.append(buffer.first)

    with anyio.fail_after(20):
        async with anyio.create_task_group() as group:
            for _ in range(3):
                group.start_soon(wait)
            await anyio.wait_all_tasks_blocked()
            buffer.put(chunk_of(b"x"))

    assert len(woken) == 3


async def test_all_who_wait_for_room_are_woken_by_it():
    buffer = FetchBuffer(max_bytes=1)
    buffer.put(chunk_of(b"x"))
    woken = 0

    async def wait() -> None:
        nonlocal woken
        await buffer.wait_for_room()
        woken += 1

    with anyio.fail_after(20):
        async with anyio.create_task_group() as group:
            for _ in range(3):
                group.start_soon(wait)
            await anyio.wait_all_tasks_blocked()
            assert woken == 0
            buffer.drop_first()

    assert woken == 3


async def test_a_failure_comes_behind_what_is_there_and_stays():
    buffer = FetchBuffer(max_bytes=1000)
    buffer.put(chunk_of(b"before"))
    buffer.fail(CorruptMessageError("first"))
    buffer.fail(CorruptMessageError("second"))
    assert not buffer.is_wanted

    await buffer.wait()
    chunk = buffer.first
    assert chunk is not None
    assert [message.value for message in chunk.take().messages] == [b"before"]
    buffer.drop_first()
    for _ in range(2):
        with pytest.raises(CorruptMessageError, match="first"):
            await buffer.wait()


async def test_the_failure_of_a_partition_goes_with_what_is_here_of_it():
    buffer = FetchBuffer(max_bytes=1000)
    first, second = (TopicPartition("orders", index) for index in range(2))
    buffer.put(chunk_of(b"a"))
    buffer.put(chunk_of(b"b", partition=1))
    buffer.fail(CorruptMessageError("of the first"), first)
    buffer.fail(CorruptMessageError("of the second"), second)
    buffer.drop([first])
    assert buffer.first is not None
    assert buffer.first.target == second
    buffer.drop_first()
    with pytest.raises(CorruptMessageError, match="of the second"):
        await buffer.wait()
    buffer.drop([second])
    assert buffer.is_wanted
