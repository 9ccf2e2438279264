"""The coordinator: what waits, what ends, what is written down, what a restart brings back."""

import logging
from contextlib import AsyncExitStack
from pathlib import Path

import anyio
import pytest
from kio.schema.errors import ErrorCode

import gomq
from gomq.broker.groups import coordinator as module
from gomq.broker.groups.coordinator import GroupCoordinator
from gomq.broker.groups.group import GroupState
from gomq.broker.groups.members import JoinRequest, Protocol, SyncRequest
from gomq.broker.groups.records import GroupMetadataValue
from gomq.broker.groups.waiting import Waiting
from gomq.protocol.api import Api
from tests.broker.groups.conftest import Hands
from tests.support.membership import end_join, heartbeat, join, join_values, stable, start_join, sync_values
from tests.support.running import bounds
from tests.support.waiting import until
from tests.support.wire import Wire, connect

REBALANCE_IN_PROGRESS, NOT_COORDINATOR, UNKNOWN_MEMBER_ID = 27, 16, 25


async def test_time_ends_the_session_of_who_is_silent(hands: Hands, groups: GroupCoordinator, wire: Wire, other: Wire):
    one, two = await stable("group", wire, other)
    hands.forward(groups, 9_999)
    assert await heartbeat(wire, "group", one, 2) == 0
    hands.forward(groups, 1)
    assert await heartbeat(wire, "group", one, 2) == REBALANCE_IN_PROGRESS
    assert await heartbeat(other, "group", two, 2) == UNKNOWN_MEMBER_ID
    assert (await join(wire, "group", member_id=one)).generation_id == 3


async def test_time_ends_a_rebalance(
    hands: Hands, broker: gomq.Broker, groups: GroupCoordinator, wire: Wire, other: Wire
):
    (one,) = await stable("group", wire)
    await start_join(other, "group")
    await until(lambda: preparing(broker))
    for _ in range(12):
        assert not await other.has_answer(within=0)
        await heartbeat(wire, "group", one, 1)
        hands.forward(groups, 5_000)
    answer = await end_join(other)
    assert [member.member_id for member in answer.members] == [answer.member_id]


async def test_a_timer_that_another_has_moved_does_not_end(
    hands: Hands, broker: gomq.Broker, groups: GroupCoordinator, wire: Wire, other: Wire
):
    one, _ = await stable("group", wire, other, rebalance_timeout=5_000)
    await start_join(wire, "group", member_id=one, rebalance_timeout=5_000)
    await until(lambda: preparing(broker))
    hands.forward(groups, 10_000)  # the rebalance ends first, and with it the session begins anew
    assert [member.member_id for member in (await end_join(wire)).members] == [one]
    assert await heartbeat(wire, "group", one, 3) == 0


async def test_a_timer_ends_by_itself(groups: GroupCoordinator, wire: Wire):
    await start_join(wire, "group", session_timeout=6000, rebalance_timeout=20)
    await end_join(wire)
    await until(lambda: groups.empty_since_ms("group"))  # it did not sync within 20 ms


async def test_an_earlier_timer_is_not_missed(groups: GroupCoordinator, wire: Wire, other: Wire):
    await stable("slow", wire)
    await join(other, "quick", rebalance_timeout=20)
    await until(lambda: groups.empty_since_ms("quick"))
    assert groups.is_active("slow")


async def test_a_commit_is_a_sign_of_life(hands: Hands, groups: GroupCoordinator, wire: Wire):
    (one,) = await stable("group", wire)
    for _ in range(3):
        hands.forward(groups, 9_000)
        assert groups.check_commit("group", member_id=one, generation=1, instance_id=None) is ErrorCode.none
    hands.forward(groups, 9_000)
    assert groups.check_commit("group", member_id=one, generation=2, instance_id=None) is ErrorCode.illegal_generation
    hands.forward(groups, 1_000)
    assert not groups.is_active("group")


async def test_who_commits_outside_of_groups_makes_one(groups: GroupCoordinator):
    check = groups.check_commit
    assert check("simple", member_id="", generation=3, instance_id=None) is ErrorCode.illegal_generation
    assert not groups.known("simple")
    assert check("simple", member_id="", generation=-1, instance_id=None) is ErrorCode.none
    assert groups.known("simple")
    assert groups.protocol_type("simple") is None


async def test_who_goes_away_while_it_waits_stays_a_member(broker: gomq.Broker, wire: Wire):
    (one,) = await stable("group", wire)
    async with connect(broker.address) as gone:
        await start_join(gone, "group", instance="gone")
        await until(lambda: preparing(broker))
    answer = await join(wire, "group", member_id=one)
    assert [member.group_instance_id for member in answer.members] == [None, "gone"]


async def test_who_goes_away_before_the_leader_assigned_is_no_harm(broker: gomq.Broker, wire: Wire, other: Wire):
    one, two = await stable("group", wire, other)
    await start_join(wire, "group", member_id=one)
    await start_join(other, "group", member_id=two)
    await end_join(wire)
    await end_join(other)
    async with connect(broker.address) as gone:
        await gone.send(Api.SYNC_GROUP, 5, sync_values("group", two, 3))
        assert not await gone.has_answer(within=0.01)
    answer = await wire.ask(Api.SYNC_GROUP, 5, **sync_values("group", one, 3, {two: b"2"}))
    assert answer.error_code == 0
    assert (await other.ask(Api.SYNC_GROUP, 5, **sync_values("group", two, 3))).assignment == b"2"


async def test_the_broker_stops_while_members_wait(data: Path):
    async with AsyncExitStack() as clients:
        async with gomq.Broker(data=data, listen="127.0.0.1:0") as broker:
            wire = await clients.enter_async_context(connect(broker.address))
            other = await clients.enter_async_context(connect(broker.address))
            await stable("group", wire)
            await start_join(other, "group", instance="other")
            await until(lambda: preparing(broker))
        assert (await other.receive(Api.JOIN_GROUP, 9)).error_code == NOT_COORDINATOR
        assert await other.is_closed()


async def test_a_groups_name_does_not_break_the_log(wire: Wire, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.INFO, "gomq.broker")
    await stable("a\n\x1b[31mb", wire)
    (record,) = [record for record in caplog.records if record.msg == "group.stable"]
    assert not set(str(record.__dict__["group"])) & set("\n\x1b")


async def test_groups_are_bounded(monkeypatch: pytest.MonkeyPatch, groups: GroupCoordinator, wire: Wire):
    monkeypatch.setattr(module, "MAX_GROUPS", 1)
    await join(wire, "one")
    answer = await wire.ask(Api.JOIN_GROUP, 9, **join_values("two"))
    assert answer.error_code == ErrorCode.coordinator_not_available
    code = groups.check_commit("two", member_id="", generation=-1, instance_id=None)
    assert code is ErrorCode.coordinator_not_available


async def test_a_group_that_nobody_joined_leaves_nothing_behind(hands: Hands, groups: GroupCoordinator, wire: Wire):
    await wire.ask(Api.JOIN_GROUP, 9, **join_values("group"))
    await groups.forget_if_empty("group")
    assert groups.known("group")  # somebody was told its id just now
    hands.forward(groups, 10_000)
    await groups.forget_if_empty("group")
    assert not groups.known("group")
    assert await bounds(wire, "__consumer_offsets") == (0, 0)


async def test_a_record_that_does_not_say_since_when_a_group_is_empty_is_read(groups: GroupCoordinator):
    value = GroupMetadataValue(protocol_type="consumer", generation=1, protocol=None, leader=None, members=())
    groups.load("old", value)
    assert groups.group_ids() == ("old",)
    assert groups.empty_since_ms("old") is None


async def test_what_is_said_too_late_to_a_group_that_is_gone_changes_nothing(groups: GroupCoordinator):
    groups.note_offsets("group")
    groups.forget("group")
    groups.forget("group")
    await groups.forget_if_empty("group")
    assert not groups.known("group")


async def test_ten_thousand_members_cost_little(hands: Hands, groups: GroupCoordinator, wire: Wire):
    await join(wire, "another")  # makes the topic
    waiting = [Waiting() for _ in range(10_000)]
    with anyio.fail_after(20):
        for count, each in enumerate(waiting):
            await groups.join("group", many(each, f"member-{count}"), each)
        first = groups.group("group")
        assert first is not None
        leader = first.roster.leader
        again = Waiting()
        await groups.join("group", many(again, "", member_id=str(leader)), again)
        generation = first.generation
        for member in first.roster.members:
            ticket = Waiting()
            groups.sync("group", a_sync(ticket, member.id, generation), ticket)
        await until(lambda: groups.is_stable("group"))
        for _ in range(3):
            hands.forward(groups, 5_000)
            for member in list(first.roster.members):
                error = groups.heartbeat("group", member_id=member.id, instance_id=None, generation=generation)
                assert error is ErrorCode.none
        hands.forward(groups, 10_000)
    assert not groups.is_active("group")


def preparing(broker: gomq.Broker) -> bool:
    """Whether the members of the group ``group`` wait for each other."""
    assert broker._state is not None
    group = broker._state.groups.group("group")
    return group is not None and group.state is GroupState.PREPARING_REBALANCE


def many(waiting: Waiting, name: str, *, member_id: str = "") -> JoinRequest:
    return JoinRequest(
        ticket=waiting, member_id=member_id, new_member_id=name, instance_id=None, client_id="client",
        client_host="/127.0.0.1", session_timeout_ms=10_000, rebalance_timeout_ms=300_000, protocol_type="consumer",
        protocols=(Protocol("range", bytes(50)),), is_told_its_id=False, can_skip_assignment=False,
    )  # fmt: skip


def a_sync(waiting: Waiting, member_id: str, generation: int) -> SyncRequest:
    return SyncRequest(
        ticket=waiting, member_id=member_id, instance_id=None, generation=generation, protocol_type=None, protocol=None,
    )  # fmt: skip
