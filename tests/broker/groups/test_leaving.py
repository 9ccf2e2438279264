"""LeaveGroup, as a group decides it."""

import pytest
from kio.schema.errors import ErrorCode

from gomq.broker.groups.group import GroupState
from gomq.broker.groups.members import Identity
from gomq.broker.groups.outcome import JOIN_TIMER, SYNC_TIMER, Timer, member_timer
from tests.support.driven_group import DrivenGroup


@pytest.fixture
def driven() -> DrivenGroup:
    return DrivenGroup()


def test_who_leaves_is_out_at_once_and_the_others_join_again(driven: DrivenGroup):
    one, two = driven.stable("one", "two")
    assert driven.leave_one(one) is ErrorCode.none
    assert driven.heartbeat(two) is ErrorCode.rebalance_in_progress
    answer = driven.joined(driven.join(member_id=two))
    assert (answer.generation, answer.leader) == (3, two)


def test_the_last_one_leaves_an_empty_group_that_is_written_down(driven: DrivenGroup):
    (one,) = driven.stable("one")
    driven.leave_one(one)
    assert driven.group.state is GroupState.EMPTY
    assert driven.stores[-1].value.members == ()


def test_several_leave_at_once_each_with_its_own_error(driven: DrivenGroup):
    one, two, three = driven.stable("one", "two", "three", static=["two"])
    left = driven.leave(
        Identity(one), Identity("nobody"), Identity("", "two"), Identity("", "nobody"), Identity(""),
        Identity("wrong", "two"), Identity(one),
    )  # fmt: skip
    assert [error for _, error in left] == [
        ErrorCode.none,
        ErrorCode.unknown_member_id,
        ErrorCode.none,
        ErrorCode.unknown_member_id,
        ErrorCode.unknown_member_id,
        ErrorCode.unknown_member_id,
        ErrorCode.unknown_member_id,
    ]
    assert driven.member_ids() == [three]
    assert two not in driven.member_ids()


def test_nobody_leaves_under_a_name_that_another_has_taken(driven: DrivenGroup):
    one, two = driven.stable("one", "two", static=["two"])
    driven.join(instance="two", version=9)
    driven.store()
    assert driven.leave(Identity(two, "two"))[0].error is ErrorCode.fenced_instance_id
    assert driven.group.state is GroupState.STABLE
    assert len(driven.member_ids()) == 2
    assert one in driven.member_ids()


def test_who_was_told_its_id_leaves_before_it_has_joined(driven: DrivenGroup):
    (one,) = driven.stable("one")
    told = driven.joined(driven.join("two", version=4)).member_id
    rejoined = driven.join(member_id=one)
    assert rejoined not in driven.answers
    assert driven.leave_one(told) is ErrorCode.none
    assert driven.joined(rejoined).generation == 2


def test_an_error_changes_nothing(driven: DrivenGroup):
    driven.stable("one")
    assert driven.leave_one("nobody") is ErrorCode.unknown_member_id
    assert driven.group.state is GroupState.STABLE


def test_a_rebalance_ends_when_the_last_one_that_is_missing_leaves(driven: DrivenGroup):
    one, two = driven.stable("one", "two")
    rejoined = driven.join(member_id=one)
    driven.leave_one(two)
    assert driven.joined(rejoined).generation == 3


def test_who_leaves_while_it_waits_is_told(driven: DrivenGroup):
    one, two = driven.stable("one", "two")
    rejoined = driven.join(member_id=one)
    driven.leave_one(one)
    assert driven.joined(rejoined).error is ErrorCode.unknown_member_id
    driven.join(member_id=two)
    waits = driven.sync(two, {two: b"2"})
    driven.leave_one(two)
    assert driven.synced(waits).error is ErrorCode.unknown_member_id
    driven.store()
    assert driven.group.state is GroupState.EMPTY


def test_a_member_that_is_told_its_id_may_join_when_all_others_have_left(driven: DrivenGroup):
    (one,) = driven.stable("one")
    told = driven.joined(driven.join("two", version=4)).member_id
    driven.leave_one(one)
    driven.pass_ms(0)
    assert driven.group.state is GroupState.EMPTY
    assert driven.joined(driven.join("two", member_id=told, version=4)).error is ErrorCode.none


@pytest.mark.parametrize("timer", [JOIN_TIMER, SYNC_TIMER])
def test_a_timer_that_ends_when_all_is_settled_changes_nothing(driven: DrivenGroup, timer: Timer):
    driven.stable("one", "two")
    before = (driven.member_ids(), driven.group.generation, dict(driven.timers))
    driven.end_timer(timer)
    assert driven.group.state is GroupState.STABLE
    assert (driven.member_ids(), driven.group.generation, driven.timers) == before
    assert driven.stores == []


def test_a_timer_for_assignments_that_ends_when_members_join_again_removes_nobody(driven: DrivenGroup):
    one, two = driven.stable("one", "two")
    driven.join(member_id=one)
    driven.join(member_id=two)
    driven.join("three")
    assert driven.group.state is GroupState.PREPARING_REBALANCE
    members = driven.member_ids()
    driven.end_timer(SYNC_TIMER)
    assert driven.member_ids() == members
    assert driven.group.state is GroupState.PREPARING_REBALANCE


def test_no_timer_wakes_a_group_that_is_deleted(driven: DrivenGroup):
    (one,) = driven.stable("one")
    driven.group.transition(GroupState.DEAD, driven.now_ms)
    for timer in (JOIN_TIMER, SYNC_TIMER, member_timer(one)):
        driven.end_timer(timer)
    assert driven.group.state is GroupState.DEAD
    assert driven.member_ids() == [one]
    assert driven.stores == []
