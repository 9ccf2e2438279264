"""Topics are fetched by their ids (KIP-516): one that is made anew is not taken for the one before."""

import anyio
import pytest

import gomq
from gomq.client.groups.settings import GroupSettings
from gomq.errors import LogTruncatedError
from gomq.protocol.api import Api, Versions
from tests.client.consuming.test_fetching import fill, numbers, quick, take
from tests.support.fake_broker import FakeCluster, fails_with
from tests.support.fake_group import FakeGroup
from tests.support.waiting import until

UNKNOWN_TOPIC_ID = 100
INCONSISTENT_TOPIC_ID = 103


def make_anew(fake: FakeCluster, count: int) -> None:
    """Delete the topic and make it anew, with more messages than there were."""
    (again,) = fake.answers.make_topic("orders")
    fill(again, count, first=100)


async def test_topics_are_asked_for_by_their_ids(fake: FakeCluster):
    (partition,) = fake.answers.make_topic("orders")
    fill(partition, 3)
    async with gomq.Consumer(fake.address, "orders", replay=True, settings=quick()) as consumer:
        assert await take(consumer, 3) == numbers(3)
    asked = fake.asked(Api.FETCH)[-1]
    assert asked.head.version == 17
    assert asked.body.topics[0].topic_id == fake.answers.topic_ids["orders"]


@pytest.mark.parametrize("why", ["no ids in metadata", "no ids of this topic", "no ids in Fetch"])
async def test_where_a_broker_has_no_ids_topics_are_asked_for_by_name(fake: FakeCluster, why: str):
    (partition,) = fake.answers.make_topic("orders")
    fill(partition, 3)
    if why == "no ids in metadata":
        fake.versions[Api.METADATA] = Versions(0, 9)
    elif why == "no ids in Fetch":
        fake.versions[Api.FETCH] = Versions(4, 12)
    else:
        del fake.answers.topic_ids["orders"]
    async with gomq.Consumer(fake.address, "orders", replay=True, settings=quick()) as consumer:
        assert await take(consumer, 3) == numbers(3)
    asked = fake.asked(Api.FETCH)[-1]
    assert (asked.head.version, asked.body.topics[0].topic) == (12, "orders")


async def test_a_topic_made_anew_is_seen_by_the_next_fetch_though_it_has_the_offset(fake: FakeCluster):
    (partition,) = fake.answers.make_topic("orders")
    fill(partition, 2)
    async with gomq.Consumer(fake.address, "orders", replay=True, settings=quick()) as consumer:
        assert await take(consumer, 2) == numbers(2)
        make_anew(fake, 4)
        with anyio.fail_after(20), pytest.raises(LogTruncatedError, match="cut off at offset 0"):
            await anext(consumer)
        await consumer.seek(0, 0)
        assert await take(consumer, 4) == numbers(4, first=100)


@pytest.mark.parametrize("code", [UNKNOWN_TOPIC_ID, INCONSISTENT_TOPIC_ID])
async def test_a_broker_that_does_not_know_an_id_yet_is_asked_again(fake: FakeCluster, code: int):
    (partition,) = fake.answers.make_topic("orders")
    fill(partition, 3)
    fake.next(Api.FETCH, fails_with(code), fails_with(code))
    async with gomq.Consumer(fake.address, "orders", replay=True, settings=quick()) as consumer:
        asked = len(fake.asked(Api.METADATA))
        assert await take(consumer, 3) == numbers(3)
    assert len(fake.asked(Api.METADATA)) >= asked + 2


async def test_a_position_in_a_topic_that_is_gone_is_not_committed_for_the_one_that_bears_its_name(fake: FakeCluster):
    group = FakeGroup(fake)
    (partition,) = fake.answers.make_topic("orders")
    fill(partition, 2)
    settings = GroupSettings("group", commit_interval=0.01)
    with anyio.fail_after(10):
        async with gomq.Consumer(fake.address, "orders", replay=True, group=settings, settings=quick()) as consumer:
            assert await take(consumer, 2) == numbers(2)
            make_anew(fake, 4)
            with pytest.raises(LogTruncatedError):
                await consumer.take(timeout=None)
            group.committed.clear()  # as brokers do with a topic that is deleted
            await consumer.commit()
            assert not group.committed
            await consumer.seek(0, 0)
            assert await take(consumer, 4) == numbers(4, first=100)
            await consumer.commit()
            assert group.committed == {("orders", 0): 4}
        await until(lambda: group.committed == {("orders", 0): 4})
