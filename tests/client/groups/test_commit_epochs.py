"""Commits tell the leader epoch of what was consumed: whoever goes on sees whether the log has that still (KIP-320)."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest

import gomq
from gomq.client.groups.settings import GroupSettings
from gomq.errors import LogTruncatedError
from gomq.protocol.api import Api
from gomq_storage.layout import TopicPartition
from tests.client.consuming.test_fetching import fill, numbers, quick, take
from tests.client.consuming.test_truncation import elect, old_versions
from tests.support.fake_broker import Exchange, FakeCluster
from tests.support.fake_group import FakeGroup
from tests.support.fake_partition import Partition
from tests.support.waiting import until

ORDERS = TopicPartition("orders", 0)
STORAGE_ERROR = 56


@pytest.fixture(autouse=True)
def group(pair: FakeCluster) -> FakeGroup:
    return FakeGroup(pair)


@pytest.fixture(autouse=True)
def partition(pair: FakeCluster) -> Partition:
    """Three messages of each of the epochs 0 and 1."""
    (partition,) = pair.answers.make_topic("orders")
    fill(partition, 3)
    partition.epoch = 1
    fill(partition, 3, first=3)
    return partition


@asynccontextmanager
async def consuming(pair: FakeCluster, *, is_member: bool = True, **options: Any) -> AsyncIterator[gomq.Consumer]:
    settings = GroupSettings("group", commit_interval=0.02)
    what: dict[str, Any] = {"topics": "orders"} if is_member else {"partitions": [ORDERS]}
    with anyio.fail_after(10):
        async with gomq.Consumer(
            pair.address, start="earliest", group=settings, settings=quick(), **what, **options
        ) as consumer:
            yield consumer


@pytest.mark.parametrize("is_member", [True, False], ids=["member", "standalone"])
@pytest.mark.parametrize("is_told", [True, False], ids=["told to", "by itself"])
async def test_the_epoch_of_the_last_message_goes_with_its_offset(
    pair: FakeCluster, group: FakeGroup, is_member: bool, is_told: bool
):
    async with consuming(pair, is_member=is_member, auto_commit=not is_told) as consumer:
        for offset, epoch in ((3, 0), (4, 1), (6, 1)):
            await take(consumer, offset - consumer.position(0))
            if is_told:
                await consumer.commit()
                assert (group.committed[ORDERS], group.epochs[ORDERS]) == (offset, epoch)
        found = (await consumer.committed(0))[ORDERS]
    assert (group.committed[ORDERS], group.epochs[ORDERS]) == (6, 1)
    assert not is_told or (found is not None and found.leader_epoch == 1)


@pytest.mark.parametrize("is_old", [False, True], ids=["told by Fetch", "asked for"])
@pytest.mark.parametrize("is_member", [True, False], ids=["member", "standalone"])
async def test_a_log_that_was_cut_while_nobody_read_is_told_on_going_on(
    pair: FakeCluster, partition: Partition, is_member: bool, is_old: bool
):
    if is_old:
        old_versions(pair)
    async with consuming(pair, is_member=is_member) as consumer:
        assert await take(consumer, 6) == numbers(6)
    elect(partition, cut=4)
    async with consuming(pair, is_member=is_member) as consumer:
        with pytest.raises(LogTruncatedError) as told:
            await anext(consumer)
        assert (told.value.position, told.value.offset) == (6, 4)


async def test_who_stops_at_a_cut_is_told_the_same_on_going_on(
    pair: FakeCluster, group: FakeGroup, partition: Partition
):
    group.committed[ORDERS], group.epochs[ORDERS] = 5, 1
    async with consuming(pair) as consumer:
        assert await take(consumer, 1) == numbers(1, first=5)
        elect(partition, cut=4)
        with pytest.raises(LogTruncatedError):
            await anext(consumer)
        await consumer.commit()
        assert (group.committed[ORDERS], group.epochs[ORDERS]) == (6, 1)
    async with consuming(pair) as consumer:
        with pytest.raises(LogTruncatedError) as told:
            await anext(consumer)
        assert (told.value.position, told.value.offset) == (6, 4)


async def test_a_policy_goes_back_to_where_the_log_was_cut(pair: FakeCluster, partition: Partition):
    async with consuming(pair) as consumer:
        assert await take(consumer, 6) == numbers(6)
    elect(partition, cut=4)
    async with consuming(pair, out_of_range="earliest") as consumer:
        assert await take(consumer, 4) == [b"new 0", b"new 1", b"new 2", b"new 3"]


async def test_a_log_that_knows_no_epoch_so_late_is_another_one(pair: FakeCluster, group: FakeGroup):
    group.committed[ORDERS], group.epochs[ORDERS] = 5, 9
    async with consuming(pair, out_of_range="earliest") as consumer:
        assert await take(consumer, 6) == numbers(6)


async def test_a_log_that_has_everything_is_gone_on_with(pair: FakeCluster, group: FakeGroup, partition: Partition):
    async with consuming(pair) as consumer:
        assert await take(consumer, 6) == numbers(6)
    partition.leader, partition.epoch = 2, 2
    fill(partition, 2, first=6)
    fetched = len(pair.asked(Api.FETCH))
    async with consuming(pair) as consumer:
        await until(lambda: len(pair.asked(Api.FETCH)) > fetched)
        group.epochs.clear()
        await consumer.commit()
        assert (group.committed[ORDERS], group.epochs[ORDERS]) == (6, 1)
        assert await take(consumer, 2) == numbers(2, first=6)
    assert len(pair.asked(Api.OFFSET_FOR_LEADER_EPOCH)) == 1


async def test_a_partition_whose_epochs_cannot_be_had_does_not_hold_up_others(pair: FakeCluster, group: FakeGroup):
    async def fails_of_the_first(exchange: Exchange) -> None:
        values = await exchange.right_answer_values()
        for each in values["topics"][0]["partitions"]:
            if each["partition"] == ORDERS.partition:
                each |= {"error_code": STORAGE_ERROR, "leader_epoch": -1, "end_offset": -1}
        await exchange.stream.send(exchange.frame(values))

    pair.always(Api.OFFSET_FOR_LEADER_EPOCH, fails_of_the_first)
    for index, partition in enumerate(pair.answers.make_topic("orders", partitions=2)):
        partition.leader = 1
        fill(partition, 2)
        group.committed["orders", index], group.epochs["orders", index] = 1, 0
    async with consuming(pair) as consumer:
        message = await anext(consumer)
        assert (message.partition, message.offset) == (1, 1)
    asked = [each.body.topics[0].partitions for each in pair.asked(Api.OFFSET_FOR_LEADER_EPOCH)]
    assert {each.partition for each in asked[0]} == {0, 1}
    assert all(each.partition == 0 for partitions in asked[1:] for each in partitions)


async def test_an_offset_that_was_committed_without_an_epoch_is_gone_on_with(pair: FakeCluster, group: FakeGroup):
    group.committed[ORDERS] = 4
    async with consuming(pair) as consumer:
        assert await take(consumer, 2) == numbers(2, first=4)
    assert not pair.asked(Api.OFFSET_FOR_LEADER_EPOCH)
