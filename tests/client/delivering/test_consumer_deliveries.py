"""Deliveries of a consumer, against a broker: handled, delivered again, given up to another topic, stopped."""

import re
from pathlib import Path

import anyio
import pytest

import gomq
from gomq.client.delivering.delivery import Delivery
from gomq.errors import ClosedError, ConfigurationError, MessageNotHandledError
from gomq.protocol.api import Api
from gomq_storage.layout import TopicPartition
from tests.client.consuming.test_consumer import fill
from tests.client.producing.test_publish import everything
from tests.support.fake_broker import FakeCluster, Fault, fails_with, hangs_up, hangs_up_afterwards
from tests.support.waiting import until


async def test_every_message_is_handled_once_where_nothing_fails_and_its_partition_is_in_order(broker: gomq.Broker):
    await fill(broker.address, 600, partitions=3, max_batch_bytes=2000)
    handled: dict[int, list[int]] = {0: [], 1: [], 2: []}
    async with gomq.Consumer(broker.address, "orders", replay=True) as consumer:
        deliveries = consumer.deliveries(ack_timeout=10)
        async for delivery in deliveries:
            async with delivery:
                handled[delivery.message.partition].append(delivery.message.offset)
            if sum(map(len, handled.values())) == 600:
                break
        ends = await consumer.end_offsets()
        assert deliveries.points() == ends

    assert all(offsets == list(range(len(offsets))) for offsets in handled.values())


async def test_a_message_that_fails_comes_again_and_then_goes_to_the_dead_letter_topic_as_it_was(broker: gomq.Broker):
    async with gomq.Producer(broker.address) as producer:
        await producer.publish("orders", b"good")
        receipt = await producer.publish(
            "orders", b"bad", key=b"42", headers=[("trace", b"1"), ("trace", None)], timestamp=1234
        )
        await producer.publish("orders", None, key=b"gone")
    attempts: list[tuple[int, int]] = []
    async with gomq.Consumer(broker.address, "orders", replay=True) as consumer:

        async def handle(delivery: Delivery) -> None:
            attempts.append((delivery.message.offset, delivery.attempt))
            if delivery.message.offset == 2:
                consumer.stop()
                await delivery.reject("a tombstone")
            if delivery.message.value == b"bad":
                raise LookupError("no such order: é")

        await consumer.run(handle, max_attempts=3, backoff=0.001, dead_letter="orders.dead")
    first, second = await everything(broker.address, "orders.dead")

    assert attempts == [(0, 1), (1, 1), (1, 2), (1, 3), (2, 1)]
    assert (first.key, first.value, second.key, second.value) == (b"42", b"bad", b"gone", None)
    assert first.headers == (
        ("trace", b"1"),
        ("trace", None),
        ("gomq.dead-letter.topic", b"orders"),
        ("gomq.dead-letter.partition", b"0"),
        ("gomq.dead-letter.offset", b"%d" % receipt.offset),
        ("gomq.dead-letter.timestamp", b"1234"),
        ("gomq.dead-letter.attempts", b"3"),
        ("gomq.dead-letter.reason", "LookupError: no such order: é".encode()),
    )
    assert dict(second.headers)["gomq.dead-letter.reason"] == b"a tombstone"


async def test_the_dead_letter_topic_is_made_where_the_broker_makes_none_by_itself(data: Path):
    async with gomq.Broker(
        config=gomq.BrokerConfig(data=data, listen="127.0.0.1:0", auto_create_topics=False)
    ) as broker:
        await fill(broker.address, 2)
        async with gomq.Consumer(broker.address, "orders", replay=True) as consumer:
            async for delivery in consumer.deliveries(dead_letter="orders.dead"):
                await delivery.reject("no")
                if delivery.message.offset == 1:
                    break
        assert [each.value for each in await everything(broker.address, "orders.dead")] == [b"0", b"1"]


async def test_a_dead_letter_is_published_again_until_it_is_acknowledged(fake: FakeCluster):
    (partition,) = fake.answers.make_topic("orders")
    await publish(fake, b"x")
    letters = fake.answers.make_topic("orders.dead")
    fake.next(Api.PRODUCE, hangs_up, hangs_up_afterwards, fails_with(6))
    async with gomq.Consumer(fake.address, "orders", replay=True) as consumer:
        deliveries = consumer.deliveries(dead_letter="orders.dead")
        with anyio.fail_after(10):
            await (await anext(deliveries)).reject("no")

        assert deliveries.points() == {TopicPartition("orders", 0): partition.end}
    assert letters[0].end >= 1


async def test_a_dead_letter_waits_for_a_broker_that_is_gone_for_a_while(fake: FakeCluster):
    (partition,) = fake.answers.make_topic("orders")
    await publish(fake, b"x")
    async with gomq.Consumer(fake.address, "orders", replay=True) as consumer:
        deliveries = consumer.deliveries(dead_letter="orders.dead")
        delivery = await anext(deliveries)
        fake.stop(1)
        async with anyio.create_task_group() as group:
            group.start_soon(delivery.reject)
            await anyio.wait_all_tasks_blocked()
            assert deliveries.points() == {TopicPartition("orders", 0): 0}
            await fake.start(1)

        assert deliveries.points() == {TopicPartition("orders", 0): partition.end}


@pytest.mark.parametrize("fault", [hangs_up, fails_with(7), fails_with(41)], ids=["cut", "late", "not the controller"])
async def test_the_dead_letter_topic_is_made_when_what_was_in_the_way_has_passed(fake: FakeCluster, fault: Fault):
    (partition,) = fake.answers.make_topic("orders")
    await publish(fake, b"x")
    fake.answers.creates_topics = False
    fake.next(Api.CREATE_TOPICS, fault)
    async with gomq.Consumer(fake.address, "orders", replay=True) as consumer:
        deliveries = consumer.deliveries(dead_letter="orders.dead")
        with anyio.fail_after(10):
            await (await anext(deliveries)).reject("no")

        assert deliveries.points() == {TopicPartition("orders", 0): partition.end}


async def test_a_dead_letter_that_no_broker_takes_in_time_ends_the_deliveries(fake: FakeCluster):
    fake.answers.make_topic("orders")
    await publish(fake, b"x")
    async with gomq.Consumer(fake.address, "orders", replay=True, retry_timeout=0.2) as consumer:
        deliveries = consumer.deliveries(dead_letter="orders.dead", max_attempts=1)
        delivery = await anext(deliveries)
        fake.stop(1)
        async with delivery:
            raise LookupError("no")
        with anyio.fail_after(10), pytest.raises(MessageNotHandledError, match=r"does not take it: no connection to"):
            await anext(deliveries)


async def test_a_dead_letter_topic_that_refuses_ends_the_deliveries_and_the_message_is_not_done(fake: FakeCluster):
    fake.answers.make_topic("orders")
    await publish(fake, b"x")
    fake.answers.make_topic("orders.dead")
    fake.always(Api.PRODUCE, fails_with(10))
    async with gomq.Consumer(fake.address, "orders", replay=True) as consumer:
        deliveries = consumer.deliveries(dead_letter="orders.dead", max_attempts=1)
        with anyio.fail_after(10), pytest.raises(MessageNotHandledError, match=r"'orders\.dead' does not take it"):  # noqa: PT012 - the loop is tested
            async for delivery in deliveries:
                async with delivery:
                    raise LookupError

        assert deliveries.points() == {TopicPartition("orders", 0): 0}


async def publish(fake: FakeCluster, value: bytes) -> None:
    async with gomq.Producer(fake.address) as producer:
        await producer.publish("orders", value)


async def test_the_handler_form_ends_with_stop_and_with_the_consumers_block(broker: gomq.Broker):
    await fill(broker.address, 3)
    handled: list[bytes | None] = []

    async def handle(delivery: Delivery) -> None:
        handled.append(delivery.message.value)

    with anyio.fail_after(10):
        async with gomq.Consumer(broker.address, "orders", replay=True) as consumer, anyio.create_task_group() as group:
            group.start_soon(consumer.run, handle)
            await until(lambda: len(handled) == 3)
            consumer.stop()
        async with anyio.create_task_group() as group, gomq.Consumer(broker.address, "orders", replay=True) as consumer:
            group.start_soon(consumer.run, handle)
            await until(lambda: len(handled) == 6)

    assert handled == [b"0", b"1", b"2"] * 2


async def test_after_a_seek_the_messages_there_come_and_older_deliveries_do_not_count(broker: gomq.Broker):
    await fill(broker.address, 10)
    async with gomq.Consumer(broker.address, "orders", replay=True) as consumer:
        deliveries = consumer.deliveries(concurrency=2)
        old = await anext(deliveries)
        for offset in (7, 2):
            await consumer.seek(0, offset)
            async with await anext(deliveries) as delivery:
                assert delivery.message.offset == offset
            assert deliveries.points() == {TopicPartition("orders", 0): offset + 1}
        assert not await old.ack()


async def test_a_pause_holds_what_waits_in_memory_too_and_others_go_on(broker: gomq.Broker):
    seen: list[tuple[int, int]] = []

    async def handle(count: int) -> None:
        for _ in range(count):
            async with await anext(deliveries) as delivery:
                seen.append((delivery.message.partition, delivery.message.offset))

    async with gomq.Producer(broker.address) as producer:
        await producer.create_topic("orders", partitions=2)
        await producer.publish_many("orders", [b"x"] * 10, partition=0)
        async with gomq.Consumer(broker.address, "orders", replay=True) as consumer:
            deliveries = consumer.deliveries(concurrency=2, max_waiting=5)
            first = await anext(deliveries)
            with anyio.fail_after(10):
                async with anyio.create_task_group() as group:
                    group.start_soon(handle, 3)
                    await until(lambda: consumer.position(0) == 6)  # and no more is taken
                    consumer.pause(0)
                    await first.ack()
                    await producer.publish_many("orders", [b"x"] * 3, partition=1)
                assert seen == [(1, 0), (1, 1), (1, 2)]
                consumer.resume()
                await handle(9)

    assert seen[3:] == [(0, offset) for offset in range(1, 10)]


async def test_what_cannot_work_is_refused(broker: gomq.Broker):
    await fill(broker.address, 1)
    consumer = gomq.Consumer(broker.address, re.compile(r"orders.*"), replay=True)
    with pytest.raises(ClosedError):
        consumer.deliveries()
    async with consumer:
        with pytest.raises(ConfigurationError, match=r"dead_letter is 'orders\.dead', which is among the topics"):
            consumer.deliveries(dead_letter="orders.dead")
        with pytest.raises(ConfigurationError, match="concurrency must be at least 1"):
            consumer.deliveries(concurrency=0)
        deliveries = consumer.deliveries(dead_letter="dead.orders")
        with pytest.raises(ConfigurationError, match="a consumer has one deliveries"):
            consumer.deliveries()
        for asks in (lambda: anext(consumer), consumer.take):
            with pytest.raises(ConfigurationError, match="this consumer has deliveries"):
                await asks()
        with pytest.raises(ConfigurationError, match="this consumer has deliveries"):
            consumer.batches()
        delivery = await anext(deliveries)
    assert [each async for each in deliveries] == []
    assert await delivery.ack()


async def test_a_message_that_is_given_up_when_the_consumer_has_closed_stays_unfinished(broker: gomq.Broker):
    await fill(broker.address, 1)
    async with gomq.Consumer(broker.address, "orders", replay=True) as consumer:
        deliveries = consumer.deliveries(dead_letter="orders.dead")
        delivery = await anext(deliveries)
    await delivery.reject("no")

    assert deliveries.points() == {TopicPartition("orders", 0): 0}


async def test_a_restart_of_the_broker_is_survived(data: Path, kept_address: str):
    handled: list[bytes | None] = []

    async def consume() -> None:
        async with gomq.Consumer(kept_address, "orders", replay=True) as consumer:

            async def handle(delivery: Delivery) -> None:
                if delivery.message.offset == 2 and delivery.attempt == 1:
                    raise LookupError
                handled.append(delivery.message.value)

            await consumer.run(handle, dead_letter="orders.dead", backoff=0.001)

    async with anyio.create_task_group() as group:
        async with gomq.Broker(data=data, listen=kept_address):
            await fill(kept_address, 4)
            group.start_soon(consume)
            await until(lambda: len(handled) == 4)
        async with gomq.Broker(data=data, listen=kept_address):
            await fill(kept_address, 3)
            await until(lambda: len(handled) >= 7)
            group.cancel_scope.cancel()

    assert handled == [b"0", b"1", b"2", b"3", b"0", b"1", b"2"]
