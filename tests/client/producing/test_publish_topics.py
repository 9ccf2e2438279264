"""Publishing to topics that are new, unknown, forbidden or without a leader, and to brokers that are too old."""

from dataclasses import replace
from functools import partial

import anyio
import pytest

import gomq
from gomq.client.cluster.settings import ConnectionSettings
from gomq.client.producing.settings import ProducerSettings
from gomq.errors import InvalidTopicError
from gomq.protocol.api import Api, Versions
from tests.client.producing.test_delivery import quick, values_in
from tests.support.fake_broker import FakeCluster, fails_with, hangs_up
from tests.support.fake_partition import Partition
from tests.support.waiting import until


async def test_a_topic_that_may_not_be_used_any_more_is_given_up_at_once(fake: FakeCluster):
    async with gomq.Producer(fake.address, settings=quick()) as producer:
        await producer.create_topic("orders")
        fake.always(Api.PRODUCE, fails_with(6))
        fake.always(Api.METADATA, fails_with(29))
        with anyio.fail_after(20), pytest.raises(gomq.BrokerError, match="'orders' cannot be used") as caught:
            await producer.publish("orders", b"x")

    assert caught.value.code == 29


async def test_a_topic_that_is_unknown_for_a_while_is_waited_for(fake: FakeCluster):
    async with gomq.Producer(fake.address, settings=quick()) as producer:
        await producer.create_topic("orders")
        fake.next(Api.PRODUCE, fails_with(3))
        fake.next(Api.METADATA, fails_with(3), hangs_up, fails_with(5))
        await producer.publish("orders", b"x")

    assert values_in(fake) == [b"x"]


async def test_a_topic_that_nobody_creates_is_unknown_to_all_who_ask_at_the_same_time(
    fake: FakeCluster, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("gomq.client.producing.finding._NEW_TOPIC_PATIENCE", 0.5)
    fake.answers.creates_topics = False
    caught: list[Exception] = []

    async def publish(producer: gomq.Producer) -> None:
        try:
            await producer.publish("orders", b"x")
        except gomq.UnknownTopicError as error:
            caught.append(error)

    async with gomq.Producer(fake.address, settings=quick()) as producer:
        with anyio.fail_after(4.5):  # one after the other they would take 5 s
            async with anyio.create_task_group() as group:
                for _ in range(10):
                    group.start_soon(publish, producer)
        assert {str(error) for error in caught} == {"topic 'orders' does not exist"}
        assert len({id(error) for error in caught}) == 10
        fake.answers.make_topic("orders")
        assert (await producer.publish("orders", b"now")).offset == 0


@pytest.mark.parametrize("idempotent", [True, False])
async def test_a_topic_that_was_deleted_is_not_waited_for_long(
    fake: FakeCluster, monkeypatch: pytest.MonkeyPatch, idempotent: bool
):
    monkeypatch.setattr("gomq.client.producing.errands._UNKNOWN_TOPIC_PATIENCE", 0.2)
    async with gomq.Producer(fake.address, settings=replace(quick(), idempotent=idempotent)) as producer:
        await producer.create_topic("orders")
        await producer.publish("orders", b"x")
        fake.answers.creates_topics = False
        del fake.answers.topics["orders"]
        with anyio.fail_after(20), pytest.raises(gomq.UnknownTopicError, match="topic 'orders' does not exist"):
            await producer.publish("orders", b"x")
        fake.answers.make_topic("orders")
        assert (await producer.publish("orders", b"made anew")).offset == 0


async def test_a_partition_that_a_topic_made_anew_does_not_have_is_not_waited_for_long(
    fake: FakeCluster, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("gomq.client.producing.errands._UNKNOWN_TOPIC_PATIENCE", 0.2)
    fake.answers.make_topic("orders", partitions=3)
    async with gomq.Producer(fake.address, settings=quick()) as producer:
        await producer.publish("orders", b"x", partition=2)
        fake.answers.make_topic("orders", partitions=1)
        async with anyio.create_task_group() as group:
            group.start_soon(partial(producer.publish, "orders", b"stays", partition=0))
            with anyio.fail_after(20), pytest.raises(gomq.UnknownTopicError, match="orders-2 is not there any more"):
                await producer.publish("orders", b"x", partition=2)
        assert (await producer.publish("orders", b"x", partition=0)).partition == 0


async def test_a_topic_without_a_leader_is_waited_for(fake: FakeCluster):
    (partition,) = fake.answers.make_topic("orders")
    partition.leader = -1
    async with gomq.Producer(fake.address, settings=quick()) as producer, anyio.create_task_group() as group:
        group.start_soon(producer.publish, "orders", b"x")
        await until(lambda: len(fake.asked(Api.METADATA)) > 3)
        partition.leader = 1

    assert values_in(fake) == [b"x"]


async def test_an_impossible_topic_name_is_refused_at_once(broker: gomq.Broker):
    async with gomq.Producer(broker.address) as producer:
        with anyio.fail_after(20), pytest.raises(InvalidTopicError, match="'no/slashes'"):
            await producer.publish("no/slashes", b"x")


@pytest.mark.parametrize(
    ("offered", "codec", "complaint"),
    [
        (Versions(0, 2), "none", "serves no version of PRODUCE that this client speaks"),
        (Versions(3, 6), "zstd", "too old for zstd: choose another codec"),
    ],
)
async def test_a_broker_that_is_too_old_is_named(fake: FakeCluster, offered: Versions, codec: str, complaint: str):
    fake.versions[Api.PRODUCE] = offered
    async with gomq.Producer(fake.address, codec=codec) as producer:
        with pytest.raises(gomq.GomqError, match=complaint):
            await producer.publish("orders", b"x")
        with pytest.raises(gomq.GomqError, match=complaint):
            await producer.publish_many("orders", [b"x"])


async def test_partitions_that_are_added_are_noticed_when_metadata_is_old(fake: FakeCluster):
    partitions = fake.answers.make_topic("orders")
    connection = ConnectionSettings(metadata_max_age=0.05)
    async with gomq.Producer(fake.address, settings=ProducerSettings(connection=connection)) as producer:
        await producer.publish("orders", b"x", key=b"k1")
        with pytest.raises(gomq.UnknownTopicError):
            await producer.publish("orders", b"x", partition=1)
        partitions.append(Partition())
        asked = len(fake.asked(Api.METADATA))
        await until(lambda: len(fake.asked(Api.METADATA)) > asked + 1)
        receipts = [await producer.publish("orders", b"x", key=b"k%d" % number) for number in range(10)]
        await producer.publish("orders", b"x", partition=1)

    assert {receipt.partition for receipt in receipts} == {0, 1}


async def test_what_is_no_topics_name_is_refused_where_it_is_given(fake: FakeCluster):
    async with gomq.Producer(fake.address, settings=quick()) as producer:
        for name in (None, b"orders", 7):
            with pytest.raises(TypeError, match="a topic is text, not "):
                await producer.publish(name, b"x")  # type: ignore[arg-type]
            with pytest.raises(TypeError, match="a topic is text, not "):
                await producer.publish_many(name, [b"x"])  # type: ignore[arg-type]


async def test_of_a_name_that_no_topic_may_have_it_is_said_why(fake: FakeCluster):
    async with gomq.Producer(fake.address, settings=quick()) as producer:
        fake.always(Api.METADATA, fails_with(17))
        with pytest.raises(InvalidTopicError, match="'a b' has characters other than ASCII letters"):
            await producer.publish("a b", b"x")


@pytest.mark.parametrize("address", [None, ["localhost:9092"], 9092])
async def test_an_address_that_is_no_text_is_refused_with_its_form(address: object):
    with pytest.raises(TypeError, match="an address, HOST:PORT or several of them, comma-separated, is text, not "):
        async with gomq.Producer(address):  # type: ignore[arg-type]
            pass
