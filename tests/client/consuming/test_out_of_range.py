"""The wanted offset is not there: an error that says what is, or as the policy has it."""

import anyio
import pytest

import gomq
from gomq.client.consuming.settings import OutOfRange
from gomq.errors import OffsetOutOfRangeError
from gomq.protocol.api import Api
from tests.client.consuming.test_fetching import fill, numbers, quick, take
from tests.support.fake_broker import FakeCluster, fails_with
from tests.support.fake_partition import Partition
from tests.support.waiting import until


def delete_before(partition: Partition, offset: int) -> None:
    partition.start = offset
    partition.end = max(partition.end, offset)
    partition.batches = [each for each in partition.batches if each[0] > offset]


@pytest.mark.parametrize(
    ("start", "complaint"),
    [(2, "orders-0 has no offset 2: it has 5 to 9. Seek to another"), (11, "orders-0 has no offset 11: it has 5 to 9")],
)
async def test_the_error_says_what_is_there_and_a_seek_goes_on(fake: FakeCluster, start: int, complaint: str):
    (partition,) = fake.answers.make_topic("orders")
    fill(partition, 10)
    delete_before(partition, 5)
    async with gomq.Consumer(fake.address, "orders", start=start, settings=quick()) as consumer:
        for _ in range(2):
            with anyio.fail_after(20), pytest.raises(OffsetOutOfRangeError, match=complaint):
                await anext(consumer)
        await consumer.seek(0, "earliest")
        assert await take(consumer, 5) == numbers(5, first=5)


async def test_an_empty_partition_is_said_to_be_so(fake: FakeCluster):
    fake.answers.make_topic("orders")
    async with gomq.Consumer(fake.address, "orders", start=3, settings=quick()) as consumer:
        with anyio.fail_after(20), pytest.raises(OffsetOutOfRangeError, match="it is empty, and the next is 0"):
            await anext(consumer)


@pytest.mark.parametrize(("policy", "first"), [("earliest", 5), ("latest", 10)])
@pytest.mark.parametrize("start", [2, 99])
async def test_a_policy_goes_on_by_itself(fake: FakeCluster, policy: OutOfRange, first: int, start: int):
    (partition,) = fake.answers.make_topic("orders")
    fill(partition, 10)
    delete_before(partition, 5)
    async with gomq.Consumer(fake.address, "orders", start=start, out_of_range=policy, settings=quick()) as consumer:
        if first == 10:
            assert await consumer.take(timeout=0.2) == []
            assert consumer.position(0) == 10
        fill(partition, 1, first=10)
        assert await take(consumer, 11 - first) == numbers(11 - first, first=first)


async def test_what_was_fetched_before_the_gap_is_handed_out_before_what_is_behind_it(fake: FakeCluster):
    (partition,) = fake.answers.make_topic("orders")
    fill(partition, 5)
    async with gomq.Consumer(
        fake.address, "orders", replay=True, out_of_range="earliest", settings=quick()
    ) as consumer:
        await until(lambda: consumer._intake._buffer.size)
        delete_before(partition, 50)
        fill(partition, 2, first=50)
        found = [await anext(consumer) for _ in range(7)]
        assert [message.offset for message in found] == [0, 1, 2, 3, 4, 50, 51]


async def test_all_that_was_left_is_deleted_and_the_iteration_ends_at_the_end_all_the_same(fake: FakeCluster):
    (partition,) = fake.answers.make_topic("orders")
    fill(partition, 5)
    async with gomq.Consumer(
        fake.address, "orders", start=2, out_of_range="earliest", settings=quick(max_wait=0.02)
    ) as consumer:
        consumer.pause(0)
        ends = await consumer.end_offsets()
        delete_before(partition, 5)
        await consumer.seek(0, 2)
        consumer.resume(0)
        with anyio.fail_after(20):
            assert [batch async for batch in consumer.batches(until=ends)] == []


async def test_an_offset_that_is_there_after_all_is_asked_for_again(fake: FakeCluster):
    (partition,) = fake.answers.make_topic("orders")
    fill(partition, 3)
    fake.next(Api.FETCH, fails_with(1))
    async with gomq.Consumer(fake.address, "orders", replay=True, settings=quick()) as consumer:
        assert await take(consumer, 3) == numbers(3)


async def test_other_partitions_lose_nothing_where_one_is_sought_again(fake: FakeCluster):
    first, second = fake.answers.make_topic("orders", partitions=2)
    fill(first, 50)
    delete_before(second, 100)
    fill(second, 1, first=100)
    found: list[tuple[int, int]] = []
    async with gomq.Consumer(fake.address, "orders", replay=True, settings=quick(fetch_bytes=300)) as consumer:
        delete_before(second, 101)
        await consumer.seek(1, 100)
        with anyio.fail_after(20):
            while len(found) < 51:
                try:
                    message = await anext(consumer)
                except OffsetOutOfRangeError:
                    fill(second, 1, first=101)
                    await consumer.seek(1, "earliest")
                else:
                    found.append((message.partition, message.offset))

    assert sorted(found) == [(0, offset) for offset in range(50)] + [(1, 101)]


def test_another_policy_is_refused():
    with pytest.raises(gomq.ConfigurationError, match="out_of_range is 'raise' or 'earliest' or 'latest', not 'none'"):
        gomq.Consumer("localhost", "orders", out_of_range="none")  # type: ignore[arg-type]
