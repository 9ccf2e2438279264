"""``Admin``: how far groups got, and where they go on; against a real broker."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

import gomq
from gomq.errors import ConfigurationError, GroupIdNotFoundError, NonEmptyGroupError
from gomq_storage.layout import TopicPartition
from tests.client.admin.members import member
from tests.support.offsets import commit
from tests.support.wire import connect

START = datetime(2026, 1, 1, tzinfo=UTC)
ORDERS = [TopicPartition("orders", index) for index in range(3)]


async def fill(broker: gomq.Broker) -> None:
    """Make orders: 10 messages in 0, an hour apart, the first 2 deleted; 4 in 1; none in 2."""
    async with gomq.Admin(broker.address) as admin, gomq.Producer(broker.address) as producer:
        await admin.create_topic("orders", partitions=3)
        for hour in range(10):
            timestamp = int((START + timedelta(hours=hour)).timestamp() * 1000)
            await producer.publish("orders", b"x", partition=0, timestamp=timestamp)
        for _ in range(4):
            await producer.publish("orders", b"x", partition=1)
        await admin.delete_records("orders", {0: 2})


async def commit_some(broker: gomq.Broker) -> None:
    async with connect(broker.address) as wire:
        offsets = {"orders": {0: 7, 1: 1}}
        assert await commit(wire, "workers", offsets, metadata="note", leader_epoch=0) == {"orders": {0: 0, 1: 0}}


async def test_a_group_is_told_how_far_it_got_and_how_far_behind_it_is(broker: gomq.Broker):
    await fill(broker)
    await commit_some(broker)
    async with gomq.Admin(broker.address) as admin:
        found = await admin.group_offsets("workers")
        assert [(each, offset.committed, offset.lag) for each, offset in found.items()] == [
            (ORDERS[0], 7, 3), (ORDERS[1], 1, 3),
        ]  # fmt: skip
        first = found[ORDERS[0]]
        assert (first.beginning_offset, first.end_offset, first.metadata, first.leader_epoch) == (2, 10, "note", 0)
        assert first.member_id is None
        everywhere = await admin.group_offsets("workers", ["orders"])
        assert list(everywhere) == ORDERS
        last = everywhere[ORDERS[2]]
        assert (last.committed, last.lag, last.end_offset, last.metadata) == (None, None, 0, "")


async def test_partitions_that_are_read_but_not_committed_are_told_too(broker: gomq.Broker):
    await fill(broker)
    await commit_some(broker)
    async with gomq.Admin(broker.address) as admin, member(broker.address, "workers", ORDERS[1:]) as member_id:
        found = await admin.group_offsets("workers")
    assert [(each, offset.committed, offset.member_id) for each, offset in found.items()] == [
        (ORDERS[0], 7, None), (ORDERS[1], 1, member_id), (ORDERS[2], None, member_id),
    ]  # fmt: skip


async def test_a_group_or_topic_that_is_not_there_is_an_error(broker: gomq.Broker):
    await fill(broker)
    await commit_some(broker)
    async with gomq.Admin(broker.address) as admin:
        with pytest.raises(GroupIdNotFoundError, match="group 'nobody' does not exist"):
            await admin.group_offsets("nobody")
        with pytest.raises(gomq.UnknownTopicError, match="'nowhere' does not exist"):
            await admin.group_offsets("workers", ["nowhere"])


RESETS: list[tuple[dict[str, Any], list[tuple[int | None, int, bool]]]] = [
    ({"to": "earliest"}, [(7, 2, False), (1, 0, False)]),
    ({"to": "latest"}, [(7, 10, False), (1, 4, False)]),
    ({"to": 3}, [(7, 3, False), (1, 3, False)]),
    ({"to": 5}, [(7, 5, False), (1, 4, True)]),
    ({"to": 0}, [(7, 2, True), (1, 0, False)]),
    ({"to": START + timedelta(hours=3, minutes=1)}, [(7, 4, False), (1, 0, False)]),
    ({"shift": -2}, [(7, 5, False), (1, 0, True)]),
    ({"shift": 3}, [(7, 10, False), (1, 4, False)]),
    ({"shift": 0}, [(7, 7, False), (1, 1, False)]),
    ({"partitions": ORDERS[2:], "to": "latest"}, [(None, 0, False)]),
    ({"topics": ["orders"], "to": 1}, [(7, 2, True), (1, 1, False), (None, 0, True)]),
    ({"to": {ORDERS[1]: 2, ORDERS[2]: "earliest"}}, [(1, 2, False), (None, 0, False)]),
]
"""What is asked of a group that is at 7 and 1, and the rows that come of it: current, new, whether that is clamped."""


async def test_a_plan_says_what_a_reset_would_do_and_then_it_is_done(broker: gomq.Broker):
    await fill(broker)
    async with gomq.Admin(broker.address) as admin:
        for arguments, expected in RESETS:
            await commit_some(broker)
            before = await admin.group_offsets("workers", ["orders"])
            plan = await admin.plan_reset("workers", **arguments)
            assert [(row.current, row.new, row.is_clamped) for row in plan.rows] == expected, arguments
            assert await admin.group_offsets("workers", ["orders"]) == before
            await admin.reset_offsets(plan)
            after = await admin.group_offsets("workers", ["orders"])
            new = {row.topic_partition: row.new for row in plan.rows}
            assert {each: after[each].committed for each in ORDERS} == {
                each: new.get(each, before[each].committed) for each in ORDERS
            }
            await admin.delete_group("workers")


async def test_a_time_behind_the_last_message_is_the_end(broker: gomq.Broker):
    await fill(broker)
    await commit_some(broker)
    async with gomq.Admin(broker.address) as admin:
        (row,) = (await admin.plan_reset("workers", partitions=ORDERS[:1], to=timedelta(0))).rows
    assert (row.new, row.wanted, row.is_clamped, row.is_change) == (10, None, False, True)
    assert (row.beginning_offset, row.end_offset) == (2, 10)


async def test_a_group_that_nobody_has_joined_yet_can_be_given_offsets(broker: gomq.Broker):
    await fill(broker)
    async with gomq.Admin(broker.address) as admin:
        with pytest.raises(ConfigurationError, match="group 'new' has committed nothing: say which topics"):
            await admin.plan_reset("new", to="earliest")
        plan = await admin.plan_reset("new", ["orders"], to="latest")
        assert [row.current for row in plan.rows] == [None] * 3
        await admin.reset_offsets(plan)
        assert [each.committed for each in (await admin.group_offsets("new")).values()] == [10, 4, 0]


async def test_a_group_with_members_is_neither_planned_for_nor_reset(broker: gomq.Broker):
    await fill(broker)
    await commit_some(broker)
    async with gomq.Admin(broker.address) as admin:
        plan = await admin.plan_reset("workers", to="latest")
        async with member(broker.address, "workers", ORDERS):
            match = "group 'workers' cannot be reset while it has 1 member, state Stable; stop its members"
            with pytest.raises(NonEmptyGroupError, match=match):
                await admin.plan_reset("workers", to="latest")
            with pytest.raises(NonEmptyGroupError, match=match):
                await admin.reset_offsets(plan)
            assert (await admin.group_offsets("workers"))[ORDERS[0]].committed == 7


async def test_what_cannot_be_planned_is_told(broker: gomq.Broker):
    await fill(broker)
    await commit_some(broker)
    async with gomq.Admin(broker.address) as admin:
        with pytest.raises(ConfigurationError, match="orders-2 cannot be shifted: nothing is committed"):
            await admin.plan_reset("workers", ["orders"], shift=1)
        with pytest.raises(gomq.UnknownTopicError, match="orders-3 does not exist"):
            await admin.plan_reset("workers", partitions=[TopicPartition("orders", 3)], to="latest")
        with pytest.raises(gomq.UnknownTopicError, match="'nowhere' does not exist"):
            await admin.plan_reset("workers", ["nowhere"], to="latest")
