"""``isolation="read_committed"``: nothing of aborted transactions, nothing behind the first that is open."""

import anyio
import pytest

import gomq
from gomq.protocol.api import Api
from gomq_storage.layout import TopicPartition
from tests.client.consuming.test_fetching import quick, take
from tests.support.fake_broker import FakeCluster
from tests.support.transactional import ABORT, COMMIT, marker, part_of

ORDERS = TopicPartition("orders", 0)


def fill(fake: FakeCluster) -> None:
    """Two transactions side by side, the first of which is aborted, and one that is open."""
    (partition,) = fake.answers.make_topic("orders")
    for batch in (
        part_of(1, b"aborted"),
        part_of(2, b"committed"),
        marker(1, ABORT),
        part_of(1, b"later"),
        marker(1, COMMIT),
        marker(2, COMMIT),
        part_of(3, b"open"),
    ):
        partition.append(batch)
    partition.aborted = [(1, 0)]
    partition.last_stable = 6


async def test_only_what_is_committed_comes(fake: FakeCluster):
    fill(fake)
    async with gomq.Consumer(
        fake.address, "orders", replay=True, isolation="read_committed", settings=quick()
    ) as consumer:
        assert await consumer.end_offsets() == {ORDERS: 6}
        assert await take(consumer, 2) == [b"committed", b"later"]
        assert await consumer.take(timeout=0.1) == []
        assert (await consumer.lag(), consumer.position(0)) == ({ORDERS: 0}, 6)
    assert {each.body.isolation_level for each in fake.asked(Api.FETCH) + fake.asked(Api.LIST_OFFSETS)} == {1}


async def test_an_iteration_with_an_end_ends_behind_the_last_marker(fake: FakeCluster):
    fill(fake)
    async with gomq.Consumer(
        fake.address, "orders", replay=True, isolation="read_committed", settings=quick()
    ) as consumer:
        with anyio.fail_after(20):
            batches = [batch async for batch in consumer.batches(until=await consumer.end_offsets())]
    assert [message.value for batch in batches for message in batch] == [b"committed", b"later"]


async def test_without_it_all_but_the_markers_comes(fake: FakeCluster):
    fill(fake)
    async with gomq.Consumer(fake.address, "orders", replay=True, settings=quick()) as consumer:
        assert await consumer.end_offsets() == {ORDERS: 7}
        assert await take(consumer, 4) == [b"aborted", b"committed", b"later", b"open"]


async def test_the_end_of_what_is_committed_is_where_a_consumer_begins(fake: FakeCluster):
    fill(fake)
    async with gomq.Consumer(fake.address, "orders", isolation="read_committed", settings=quick()) as consumer:
        assert consumer.position(0) == 6
        (partition,) = fake.answers.topics["orders"]
        partition.append(marker(3, COMMIT))
        partition.last_stable = None
        assert await take(consumer, 1) == [b"open"]


def test_another_isolation_is_refused():
    with pytest.raises(gomq.ConfigurationError, match="isolation is 'read_uncommitted' or 'read_committed', not 'ser"):
        gomq.Consumer("localhost", "orders", isolation="serializable")  # type: ignore[arg-type]
