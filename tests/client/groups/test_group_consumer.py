"""Consumers of a group share a topic, come and go, and go on where the group was."""

import time
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest

import gomq
from gomq.errors import (
    FencedInstanceIdError,
    GroupMaxSizeReachedError,
    InconsistentGroupProtocolError,
    InvalidSessionTimeoutError,
)
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

EAGER = ("range", "cooperative-sticky")
COOPERATIVE = ("cooperative-sticky",)
EACH = 20
ALL = partitions()
LONGER_SESSION = 1.5
"""Seconds for which a machine that is busy may let nobody have a turn."""


@pytest.fixture
async def broker(data: Path) -> AsyncIterator[gomq.Broker]:
    """A broker that takes short sessions, and a topic with messages."""
    async with grouping_broker(data) as running:
        await make_topic(running.address, each=EACH)
        yield running


@pytest.mark.parametrize("assignors", [EAGER, COOPERATIVE, ("roundrobin",), ("sticky",)])
async def test_two_share_a_topic_and_one_has_all_of_it_when_the_other_leaves(broker, assignors):
    one, other = (Reading(broker.address, group=quick("group", *assignors)) for _ in range(2))
    async with anyio.create_task_group() as tasks:
        await tasks.start(one.run)
        assert one.assignment == ALL
        await tasks.start(other.run)
        await until(lambda: one.assignment | other.assignment == ALL)
        assert not one.assignment & other.assignment
        assert len(one.assignment) == len(other.assignment) == 2

        await other.stop()

        await until(lambda: one.assignment == ALL)
        await fill(broker.address, range(EACH))
        await until(lambda: len(set(one.messages + other.messages)) == PARTITIONS * EACH * 2)
        await one.stop()
    assert await committed(broker.address) == dict.fromkeys(range(PARTITIONS), 2 * EACH)
    assert len(one.messages + other.messages) == PARTITIONS * EACH * 2


async def test_a_cooperative_member_keeps_reading_what_it_keeps(broker):
    one, other = (Reading(broker.address, group=quick("group", *COOPERATIVE)) for _ in range(2))
    async with anyio.create_task_group() as tasks:
        await tasks.start(one.run)
        await tasks.start(other.run)
        await until(lambda: len(other.assignment) == 2)

        assert one.told("revoked") == [other.assignment]
        assert one.told("assigned") == [ALL]
        assert one.told("lost") == other.told("lost") == other.told("revoked") == []
        await other.stop()
        await one.stop()


async def test_an_eager_member_gives_everything_up_before_it_joins_again(broker):
    one, other = (Reading(broker.address, group=quick("group", *EAGER)) for _ in range(2))
    async with anyio.create_task_group() as tasks:
        await tasks.start(one.run)
        await tasks.start(other.run)
        await until(lambda: len(one.assignment) == 2)

        assert one.told("revoked") == [ALL]
        await other.stop()
        await one.stop()


async def test_a_cancelled_member_commits_and_leaves_and_nobody_waits_for_its_session(broker):
    one, other = (Reading(broker.address, group=quick(session_timeout=60.0)) for _ in range(2))
    async with anyio.create_task_group() as tasks:
        await tasks.start(one.run)
        await tasks.start(other.run)
        await until(lambda: one.assignment | other.assignment == ALL)
        await fill(broker.address, range(EACH))
        await until(lambda: len(set(one.messages + other.messages)) == 2 * PARTITIONS * EACH)

        one.scope.cancel()

        await until(lambda: other.assignment == ALL)
        await other.stop()
    assert len(one.messages + other.messages) <= 2 * PARTITIONS * EACH + 1  # one may have been in hand


async def test_a_member_that_is_busy_for_longer_than_its_session_stays_one(broker):
    lost: list[frozenset[TopicPartition]] = []
    group = quick(session_timeout=LONGER_SESSION)
    async with gomq.Consumer(broker.address, TOPIC, group=group, replay=True, on_lost=lost.append) as consumer:
        await anext(consumer)
        busy_until = anyio.current_time() + 1.2 * LONGER_SESSION
        await until(lambda: anyio.current_time() > busy_until)
        await consumer.commit()
    assert lost == []


async def test_who_blocks_the_event_loop_leaves_others_their_turn_between_messages(broker):
    async with gomq.Consumer(broker.address, TOPIC, group="group", replay=True) as consumer:
        count = 0
        with anyio.move_on_after(0.05):
            async for _ in consumer:
                count += 1
                time.sleep(0.02)  # noqa: ASYNC251 - it is what is not to be done
    assert count < EACH


async def test_who_blocks_the_event_loop_for_longer_than_its_session_is_told_and_joins_again(broker):
    member = Reading(broker.address, group=quick(session_timeout=SESSION))
    async with anyio.create_task_group() as tasks:
        await tasks.start(member.run)
        time.sleep(2 * SESSION)  # noqa: ASYNC251 - it is what is not to be done
        await until(lambda: member.told("assigned") == [ALL, ALL])
        assert member.told("lost") == [ALL]
        await until(lambda: len(set(member.messages)) == PARTITIONS * EACH)
        await member.stop()
    assert member.failure is None


async def test_a_member_outlives_its_broker(data, kept_address):
    async with anyio.create_task_group() as tasks:
        async with grouping_broker(data, listen=kept_address) as broker:
            await make_topic(broker.address, each=EACH)
            one, other = (Reading(broker.address, group=quick("group", *COOPERATIVE)) for _ in range(2))
            await tasks.start(one.run)
            await tasks.start(other.run)
            await until(lambda: one.assignment | other.assignment == ALL)
            await until(lambda: len(one.messages + other.messages) == PARTITIONS * EACH)
        had = one.assignment, other.assignment
        async with grouping_broker(data, listen=kept_address) as broker:
            await fill(broker.address, range(EACH))
            await until(lambda: len(one.messages + other.messages) == PARTITIONS * EACH * 2)
            assert (one.assignment, other.assignment) == had
            await one.stop()
            await other.stop()
            assert await committed(broker.address) == dict.fromkeys(range(PARTITIONS), 2 * EACH)
    assert one.told("lost") == other.told("lost") == []


async def test_a_member_whose_broker_is_gone_for_longer_than_its_session_has_lost_everything(data, kept_address):
    async with anyio.create_task_group() as tasks:
        async with grouping_broker(data, listen=kept_address) as broker:
            await make_topic(broker.address, each=EACH)
            one = Reading(broker.address, group=quick(session_timeout=SESSION))
            await tasks.start(one.run)
        await until(lambda: one.told("lost") == [ALL])
        assert one.assignment == frozenset()
        async with grouping_broker(data, listen=kept_address):
            await until(lambda: one.assignment == ALL)
            await one.stop()


async def test_a_static_member_has_its_partitions_back_and_the_others_notice_nothing(broker):
    groups = [quick(instance_id=name, session_timeout=60.0) for name in ("a", "b")]
    one, other = (Reading(broker.address, group=group) for group in groups)
    async with anyio.create_task_group() as tasks:
        await tasks.start(one.run)
        await tasks.start(other.run)
        await until(lambda: one.assignment | other.assignment == ALL)
        had, told = other.assignment, len(one.events)
        await other.stop()

        again = Reading(broker.address, group=groups[1])
        await tasks.start(again.run)

        assert again.assignment == had
        assert len(one.events) == told
        await again.stop()
        await one.stop()


async def test_of_two_with_one_name_the_first_is_told_and_ends(broker):
    one, other = (Reading(broker.address, group=quick(instance_id="a")) for _ in range(2))
    async with anyio.create_task_group() as tasks:
        await tasks.start(one.run)
        await tasks.start(other.run)

        await one.has_ended.wait()

        assert isinstance(one.failure, FencedInstanceIdError)
        assert one.told("lost") == [ALL]
        assert other.assignment == ALL
        await other.stop()


async def test_a_group_that_is_full_is_not_entered(data):
    async with grouping_broker(data, group_max_size=1) as broker:
        await make_topic(broker.address)
        async with gomq.Consumer(broker.address, TOPIC, group="group"):
            with pytest.raises(GroupMaxSizeReachedError, match="'group'"):
                async with gomq.Consumer(broker.address, TOPIC, group="group"):
                    pytest.fail("entered")


async def test_a_session_that_the_broker_does_not_take_is_named(broker):
    with pytest.raises(InvalidSessionTimeoutError):
        async with gomq.Consumer(broker.address, TOPIC, group=quick(session_timeout=0.09)):
            pytest.fail("entered")


async def test_members_without_a_common_assignor_are_told(broker):
    async with gomq.Consumer(broker.address, TOPIC, group=quick("group", "range")):
        with pytest.raises(InconsistentGroupProtocolError):
            async with gomq.Consumer(broker.address, TOPIC, group=quick("group", "roundrobin")):
                pytest.fail("entered")


async def test_who_is_told_of_an_assignment_can_seek_before_anything_is_handed_out(broker):
    async def skip(assigned: frozenset[TopicPartition]) -> None:
        for partition in assigned:
            await consumer.seek(partition, EACH - 1)

    consumer = gomq.Consumer(broker.address, TOPIC, group="group", replay=True, on_assigned=skip)
    async with consumer:
        offsets = [(await anext(consumer)).offset for _ in range(PARTITIONS)]
    assert offsets == [EACH - 1] * PARTITIONS


async def test_nothing_is_handed_out_while_a_listener_hears_of_a_rebalance(broker):
    async def skip(assigned: frozenset[TopicPartition]) -> None:
        for _ in range(10):  # time enough for messages to be fetched
            await one.consumer.end_offsets()
        for partition in assigned:
            await one.consumer.seek(partition, EACH - 1)

    one = Reading(broker.address, auto_commit=False, on_assigned=skip)
    other = Reading(broker.address, auto_commit=False)
    async with anyio.create_task_group() as tasks:
        await tasks.start(one.run)
        await until(lambda: len(one.messages) == PARTITIONS)
        await tasks.start(other.run)
        await until(lambda: len(one.messages) == PARTITIONS + PARTITIONS // 2)
        assert {offset for _, offset in one.messages} == {EACH - 1}
        await one.stop()
        await other.stop()


async def test_an_error_of_a_listener_ends_the_block(broker):
    async def fails(_: frozenset[TopicPartition]) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        async with gomq.Consumer(broker.address, TOPIC, group="group", on_assigned=fails):
            pytest.fail("entered")
