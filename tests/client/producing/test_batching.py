"""How messages share batches and requests, and how whoever publishes too fast is held back."""

import math
from functools import partial

import anyio

import gomq
from gomq.client.cluster.settings import ConnectionSettings
from gomq.client.producing.settings import ProducerSettings
from gomq.protocol.api import Api
from gomq_storage.batch import walk
from tests.support.fake_broker import Exchange, FakeCluster, answers, fails_with, stays_silent, waits_for
from tests.support.waiting import until


def batch_sizes(request: Exchange) -> list[int]:
    """How many records each batch of a Produce request has."""
    return [
        header.record_count
        for topic in request.body.topic_data
        for partition in topic.partition_data
        for _, header in walk(bytes(partition.records))
    ]


async def publish_numbers(producer: gomq.Producer, count: int, *, done: list[int] | None = None) -> None:
    """One task for each message, in their order."""

    async def publish(number: int) -> None:
        await producer.publish("orders", b"%d" % number)
        if done is not None:
            done.append(number)

    async with anyio.create_task_group() as group:
        for number in range(count):
            group.start_soon(publish, number)


async def test_what_is_published_while_a_batch_is_on_its_way_shares_the_next_one(fake: FakeCluster):
    answer = anyio.Event()
    async with gomq.Producer(fake.address) as producer:
        await producer.create_topic("orders")
        await producer.publish("orders", b"first")
        fake.next(Api.PRODUCE, waits_for(answer))
        async with anyio.create_task_group() as group:
            group.start_soon(producer.publish, "orders", b"second")
            await until(lambda: len(fake.asked(Api.PRODUCE)) == 2)
            group.start_soon(publish_numbers, producer, 50)
            await anyio.wait_all_tasks_blocked()
            answer.set()

    assert [batch_sizes(request) for request in fake.asked(Api.PRODUCE)] == [[1], [1], [50]]


async def test_a_lone_message_does_not_wait_for_company(fake: FakeCluster):
    async with gomq.Producer(fake.address) as producer:
        with anyio.fail_after(20):
            for _ in range(20):
                await producer.publish("orders", b"x")

    assert [batch_sizes(request) for request in fake.asked(Api.PRODUCE)] == [[1]] * 20


async def test_with_linger_a_batch_waits_for_others(fake: FakeCluster):
    async with gomq.Producer(fake.address, linger=0.05) as producer:
        await producer.create_topic("orders")
        started = anyio.current_time()
        await publish_numbers(producer, 10)
        assert anyio.current_time() - started >= 0.05
        await producer.publish("orders", b"later")

    assert [batch_sizes(request) for request in fake.asked(Api.PRODUCE)] == [[10], [1]]


async def test_a_flush_does_not_wait_for_linger_nor_end_it(fake: FakeCluster):
    async with gomq.Producer(fake.address, linger=3600) as producer, anyio.create_task_group() as group:
        with anyio.fail_after(10):
            await producer.create_topic("orders")
            group.start_soon(publish_numbers, producer, 3)
            await anyio.wait_all_tasks_blocked()
            assert fake.asked(Api.PRODUCE) == []
            await producer.flush()
            group.start_soon(publish_numbers, producer, 2)
            await anyio.wait_all_tasks_blocked()
            assert len(fake.asked(Api.PRODUCE)) == 1
            await producer.flush()
        assert [batch_sizes(request) for request in fake.asked(Api.PRODUCE)] == [[3], [2]]


async def test_a_flush_of_nothing_returns(fake: FakeCluster):
    async with gomq.Producer(fake.address) as producer:
        with anyio.fail_after(20):
            await producer.flush()


async def test_a_batch_is_not_larger_than_it_may_be(fake: FakeCluster):
    async with gomq.Producer(fake.address, max_batch_bytes=200) as producer:
        await producer.create_topic("orders")
        await publish_numbers(producer, 20)
        await producer.publish_many("orders", [bytes(10)] * 20)

    assert max(len(data) for _, data in fake.answers.topics["orders"][0].batches) <= 200
    assert len(fake.answers.topics["orders"][0].records()) == 40


async def test_batches_for_several_partitions_of_a_broker_share_a_request(fake: FakeCluster):
    fake.answers.make_topic("orders", partitions=4)
    async with gomq.Producer(fake.address) as producer, anyio.create_task_group() as group:
        for partition in range(4):
            group.start_soon(partial(producer.publish, "orders", b"x", partition=partition))

    assert [batch_sizes(request) for request in fake.asked(Api.PRODUCE)] == [[1, 1, 1, 1]]


async def test_a_request_does_not_grow_without_end(fake: FakeCluster):
    fake.answers.make_topic("orders", partitions=20)
    async with gomq.Producer(fake.address, linger=3600) as producer, anyio.create_task_group() as group:
        for partition in range(20):
            group.start_soon(partial(producer.publish, "orders", bytes(1_000_000), partition=partition))
        await until(lambda: len(producer._accumulator.unfinished()) == 20)
        await producer.flush()

    assert [len(batch_sizes(request)) for request in fake.asked(Api.PRODUCE)] == [17, 3]


async def test_a_full_buffer_makes_publishers_wait_and_lets_them_go_on(fake: FakeCluster):
    answer = anyio.Event()
    fake.next(Api.PRODUCE, waits_for(answer))
    settings = ProducerSettings(max_batch_bytes=1000, buffer_bytes=1000)
    done: list[int] = []
    async with gomq.Producer(fake.address, settings=settings) as producer, anyio.create_task_group() as group:
        await producer.create_topic("orders")
        group.start_soon(partial(publish_numbers, producer, 300, done=done))
        await until(lambda: fake.asked(Api.PRODUCE))
        await anyio.wait_all_tasks_blocked()
        assert len(producer._accumulator.unfinished()) == 2
        assert sum(batch.count for batch in producer._accumulator.unfinished()) < 60
        answer.set()

    assert sorted(done) == list(range(300))
    assert len(fake.answers.topics["orders"][0].records()) == 300


async def test_a_partition_in_trouble_does_not_hold_up_the_others(pair: FakeCluster):
    pair.answers.make_topic("orders", partitions=2)
    pair.next(Api.PRODUCE, stays_silent)
    producer = gomq.Producer(pair.address, request_timeout=0.5, delivery_timeout=math.inf)
    async with producer, anyio.create_task_group() as group:
        group.start_soon(partial(producer.publish, "orders", b"stuck", partition=0))
        await until(lambda: pair.asked(Api.PRODUCE))
        for _ in range(5):
            await producer.publish("orders", b"free", partition=1)
        assert pair.answers.topics["orders"][0].end == 0

    assert [partition.end for partition in pair.answers.topics["orders"]] == [1, 5]


async def test_a_broker_that_always_answers_with_an_error_is_asked_with_pauses(fake: FakeCluster):
    fake.always(Api.PRODUCE, fails_with(6))
    connection = ConnectionSettings(first_backoff=0.05, max_backoff=0.05)
    async with gomq.Producer(fake.address, settings=ProducerSettings(connection=connection)) as producer:
        began = anyio.current_time()
        async with anyio.create_task_group() as group:
            group.start_soon(producer.publish, "orders", b"x")
            await until(lambda: len(fake.asked(Api.PRODUCE)) >= 7)
            took = anyio.current_time() - began
            fake.always(Api.PRODUCE, answers)

    assert took >= 6 * 0.05 / 2  # a pause is between half of that and all of it
    assert len(fake.asked(Api.METADATA)) <= 15
