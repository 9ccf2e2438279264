"""Groups whose topics, partitions and members change while messages are in somebody's hand."""

import re
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import pytest

import gomq
from gomq.client.cluster.settings import ConnectionSettings
from gomq.client.consuming.settings import ConsumerSettings
from gomq_storage.layout import TopicPartition
from tests.support.grouping import (
    PARTITIONS,
    SESSION,
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

EACH = 10
ALL = partitions()
WATCHFUL = ConsumerSettings(connection=ConnectionSettings(metadata_max_age=0.05))


@pytest.fixture
async def broker(data: Path) -> AsyncIterator[gomq.Broker]:
    """A broker that takes short sessions, and a topic with messages."""
    async with grouping_broker(data) as running:
        await make_topic(running.address, each=EACH)
        yield running


async def test_a_topic_that_matches_later_is_shared_out_too(broker: gomq.Broker):
    pattern = re.compile(r"order.*")
    one, other = (Reading(broker.address, pattern, settings=WATCHFUL) for _ in range(2))
    async with anyio.create_task_group() as tasks:
        await tasks.start(one.run)
        await tasks.start(other.run)
        await make_topic(broker.address, topic="order-2", partitions=2)
        everything = ALL | partitions("order-2", 2)
        await until(lambda: one.assignment | other.assignment == everything)
        assert not one.assignment & other.assignment
        await one.stop()
        await other.stop()


async def test_partitions_that_are_added_are_shared_out_too(broker: gomq.Broker):
    one, other = (Reading(broker.address, settings=WATCHFUL) for _ in range(2))
    async with anyio.create_task_group() as tasks, gomq.Admin(broker.address) as admin:
        await tasks.start(one.run)
        await tasks.start(other.run)
        await admin.create_partitions(TOPIC, 6)
        await until(lambda: one.assignment | other.assignment == partitions(count=6))
        await one.stop()
        await other.stop()


async def test_a_partition_that_is_added_is_read_from_its_first_message_on(broker: gomq.Broker):
    member = Reading(broker.address, replay=False, settings=WATCHFUL)
    new = TopicPartition(TOPIC, PARTITIONS)
    async with anyio.create_task_group() as tasks, gomq.Admin(broker.address) as admin:
        await tasks.start(member.run)
        await admin.create_partitions(TOPIC, PARTITIONS + 1)
        async with gomq.Producer(broker.address) as producer:
            await producer.publish(TOPIC, b"before anybody reads it", partition=PARTITIONS)
        await until(lambda: member.messages == [(new, 0)])
        await member.stop()


async def test_a_message_in_hand_is_finished_before_its_partition_is_given_away(broker: gomq.Broker):
    heard: list[frozenset[TopicPartition]] = []
    other = Reading(broker.address)
    async with anyio.create_task_group() as tasks:
        async with gomq.Consumer(
            broker.address, TOPIC, group=quick(), replay=True, on_revoked=heard.append
        ) as consumer:
            message = await anext(consumer)
            tasks.start_soon(other.run)
            await until(lambda: not is_settled(consumer))
            await anyio.wait_all_tasks_blocked()
            assert heard == []
            assert other.assignment == frozenset()
            following = await anext(consumer)
            assert heard == [ALL]
            read = [place(message), place(following)]
        await until(lambda: {*read, *other.messages} == {(each, offset) for each in ALL for offset in range(EACH)})
        assert read[0] not in other.messages
        await other.stop()


def place(message: gomq.Message) -> tuple[TopicPartition, int]:
    return TopicPartition(message.topic, message.partition), message.offset


def is_settled(consumer: gomq.Consumer) -> bool:
    side: Any = consumer._group_side
    return bool(side._offsets._member.is_settled)


async def test_who_does_not_let_go_is_not_waited_for_for_ever_and_the_message_is_read_again(broker: gomq.Broker):
    group = quick(drain_timeout=0.05)
    async with anyio.create_task_group() as tasks:
        async with gomq.Consumer(broker.address, TOPIC, group=group, replay=True) as consumer:
            message = await anext(consumer)
            other = Reading(broker.address, group=group)
            await tasks.start(other.run)
            await until(lambda: len(consumer.assignment) == len(other.assignment) == PARTITIONS // 2)
        await until(lambda: len(other.messages) >= PARTITIONS * EACH - 1)
        held = place(message)
        assert held in other.messages or held[0] in consumer.assignment
        await other.stop()


async def test_deliveries_that_are_not_finished_are_delivered_to_whoever_reads_next(broker: gomq.Broker):
    group = quick(drain_timeout=0.05)
    async with anyio.create_task_group() as tasks:
        async with gomq.Consumer(broker.address, TOPIC, group=group, replay=True) as consumer:
            acknowledged: list[tuple[TopicPartition, int]] = []
            held: list[tuple[TopicPartition, int]] = []
            async for delivery in consumer.deliveries(concurrency=4):
                if len(held) < 2 and delivery.message.offset == 5:
                    held.append(place(delivery.message))
                else:
                    await delivery.ack()
                    acknowledged.append(place(delivery.message))
                if len(acknowledged) >= 2 * EACH and len(held) == 2:
                    break
        other = Reading(broker.address, group=group)
        await tasks.start(other.run)
        await until(lambda: {*acknowledged, *other.messages} >= {(each, n) for each in ALL for n in range(EACH)})
        assert set(held) <= set(other.messages)
        await other.stop()


async def test_more_cooperative_members_than_partitions_enter_all_the_same(broker: gomq.Broker):
    group = quick("group", "cooperative-sticky")
    async with gomq.Consumer(broker.address, TOPIC, group=group):
        members = [Reading(broker.address, group=group) for _ in range(PARTITIONS)]
        async with anyio.create_task_group() as tasks:
            for member in members:
                tasks.start_soon(member.run)
            await until(lambda: sum(len(member.assignment) for member in members) >= PARTITIONS - 1)
            for member in members:
                await member.stop()


async def test_a_member_that_dies_is_out_when_its_session_has_run_out(broker: gomq.Broker):
    one, other = (Reading(broker.address, group=quick(session_timeout=SESSION)) for _ in range(2))
    async with anyio.create_task_group() as tasks:
        await tasks.start(one.run)
        await tasks.start(other.run)
        await until(lambda: one.assignment | other.assignment == ALL)
        one.consumer._group_side = None  # so that it says nothing
        one.scope.cancel()
        await until(lambda: other.assignment == ALL)
        await until(lambda: {*one.messages, *other.messages} == {(each, n) for each in ALL for n in range(EACH)})
        await other.stop()


async def test_who_wants_to_hear_of_revocations_only_hears_of_losses_too(data: Path):
    async with anyio.create_task_group() as tasks:
        async with grouping_broker(data) as broker:
            await make_topic(broker.address)
            member = Reading(broker.address, group=quick(session_timeout=SESSION), on_lost=None)
            await tasks.start(member.run)
        await until(lambda: member.told("revoked") == [ALL])
        await member.stop()


@pytest.mark.parametrize("assignors", [("range",), ("cooperative-sticky",)])
async def test_where_nobody_dies_each_message_is_handled_once(broker: gomq.Broker, assignors: tuple[str, ...]):
    """However messages are asked for, and while they flow: a second member comes and goes again and again."""
    group = quick("group", *assignors)
    one = Reading(broker.address, group=group)
    seen = one.messages
    published = EACH
    async with anyio.create_task_group() as tasks:
        await tasks.start(one.run)
        for way in ("messages", "batches", "take", "commit"):
            other = Reading(broker.address, group=group, way=way, auto_commit=way != "commit")
            other.messages = seen
            await tasks.start(other.run)
            goal = len(seen) + 1
            await fill(broker.address, range(EACH))
            published += EACH
            await until(partial(reaches, seen, goal))
            await other.stop()
        await until(lambda: len(set(seen)) == PARTITIONS * published)
        await one.stop()
    assert len(seen) == len(set(seen))
    assert await committed(broker.address) == dict.fromkeys(range(PARTITIONS), published)


def reaches(seen: list[tuple[TopicPartition, int]], count: int) -> bool:
    return len(seen) >= count


async def test_members_that_come_and_go_read_everything_and_commit_nothing_that_was_not_read(broker: gomq.Broker):
    """Each is stopped, or cancelled, at whatever point it is; the last one sees to it that nothing is missed."""
    seen: list[tuple[TopicPartition, int]] = []
    async with anyio.create_task_group() as tasks:
        for turn in range(6):
            member = Reading(
                broker.address, group=quick("group", *[("range",), ("cooperative-sticky", "range")][turn % 2])
            )
            member.messages = seen
            await tasks.start(member.run)
            goal = len(seen) + 1
            await fill(broker.address, range(EACH))
            await until(partial(reaches, seen, goal))
            member.scope.cancel()
        last = Reading(broker.address, group=quick())
        last.messages = seen
        await tasks.start(last.run)
        await until(lambda: len(set(seen)) == PARTITIONS * EACH * 7)
        await last.stop()
