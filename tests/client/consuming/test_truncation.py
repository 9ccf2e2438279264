"""A new leader that lacks what was consumed: seen by leader epochs, told or gone back to; see KIP-320 and KIP-595."""

from collections.abc import Callable

import anyio
import pytest

import gomq
from gomq.errors import LogTruncatedError
from gomq.protocol.api import Api, Versions
from tests.client.consuming.test_fetching import batch_of, fill, numbers, quick, take
from tests.support.fake_broker import FakeCluster, fails_with
from tests.support.fake_partition import Partition
from tests.support.waiting import until

Fill = Callable[[Partition, int], None]


def old_versions(cluster: FakeCluster) -> None:
    """Have Fetch say nothing of epochs, so that OffsetForLeaderEpoch has to."""
    cluster.versions[Api.FETCH] = Versions(4, 11)


def elect(partition: Partition, *, cut: int, leader: int = 2) -> None:
    """Have a node lead whose log ends earlier, and is written on."""
    partition.leader = leader
    partition.epoch += 1
    partition.cut(cut)
    for number in range(4):
        partition.append(batch_of(b"new %d" % number))


@pytest.mark.parametrize("is_old", [False, True], ids=["told by Fetch", "asked for"])
async def test_what_was_consumed_and_is_gone_is_an_error(pair: FakeCluster, is_old: bool):
    if is_old:
        old_versions(pair)
    (partition,) = pair.answers.make_topic("orders")
    fill(partition, 6)
    async with gomq.Consumer(pair.address, "orders", replay=True, settings=quick()) as consumer:
        assert await take(consumer, 6) == numbers(6)
        elect(partition, cut=4)
        for _ in range(2):
            with anyio.fail_after(20), pytest.raises(LogTruncatedError, match="orders-0 was cut off at offset 4"):
                await anext(consumer)
        with pytest.raises(LogTruncatedError) as told:
            await consumer.take()
        assert (told.value.topic, told.value.partition) == ("orders", 0)
        assert (told.value.position, told.value.offset, told.value.retriable) == (6, 4, False)
        await consumer.seek(0, told.value.offset)
        assert await take(consumer, 4) == [b"new 0", b"new 1", b"new 2", b"new 3"]
    assert bool(pair.asked(Api.OFFSET_FOR_LEADER_EPOCH))


@pytest.mark.parametrize("is_old", [False, True], ids=["told by Fetch", "asked for"])
@pytest.mark.parametrize("policy", ["earliest", "latest"])
async def test_a_policy_goes_back_to_where_the_logs_part(pair: FakeCluster, is_old: bool, policy: str):
    if is_old:
        old_versions(pair)
    (partition,) = pair.answers.make_topic("orders")
    fill(partition, 6)
    async with gomq.Consumer(
        pair.address, "orders", replay=True, out_of_range=policy, settings=quick()  # type: ignore[arg-type]
    ) as consumer:  # fmt: skip
        assert await take(consumer, 6) == numbers(6)
        elect(partition, cut=4)
        assert await take(consumer, 4) == [b"new 0", b"new 1", b"new 2", b"new 3"]


async def test_what_nobody_has_seen_is_fetched_again_without_a_word(pair: FakeCluster):
    (partition,) = pair.answers.make_topic("orders")
    fill(partition, 6)
    settings = quick(buffer_bytes=1 << 20)
    async with gomq.Consumer(pair.address, "orders", replay=True, settings=settings) as consumer:
        await until(lambda: consumer._intake._buffer.size)
        elect(partition, cut=4)
        await until(lambda: [each for each in pair.asked(Api.FETCH) if each.node == 2])
        await until(lambda: consumer._intake._buffer.size and consumer._intake._buffer.first.wanted == 0)  # type: ignore[union-attr]
        await until(lambda: len([each for each in pair.asked(Api.FETCH) if each.node == 2]) > 2)
        assert await take(consumer, 8) == [*numbers(4), b"new 0", b"new 1", b"new 2", b"new 3"]


async def test_a_new_leader_that_has_everything_is_gone_on_with(pair: FakeCluster):
    (partition,) = pair.answers.make_topic("orders")
    async with gomq.Consumer(pair.address, "orders", replay=True, settings=quick()) as consumer:
        for election in range(4):
            fill(partition, 3, first=3 * election)
            assert await take(consumer, 3) == numbers(3, first=3 * election)
            partition.leader = 3 - partition.leader
            partition.epoch += 1
        asked = [each.body.topics[0].partitions[0] for each in pair.asked(Api.OFFSET_FOR_LEADER_EPOCH)]
    assert {(each.leader_epoch, each.current_leader_epoch) for each in asked} >= {(0, 1), (1, 2), (2, 3)}


async def test_the_same_leader_in_a_new_epoch_is_asked_too(fake: FakeCluster):
    (partition,) = fake.answers.make_topic("orders")
    fill(partition, 6)
    async with gomq.Consumer(fake.address, "orders", replay=True, settings=quick()) as consumer:
        assert await take(consumer, 6) == numbers(6)
        elect(partition, cut=3, leader=1)
        with anyio.fail_after(20), pytest.raises(LogTruncatedError, match="cut off at offset 3"):
            await anext(consumer)


@pytest.mark.parametrize("code", [6, 74, 75, 3])
async def test_a_leader_that_cannot_say_yet_is_asked_again_before_anything_is_fetched(pair: FakeCluster, code: int):
    old_versions(pair)
    (partition,) = pair.answers.make_topic("orders")
    fill(partition, 6)
    async with gomq.Consumer(pair.address, "orders", replay=True, settings=quick()) as consumer:
        assert await take(consumer, 6) == numbers(6)
        pair.next(Api.OFFSET_FOR_LEADER_EPOCH, fails_with(code), fails_with(code))
        elect(partition, cut=4)
        with anyio.fail_after(20), pytest.raises(LogTruncatedError, match="cut off at offset 4"):
            await anext(consumer)


async def test_a_broker_that_knows_no_epochs_is_not_asked_for_them(pair: FakeCluster):
    old_versions(pair)
    del pair.versions[Api.OFFSET_FOR_LEADER_EPOCH]
    (partition,) = pair.answers.make_topic("orders")
    fill(partition, 3)
    async with gomq.Consumer(pair.address, "orders", replay=True, settings=quick()) as consumer:
        assert await take(consumer, 3) == numbers(3)
        partition.leader, partition.epoch = 2, 1
        fill(partition, 3, first=3)
        assert await take(consumer, 3) == numbers(3, first=3)


async def test_a_log_that_begins_anew_is_a_log_that_was_cut(pair: FakeCluster):
    (partition,) = pair.answers.make_topic("orders")
    partition.epoch = 5
    fill(partition, 6)
    async with gomq.Consumer(pair.address, "orders", replay=True, settings=quick()) as consumer:
        assert await take(consumer, 6) == numbers(6)
        partition.batches.clear()
        partition.end = 0
        elect(partition, cut=0)
        with anyio.fail_after(20), pytest.raises(LogTruncatedError, match="cut off at offset 0"):
            await anext(consumer)
