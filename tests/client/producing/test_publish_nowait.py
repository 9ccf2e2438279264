"""``Producer.publish_nowait``: handed over in order, never waiting; a failure always reaches somebody."""

import anyio
import pytest

import gomq
from gomq.client.producing.publication import Publication
from gomq.client.producing.settings import ProducerSettings
from gomq.errors import ClosedError, InvalidTopicError
from gomq.protocol.api import Api
from tests.client.producing.test_delivery import quick, values_in
from tests.support.fake_broker import Exchange, FakeCluster, fails_with, stays_silent, waits_for
from tests.support.waiting import until


async def test_what_is_handed_over_arrives_in_order_though_the_topic_is_not_known_yet(fake: FakeCluster):
    numbers = [b"%d" % number for number in range(300)]
    async with gomq.Producer(fake.address) as producer:
        publications = [producer.publish_nowait("orders", number) for number in numbers[:100]]
        assert not any(publication.done for publication in publications)
        assert (await producer.publish("orders", numbers[100])).offset == 100
        publications += [producer.publish_nowait("orders", number) for number in numbers[101:200]]
        await producer.publish_many("orders", numbers[200:])

    assert values_in(fake) == numbers
    assert all(publication.done for publication in publications)
    receipts = [await publication.wait() for publication in publications]
    assert [receipt.offset for receipt in receipts] == [*range(100), *range(101, 200)]


async def test_a_full_buffer_would_block_and_a_wait_makes_room(fake: FakeCluster):
    answer = anyio.Event()
    fake.next(Api.PRODUCE, waits_for(answer))
    settings = ProducerSettings(max_batch_bytes=1000, buffer_bytes=1000)
    async with gomq.Producer(fake.address, settings=settings) as producer:
        first = producer.publish_nowait("orders", bytes(600))  # its topic is not known yet, but it takes room
        producer.publish_nowait("orders", bytes(600))
        with pytest.raises(anyio.WouldBlock):
            producer.publish_nowait("orders", b"")
        answer.set()
        await first.wait()
        await producer.flush()
        await producer.publish_nowait("orders", b"").wait()

    assert len(values_in(fake)) == 3


async def test_whoever_waits_gets_the_failure_and_nobody_else_does(fake: FakeCluster):
    async with gomq.Producer(fake.address) as producer:
        await producer.create_topic("orders")
        fake.next(Api.PRODUCE, fails_with(17))
        publication = producer.publish_nowait("orders", b"x")
        for _ in range(2):
            with pytest.raises(InvalidTopicError, match="orders-0"):
                await publication.wait()
        await producer.flush()


@pytest.mark.parametrize("how", ["flush", "leave"])
async def test_a_failure_that_nobody_waits_for_is_raised_and_names_the_messages(fake: FakeCluster, how: str):
    with pytest.raises(gomq.DeliveryFailedError) as caught:  # noqa: PT012 - the block is what is tested
        async with gomq.Producer(fake.address) as producer:
            await producer.create_topic("orders")
            fake.next(Api.PRODUCE, fails_with(17))
            for number in range(5):
                producer.publish_nowait("orders", b"%d" % number, key=b"k")
            if how == "flush":
                await producer.flush()
                raise AssertionError("not reached")

    assert "5 messages" in str(caught.value)
    assert "a message with key b'k' for orders-0" in str(caught.value)
    assert "and 2 more" in str(caught.value)
    named = [(each.topic, each.partition, each.message.value, each.number) for each in caught.value.undelivered]
    assert named == [("orders", 0, b"%d" % number, None) for number in range(5)]
    assert all(isinstance(each.reason, InvalidTopicError) for each in caught.value.undelivered)


async def test_a_failure_is_raised_once(fake: FakeCluster):
    async with gomq.Producer(fake.address) as producer:
        await producer.create_topic("orders")
        fake.next(Api.PRODUCE, fails_with(17))
        producer.publish_nowait("orders", b"x")
        with pytest.raises(gomq.DeliveryFailedError):
            await producer.flush()
        await producer.flush()


async def test_a_flush_leaves_a_failure_to_those_who_wait_for_it(fake: FakeCluster):
    go_on = anyio.Event()

    async def refuses_when_told(exchange: Exchange) -> None:
        await go_on.wait()
        await fails_with(17)(exchange)

    async def wait(publication: Publication) -> None:
        with pytest.raises(InvalidTopicError):
            await publication.wait()

    async with gomq.Producer(fake.address) as producer, anyio.create_task_group() as group:
        await producer.create_topic("orders")
        fake.next(Api.PRODUCE, refuses_when_told)
        publication = producer.publish_nowait("orders", b"x")
        group.start_soon(producer.flush)
        await anyio.wait_all_tasks_blocked()
        group.start_soon(wait, publication)
        await anyio.wait_all_tasks_blocked()
        go_on.set()


async def test_a_failure_whose_wait_was_cancelled_is_raised_by_flush(fake: FakeCluster):
    answer = anyio.Event()

    async def refuses_when_told(exchange: Exchange) -> None:
        await answer.wait()
        await fails_with(17)(exchange)

    async with gomq.Producer(fake.address) as producer:
        await producer.create_topic("orders")
        fake.next(Api.PRODUCE, refuses_when_told)
        publication = producer.publish_nowait("orders", b"x")
        with anyio.move_on_after(0.01):
            await publication.wait()
        answer.set()
        with pytest.raises(gomq.DeliveryFailedError):
            await producer.flush()


@pytest.mark.parametrize("named", [0, 2])
async def test_of_too_many_failures_only_the_first_are_kept_and_those_waited_for_do_not_count(
    fake: FakeCluster, monkeypatch: pytest.MonkeyPatch, named: int
):
    if named:
        monkeypatch.setattr("gomq.client.producing.publication._MOST_KEPT", named)
    settings = ProducerSettings(max_batch_bytes=400, buffer_bytes=400)
    async with gomq.Producer(fake.address, settings=settings) as producer:
        await producer.create_topic("orders")
        fake.always(Api.PRODUCE, fails_with(17))
        publications = [await handed_over(producer, bytes(200)) for _ in range(6)]
        await until(lambda: all(publication.done for publication in publications))
        for publication in publications[1:4]:
            with pytest.raises(InvalidTopicError):
                await publication.wait()
        with pytest.raises(gomq.DeliveryFailedError, match="3 messages") as caught:
            await producer.flush()
        assert len(caught.value.undelivered) == 1  # of two messages of 200 bytes one was waited for
        for publication in publications:
            with pytest.raises(InvalidTopicError):
                await publication.wait()
        await producer.flush()


async def handed_over(producer: gomq.Producer, value: bytes) -> Publication:
    """Hand a message over when there is room."""
    while True:
        try:
            return producer.publish_nowait("orders", value)
        except anyio.WouldBlock:
            await anyio.wait_all_tasks_blocked()


async def test_a_topic_that_is_not_there_fails_those_who_were_handed_over_for_it(
    fake: FakeCluster, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("gomq.client.producing.finding._NEW_TOPIC_PATIENCE", 0.1)
    fake.answers.creates_topics = False
    async with gomq.Producer(fake.address, settings=quick()) as producer:
        publication = producer.publish_nowait("orders", b"x")
        producer.publish_nowait("orders", b"y", partition=3)
        with pytest.raises(gomq.UnknownTopicError, match="'orders' does not exist"):
            await publication.wait()
        with pytest.raises(gomq.DeliveryFailedError, match=r"1 message .*'orders' does not exist") as caught:
            await producer.flush()
        assert [(each.partition, each.message.value) for each in caught.value.undelivered] == [(3, b"y")]
        fake.answers.make_topic("orders")
        assert (await producer.publish_nowait("orders", b"now").wait()).offset == 0


async def test_a_partition_that_is_not_there_is_told_at_once_or_by_the_publication(fake: FakeCluster):
    async with gomq.Producer(fake.address) as producer:
        publication = producer.publish_nowait("orders", b"x", partition=3)
        with pytest.raises(gomq.UnknownTopicError, match="no partition 3"):
            await publication.wait()
        with pytest.raises(gomq.UnknownTopicError, match="no partition 3"):
            producer.publish_nowait("orders", b"x", partition=3)


async def test_a_deadline_counts_while_the_topic_is_not_known(fake: FakeCluster):
    async with gomq.Producer(fake.address, settings=quick(delivery_timeout=0.2)) as producer:
        fake.always(Api.METADATA, stays_silent)
        with anyio.fail_after(20), pytest.raises(gomq.DeliveryFailedError, match="a message for orders"):
            await producer.publish_nowait("orders", b"x").wait()
        with anyio.fail_after(20), pytest.raises(gomq.DeliveryFailedError):
            await producer.publish("orders", b"x")


async def test_a_wait_that_is_cancelled_leaves_the_message_on_its_way(fake: FakeCluster):
    answer = anyio.Event()
    fake.next(Api.PRODUCE, waits_for(answer))
    async with gomq.Producer(fake.address) as producer:
        publication = producer.publish_nowait("orders", b"x")
        with anyio.move_on_after(0.01):
            await publication.wait()
        assert not publication.done
        answer.set()

    assert values_in(fake) == [b"x"]


async def test_a_block_that_ends_badly_tells_whoever_waits(fake: FakeCluster):
    fake.always(Api.PRODUCE, stays_silent)
    told: list[BaseException] = []

    async def wait(publication: Publication) -> None:
        try:
            await publication.wait()
        except ClosedError as error:
            told.append(error)

    async with anyio.create_task_group() as group:
        with pytest.raises(LookupError):  # noqa: PT012 - the block is what is tested
            async with gomq.Producer(fake.address) as producer:
                group.start_soon(wait, producer.publish_nowait("orders", b"x"))
                await until(lambda: fake.asked(Api.PRODUCE))
                group.start_soon(wait, producer.publish_nowait("unknown", b"x"))
                raise LookupError

    assert len(told) == 2
