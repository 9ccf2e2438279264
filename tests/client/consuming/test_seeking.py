"""Where a consumer begins and goes on: offsets, times, ``seek``, ``pause``, ``position`` and ``lag``."""

from datetime import UTC, datetime, timedelta
from typing import Any

import anyio
import pytest

import gomq
from gomq.errors import ClosedError
from gomq.protocol.api import Api
from gomq_storage.layout import TopicPartition
from gomq_storage.record import NewRecord, encode_batch
from tests.client.consuming.test_fetching import fill, numbers, quick, take
from tests.support.fake_broker import FakeCluster
from tests.support.fake_partition import Partition
from tests.support.waiting import until

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
ORDERS = TopicPartition("orders", 0)


def fill_by_minute(partition: Partition, count: int) -> None:
    for number in range(count):
        time = NOON + timedelta(minutes=number)
        timestamp = round(time.timestamp() * 1000)
        partition.append(encode_batch([NewRecord(b"%d" % number, timestamp=timestamp)], now_ms=0))


@pytest.mark.parametrize(
    ("start", "first"),
    [
        ("earliest", 0),
        (4, 4),
        (NOON, 0),
        (NOON - timedelta(days=1), 0),
        (NOON + timedelta(minutes=3), 3),
        (NOON + timedelta(minutes=3, seconds=1), 4),
        (timedelta(days=100_000), 0),
    ],
    ids=str,
)
async def test_a_consumer_begins_where_it_is_told(fake: FakeCluster, start: Any, first: int):
    (partition,) = fake.answers.make_topic("orders")
    fill_by_minute(partition, 6)
    async with gomq.Consumer(fake.address, "orders", start=start, settings=quick()) as consumer:
        assert consumer.position(0) == first
        assert await take(consumer, 6 - first) == numbers(6 - first, first=first)


@pytest.mark.parametrize("start", ["latest", NOON + timedelta(minutes=6), timedelta(0)], ids=str)
async def test_behind_the_last_message_is_the_end(fake: FakeCluster, start: Any):
    (partition,) = fake.answers.make_topic("orders")
    fill_by_minute(partition, 6)
    async with gomq.Consumer(fake.address, "orders", start=start, settings=quick()) as consumer:
        assert consumer.position(0) == 6
        fill(partition, 1, first=6)
        assert await take(consumer, 1) == [b"6"]


@pytest.mark.parametrize(
    ("to", "first"), [("earliest", 0), (2, 2), ("latest", 6), (NOON + timedelta(minutes=4), 4)], ids=str
)
@pytest.mark.parametrize("seen", [0, 3, 6])
async def test_seek_goes_on_elsewhere_and_nothing_fetched_before_is_handed_out(
    fake: FakeCluster, to: Any, first: int, seen: int
):
    (partition,) = fake.answers.make_topic("orders")
    fill_by_minute(partition, 6)
    async with gomq.Consumer(fake.address, "orders", replay=True, settings=quick()) as consumer:
        assert await take(consumer, seen) == numbers(seen)
        await consumer.seek(ORDERS, to)
        assert consumer.position(ORDERS) == first
        fill(partition, 1, first=6)
        assert await take(consumer, 7 - first) == numbers(7 - first, first=first)


async def test_a_fetch_that_is_on_its_way_when_a_seek_comes_counts_for_nothing(fake: FakeCluster):
    (partition,) = fake.answers.make_topic("orders")
    fill(partition, 6)
    async with gomq.Consumer(fake.address, "orders", start=6, settings=quick(max_wait=30.0)) as consumer:
        await until(lambda: fake.asked(Api.FETCH))
        await consumer.seek(0, 2)
        fill(partition, 1, first=6)
        assert await take(consumer, 5) == numbers(5, first=2)


async def test_a_consumer_that_waits_goes_on_where_another_task_seeks_to(fake: FakeCluster):
    (partition,) = fake.answers.make_topic("orders")
    fill(partition, 3)
    async with gomq.Consumer(fake.address, "orders", settings=quick()) as consumer, anyio.create_task_group() as group:
        found: list[bytes | None] = []

        async def wait() -> None:
            found.extend(await take(consumer, 1))

        group.start_soon(wait)
        await anyio.wait_all_tasks_blocked()
        await consumer.seek(0, 1)
        await until(lambda: found == [b"1"])


async def test_what_is_sought_or_resumed_while_a_fetch_waits_comes_at_once(fake: FakeCluster):
    first, second = fake.answers.make_topic("orders", partitions=2)
    fill(first, 10)
    async with gomq.Consumer(fake.address, "orders", settings=quick(max_wait=60.0, fetch_bytes=150)) as consumer:
        consumer.pause(1)
        await until(lambda: fake.asked(Api.FETCH))
        for start in (5, 0, 7):
            await consumer.seek(0, start)
            assert await take(consumer, 10 - start) == numbers(10 - start, first=start)
        asked = len(fake.asked(Api.FETCH))
        second.batches += first.batches
        second.end = 10
        await consumer.seek(1, 8)
        consumer.resume(1)
        assert await take(consumer, 2) == numbers(2, first=8)
        await anyio.wait_all_tasks_blocked()
        assert len(fake.asked(Api.FETCH)) <= asked + 4


async def test_seek_is_for_what_is_read(fake: FakeCluster):
    fake.answers.make_topic("orders")
    consumer = gomq.Consumer(fake.address, "orders", settings=quick())
    with pytest.raises(ClosedError):
        await consumer.seek(0, 0)
    async with consumer:
        with pytest.raises(gomq.UnknownTopicError, match="'orders' has no partition 1, or this consumer"):
            await consumer.seek(1, 0)
        with pytest.raises(gomq.ConfigurationError, match=r"to is .* not 'sideways'"):
            await consumer.seek(0, "sideways")  # type: ignore[arg-type]
        with pytest.raises(gomq.ConfigurationError, match="to=2026-01-01T00:00:00 has no time zone"):
            await consumer.seek(0, datetime(2026, 1, 1))  # noqa: DTZ001
    with pytest.raises(ClosedError):
        await consumer.seek(0, 0)


@pytest.mark.parametrize("buffer_bytes", [1 << 20, 100], ids=["what is here is kept", "no room for it"])
async def test_of_a_paused_partition_nothing_comes_until_it_is_resumed(fake: FakeCluster, buffer_bytes: int):
    first, second = fake.answers.make_topic("orders", partitions=2)
    fill(first, 10)
    settings = quick(fetch_bytes=300, buffer_bytes=buffer_bytes)
    async with gomq.Consumer(fake.address, "orders", replay=True, settings=settings) as consumer:
        assert await take(consumer, 2) == numbers(2)
        consumer.pause(0)
        assert (set(consumer.paused), consumer.position(0)) == ({ORDERS}, 2)
        fill(second, 5, first=50)
        assert await take(consumer, 5) == numbers(5, first=50)
        with anyio.move_on_after(0.15) as scope:
            await anext(consumer)
        assert scope.cancelled_caught
        consumer.resume(0)
        assert not consumer.paused
        assert await take(consumer, 8) == numbers(8, first=2)


async def test_a_paused_partition_is_not_fetched_and_a_seek_leaves_it_paused(fake: FakeCluster):
    (partition,) = fake.answers.make_topic("orders")
    fill(partition, 3)
    async with gomq.Consumer(fake.address, "orders", settings=quick(max_wait=0.02)) as consumer:
        consumer.pause(0)
        consumer.pause(0)
        await consumer.seek(0, 1)
        await anyio.wait_all_tasks_blocked()
        with anyio.move_on_after(0.1):
            await until(lambda: False)
        asked = len(fake.asked(Api.FETCH))
        assert await consumer.take(timeout=0.1) == []
        assert len(fake.asked(Api.FETCH)) == asked
        consumer.resume()
        assert await take(consumer, 2) == numbers(2, first=1)


async def test_lag_is_what_is_left_of_each_partition(fake: FakeCluster):
    first, second = fake.answers.make_topic("orders", partitions=2)
    fill(first, 5)
    fill(second, 2)
    async with gomq.Consumer(fake.address, "orders", start=1, settings=quick()) as consumer:
        assert await consumer.lag() == {("orders", 0): 4, ("orders", 1): 1}
        await take(consumer, 5)
        assert await consumer.lag() == {("orders", 0): 0, ("orders", 1): 0}
        fill(second, 3)
        assert await consumer.lag() == {("orders", 0): 0, ("orders", 1): 3}


async def test_offsets_are_found_by_time(fake: FakeCluster):
    first, second = fake.answers.make_topic("orders", partitions=2)
    fill_by_minute(first, 3)
    fill_by_minute(second, 6)
    async with gomq.Consumer(fake.address, "orders", settings=quick()) as consumer:
        late = NOON + timedelta(minutes=4)
        assert await consumer.offsets_for_times(late) == {("orders", 0): None, ("orders", 1): 4}
        assert await consumer.offsets_for_times({ORDERS: NOON}) == {ORDERS: 0}
        with pytest.raises(gomq.ConfigurationError, match="no time zone"):
            await consumer.offsets_for_times(datetime(2026, 1, 1))  # noqa: DTZ001


async def test_offsets_are_found_by_time_in_a_real_log(broker: gomq.Broker):
    async with gomq.Producer(broker.address) as producer:
        await producer.create_topic("orders")
        for minute in range(4):
            timestamp = round((NOON + timedelta(minutes=minute)).timestamp() * 1000)
            await producer.publish("orders", b"%d" % minute, timestamp=timestamp)
    async with gomq.Consumer(broker.address, "orders", start=NOON + timedelta(minutes=2)) as consumer:
        assert await take(consumer, 2) == numbers(2, first=2)
        await consumer.seek(0, NOON + timedelta(minutes=1))
        assert await take(consumer, 3) == numbers(3, first=1)
        assert await consumer.offsets_for_times(NOON + timedelta(hours=1)) == {ORDERS: None}
