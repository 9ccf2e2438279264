"""What a group remembers of its consumers: what they have processed, and nothing else."""

from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest

import gomq
from gomq.client import CommittedOffset
from gomq.errors import (
    ConfigurationError,
    RebalanceInProgressError,
    UnknownMemberIdError,
)
from gomq_storage.layout import TopicPartition
from tests.support.grouping import (
    PARTITIONS,
    TOPIC,
    Reading,
    committed,
    fill,
    grouping_broker,
    make_topic,
    partitions,
    quick,
)
from tests.support.waiting import until

EAGER = ("range", "cooperative-sticky")
COOPERATIVE = ("cooperative-sticky",)
EACH = 20
ALL = partitions()


@pytest.fixture
async def broker(data: Path) -> AsyncIterator[gomq.Broker]:
    """A broker that takes short sessions, and a topic with messages."""
    async with grouping_broker(data) as running:
        await make_topic(running.address, each=EACH)
        yield running


async def test_the_block_is_entered_with_an_assignment_and_the_group_remembers_where_it_was(broker):
    async with gomq.Consumer(broker.address, TOPIC, group="group", replay=True) as consumer:
        assert consumer.assignment == ALL
        first = [await anext(consumer) for _ in range(30)]

    async with gomq.Consumer(broker.address, TOPIC, group="group", replay=True) as consumer:
        rest = [await anext(consumer) for _ in range(PARTITIONS * EACH - 30)]

    read = [(message.partition, message.offset) for message in (*first, *rest)]
    assert sorted(read) == [(partition, offset) for partition in range(PARTITIONS) for offset in range(EACH)]
    assert await committed(broker.address) == dict.fromkeys(range(PARTITIONS), EACH)


async def test_a_message_in_hand_when_the_block_fails_is_read_again(broker):
    read = []

    async def fail_at_the_third() -> None:
        async with gomq.Consumer(broker.address, TOPIC, group="group", replay=True) as consumer:
            async for message in consumer:
                read.append(message)
                if len(read) == 3:
                    raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail_at_the_third()

    assert (await committed(broker.address))[read[-1].partition] == read[-1].offset


async def test_a_batch_in_hand_when_the_block_is_cancelled_is_read_again(broker):
    with anyio.CancelScope() as scope:
        async with gomq.Consumer(broker.address, TOPIC, group="group", replay=True) as consumer:
            batch = await anext(consumer.batches())
            scope.cancel()
            await anyio.lowlevel.checkpoint()

    found = await committed(broker.address)

    assert found[batch.partition] == batch.messages[0].offset == 0


async def test_nothing_is_committed_that_nobody_wants_committed(broker):
    async with gomq.Consumer(broker.address, TOPIC, group="group", replay=True, auto_commit=False) as consumer:
        await anext(consumer)

    assert await committed(broker.address) == {}


async def test_a_commit_takes_in_what_is_in_hand(broker):
    async with gomq.Consumer(broker.address, TOPIC, group="group", replay=True, auto_commit=False) as consumer:
        message = await anext(consumer)
        await consumer.commit()
        found = await consumer.committed(message.partition)

    assert [each.offset for each in found.values() if each is not None] == [message.offset + 1]


async def test_offsets_can_be_committed_with_a_note(broker):
    target = TopicPartition(TOPIC, 2)
    async with gomq.Consumer(broker.address, TOPIC, group="group", auto_commit=False) as consumer:
        await consumer.commit({target: gomq.OffsetAndMetadata(7, "seven")})
        await consumer.commit({0: 3})
        found = await consumer.committed(target, 0, 1)

    assert found == {
        target: CommittedOffset(7, "seven"),
        TopicPartition(TOPIC, 0): CommittedOffset(3),
        TopicPartition(TOPIC, 1): None,
    }


async def test_commits_are_made_in_the_background(broker):
    async with gomq.Consumer(broker.address, TOPIC, group=quick(commit_interval=0.02), replay=True) as consumer:
        while len(await consumer.take(1000)) < 1:
            pass
        await consumer.take(1000, timeout=0.01)
        with anyio.fail_after(10):
            while not any(each and each.offset for each in (await consumer.committed()).values()):
                await anyio.lowlevel.checkpoint()


async def test_only_a_consumer_with_a_group_commits(broker):
    async with gomq.Consumer(broker.address, TOPIC) as consumer:
        with pytest.raises(ConfigurationError, match="group"):
            await consumer.commit()


async def test_chosen_partitions_are_read_without_joining(broker):
    chosen = [TopicPartition(TOPIC, 1)]
    async with gomq.Consumer(broker.address, partitions=chosen, group="group", replay=True) as consumer:
        for _ in range(5):
            await anext(consumer)

    async with gomq.Consumer(broker.address, partitions=chosen, group="group", replay=True) as consumer:
        assert (await anext(consumer)).offset == 5


async def test_only_a_members_own_partitions_can_be_committed(broker):
    one, other = (Reading(broker.address) for _ in range(2))
    async with anyio.create_task_group() as tasks:
        await tasks.start(one.run)
        await tasks.start(other.run)
        await until(lambda: one.assignment | other.assignment == ALL)
        with pytest.raises(RebalanceInProgressError, match=TOPIC):
            await one.consumer.commit(dict.fromkeys(other.assignment, 1))
        await one.stop()
        await other.stop()


async def test_a_delivery_that_is_not_acknowledged_is_not_committed(broker):
    async with gomq.Consumer(broker.address, TOPIC, group="group", replay=True) as consumer:
        deliveries = consumer.deliveries()
        seen = []
        async for delivery in deliveries:
            seen.append(delivery.message)
            if len(seen) == 4:
                break
            await delivery.ack()
    found = await committed(broker.address)
    last = seen[-1]
    assert found[last.partition] <= last.offset


async def test_a_consumer_of_chosen_partitions_whose_commits_are_refused_is_told(broker):
    chosen = [TopicPartition(TOPIC, 0)]
    async with gomq.Consumer(broker.address, TOPIC, group="group", auto_commit=False):
        group = quick("group", commit_interval=0.01)
        async with gomq.Consumer(broker.address, partitions=chosen, group=group, replay=True) as consumer:
            with pytest.raises(UnknownMemberIdError):
                async for _ in consumer:
                    pass


async def test_who_dies_before_its_first_commit_has_missed_nothing(broker):
    async with gomq.Consumer(broker.address, TOPIC, group=quick(instance_id="a")) as consumer:
        consumer._group_side = None  # so that it says nothing when it ends
    await fill(broker.address, [7])

    async with gomq.Consumer(broker.address, TOPIC, group=quick(instance_id="a")) as consumer:
        read = [await anext(consumer) for _ in range(PARTITIONS)]

    assert {message.offset for message in read} == {EACH}
