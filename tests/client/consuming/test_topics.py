"""Several topics, patterns and single partitions, those that come while a consumer reads, and those that go."""

import re
from typing import Literal

import anyio
import pytest

import gomq
from gomq.client.cluster.settings import ConnectionSettings
from gomq.client.consuming.settings import ConsumerSettings
from gomq.errors import LogTruncatedError
from gomq.protocol.api import Api
from gomq_storage.layout import TopicPartition
from tests.client.consuming.test_fetching import QUICK, fill, numbers, quick, take
from tests.support.fake_broker import FakeCluster, fails_with
from tests.support.fake_partition import Partition
from tests.support.waiting import until

OFTEN = ConsumerSettings(
    connection=ConnectionSettings(first_backoff=0.01, max_backoff=0.05, metadata_max_age=0.02), max_wait=0.02
)


async def test_several_topics_come_together(fake: FakeCluster):
    (orders,) = fake.answers.make_topic("orders")
    (bills,) = fake.answers.make_topic("bills")
    fake.answers.make_topic("others")
    fill(orders, 3)
    fill(bills, 3, first=3)
    async with gomq.Consumer(fake.address, ["orders", "bills"], replay=True, settings=quick()) as consumer:
        assert consumer.partitions == [("bills", 0), ("orders", 0)]
        assert sorted(await take(consumer, 6), key=str) == numbers(6)
        assert await consumer.end_offsets() == {("bills", 0): 3, ("orders", 0): 3}
        with pytest.raises(gomq.ConfigurationError, match="a partition's number is not enough"):
            consumer.position(0)


async def test_one_topic_of_several_that_does_not_exist_is_named(fake: FakeCluster):
    fake.answers.make_topic("orders")
    with anyio.fail_after(20), pytest.raises(gomq.UnknownTopicError, match="topic 'nowhere' does not exist"):
        async with gomq.Consumer(fake.address, ["orders", "nowhere"]):
            raise AssertionError("not reached")
    assert list(fake.answers.topics) == ["orders"]


async def test_a_pattern_takes_what_matches_and_creates_nothing(fake: FakeCluster):
    for name in ("orders", "orders.eu", "more.orders"):
        fill(fake.answers.make_topic(name)[0], 1)
    async with gomq.Consumer(fake.address, re.compile(r"orders.*"), replay=True, settings=quick()) as consumer:
        assert consumer.partitions == [("orders", 0), ("orders.eu", 0)]
        assert await take(consumer, 2) == [b"0", b"0"]
    assert not any(each.body.allow_auto_topic_creation for each in fake.asked(Api.METADATA))


async def test_topics_that_match_later_are_read_from_their_first_message(fake: FakeCluster):
    async with gomq.Consumer(fake.address, re.compile(r"orders.*"), settings=OFTEN) as consumer:
        assert consumer.partitions == []
        fake.answers.make_topic("others")
        (partition,) = fake.answers.make_topic("orders.eu")
        fill(partition, 3)
        assert await take(consumer, 3) == numbers(3)
        assert consumer.partitions == [("orders.eu", 0)]


async def test_new_partitions_are_read_from_their_first_message(fake: FakeCluster):
    partitions = fake.answers.make_topic("orders")
    fill(partitions[0], 3)
    async with gomq.Consumer(fake.address, "orders", settings=OFTEN) as consumer:
        partitions.append(Partition())
        fill(partitions[1], 3)
        assert await take(consumer, 3) == numbers(3)
        assert consumer.partitions == [("orders", 0), ("orders", 1)]
        fill(partitions[0], 1, first=3)
        assert await take(consumer, 1) == numbers(1, first=3)


async def test_a_topic_of_a_pattern_that_is_deleted_is_read_no_longer(
    fake: FakeCluster, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("gomq.client.consuming.fetcher._UNKNOWN_TOPIC_PATIENCE", 0.1)
    (gone,) = fake.answers.make_topic("orders.gone")
    (stays,) = fake.answers.make_topic("orders.stays")
    fill(gone, 2)
    async with gomq.Consumer(fake.address, re.compile(r"orders.*"), replay=True, settings=OFTEN) as consumer:
        assert await take(consumer, 2) == numbers(2)
        del fake.answers.topics["orders.gone"]
        await until(lambda: consumer.partitions == [("orders.stays", 0)])
        fill(stays, 1)
        assert await take(consumer, 1) == numbers(1)
        (again,) = fake.answers.make_topic("orders.gone")
        fill(again, 2, first=7)
        assert await take(consumer, 2) == numbers(2, first=7)


@pytest.mark.parametrize("is_same", [False, True], ids=["made anew", "not known for a while"])
async def test_a_topic_of_a_pattern_that_is_there_again_goes_on(
    fake: FakeCluster, monkeypatch: pytest.MonkeyPatch, is_same: bool
):
    monkeypatch.setattr("gomq.client.consuming.fetcher._UNKNOWN_TOPIC_PATIENCE", 0.01)
    (gone,) = fake.answers.make_topic("orders.gone")
    fill(gone, 2)
    settings = quick(retry_timeout=0.1)
    async with gomq.Consumer(fake.address, re.compile(r"orders.*"), replay=True, settings=settings) as consumer:
        assert await take(consumer, 2) == numbers(2)
        partitions = fake.answers.topics.pop("orders.gone")
        asked = len(fake.asked(Api.METADATA))
        await until(lambda: len(fake.asked(Api.METADATA)) > asked + 10)
        if is_same:
            fake.answers.topics["orders.gone"] = partitions
        else:
            (gone,) = fake.answers.make_topic("orders.gone")
        fill(gone, 3, first=2)
        assert await take(consumer, 3) == numbers(3, first=2)
        assert consumer.position(TopicPartition("orders.gone", 0)) == (5 if is_same else 3)


async def delete_and_make_anew(fake: FakeCluster) -> None:
    """Have a fetch that waits fail, as brokers do whose topic goes; the new topic is longer than the old one."""
    fake.next(Api.FETCH, fails_with(3))
    (again,) = fake.answers.make_topic("orders")
    fill(again, 4, first=100)


async def test_messages_of_a_topic_made_anew_are_not_passed_over_in_silence(fake: FakeCluster):
    (partition,) = fake.answers.make_topic("orders")
    fill(partition, 2)
    async with gomq.Consumer(fake.address, "orders", replay=True, settings=quick()) as consumer:
        assert await take(consumer, 2) == numbers(2)
        await delete_and_make_anew(fake)
        with anyio.fail_after(20), pytest.raises(LogTruncatedError, match="cut off at offset 0"):
            await anext(consumer)
        await consumer.seek(0, 0)
        assert await take(consumer, 4) == numbers(4, first=100)


@pytest.mark.parametrize("topics", ["orders", re.compile("order.*")], ids=["by name", "by pattern"])
async def test_a_topic_made_anew_is_read_from_its_first_message_where_that_is_the_policy(
    fake: FakeCluster, topics: str | re.Pattern[str]
):
    (partition,) = fake.answers.make_topic("orders")
    fill(partition, 2)
    policy: Literal["earliest", "raise"] = "earliest" if isinstance(topics, str) else "raise"
    async with gomq.Consumer(fake.address, topics, replay=True, out_of_range=policy, settings=quick()) as consumer:
        assert await take(consumer, 2) == numbers(2)
        await delete_and_make_anew(fake)
        assert await take(consumer, 4) == numbers(4, first=100)


async def test_partitions_can_be_chosen_one_by_one(fake: FakeCluster):
    orders = fake.answers.make_topic("orders", partitions=3)
    (bills,) = fake.answers.make_topic("bills")
    for number, partition in enumerate((*orders, bills)):
        fill(partition, 1, first=number)
    orders[0].leader = -1  # nobody asked for that one
    chosen = [TopicPartition("orders", 2), TopicPartition("bills", 0)]
    async with gomq.Consumer(fake.address, partitions=chosen, replay=True, settings=quick()) as consumer:
        assert consumer.assignment == frozenset(chosen)
        assert sorted(await take(consumer, 2), key=str) == [b"2", b"3"]


async def test_a_partition_that_does_not_exist_is_an_error_on_entering(fake: FakeCluster):
    fake.answers.make_topic("orders", partitions=2)
    with anyio.fail_after(20), pytest.raises(gomq.UnknownTopicError, match="'orders' has no partition 2: it has 2"):
        async with gomq.Consumer(fake.address, partitions=[TopicPartition("orders", 2)]):
            raise AssertionError("not reached")


async def test_one_broker_that_is_gone_does_not_hold_up_the_others(pair: FakeCluster):
    first, second = pair.answers.make_topic("orders", partitions=2)
    settings = ConsumerSettings(connection=QUICK, max_wait=0.05)
    async with gomq.Consumer(pair.address, "orders", replay=True, settings=settings) as consumer:
        pair.stop(2)
        for number in range(20):
            fill(first, 1, first=number)
            assert await take(consumer, 1) == [b"%d" % number]
        await pair.start(2)
        fill(second, 1, first=20)
        assert await take(consumer, 1) == [b"20"]
