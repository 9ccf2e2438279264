"""SyncGroup and Heartbeat, as a group decides them."""

import pytest
from kio.schema.errors import ErrorCode

from gomq.broker.groups.group import GroupState
from gomq.broker.groups.members import SyncAnswer
from tests.support.driven_group import REBALANCE_MS, SESSION_MS, DrivenGroup


@pytest.fixture
def driven() -> DrivenGroup:
    return DrivenGroup()


def rejoin(driven: DrivenGroup, *member_ids: str) -> None:
    """Have all members join again, until they wait for their assignments."""
    driven.join(member_id=member_ids[0], protocols={"range": b"new"})
    for member_id in member_ids[1:]:
        driven.join(member_id=member_id)
    assert driven.group.state is GroupState.COMPLETING_REBALANCE


def test_nobody_is_told_of_an_assignment_before_it_is_durable(driven: DrivenGroup):
    one, two = driven.stable("one", "two")
    rejoin(driven, one, two)
    follower = driven.sync(two)
    leader = driven.sync(one, {one: b"1", two: b"2"})
    assert not {follower, leader} & set(driven.answers)
    driven.store()
    assert driven.synced(leader) == SyncAnswer(protocol_type="consumer", protocol="range", assignment=b"1")
    assert driven.synced(follower).assignment == b"2"
    assert driven.group.state is GroupState.STABLE


def test_what_is_written_down_is_the_generation_with_its_assignments(driven: DrivenGroup):
    one, two = driven.stable("one", "two", static=["two"])
    value = driven.written[-1].value
    assert (value.protocol_type, value.generation, value.protocol, value.leader) == ("consumer", 2, "range", one)
    assert [(member.member_id, member.group_instance_id) for member in value.members] == [(one, None), (two, "two")]
    assert [member.assignment for member in value.members] == [one.encode(), two.encode()]
    first = value.members[0]
    assert (first.client_id, first.client_host, first.subscription) == ("one", "/127.0.0.1", b"topics")
    assert (first.rebalance_timeout_ms, first.session_timeout_ms) == (REBALANCE_MS, SESSION_MS)


def test_who_asks_later_gets_the_assignment_at_once(driven: DrivenGroup):
    one, two = driven.stable("one", "two")
    rejoin(driven, one, two)
    driven.sync(one, {two: b"2"})
    driven.store()
    assert driven.synced(driven.sync(two)).assignment == b"2"
    assert driven.synced(driven.sync(one)).assignment == b""  # the leader gave itself nothing


def test_an_assignment_for_somebody_else_is_left_out(driven: DrivenGroup):
    (one,) = driven.stable("one")
    rejoin(driven, one)
    driven.sync(one, {one: b"1", "nobody": b"2"})
    assert [member.member_id for member in driven.written[-1].value.members] == [one]


def test_an_assignment_that_cannot_be_kept_makes_all_join_again(driven: DrivenGroup):
    one, two = driven.stable("one", "two")
    rejoin(driven, one, two)
    tickets = [driven.sync(two), driven.sync(one, {one: b"1", two: b"2"})]
    driven.store(ErrorCode.not_coordinator)
    assert [driven.synced(ticket) for ticket in tickets] == [SyncAnswer(error=ErrorCode.not_coordinator)] * 2
    assert driven.group.state is GroupState.PREPARING_REBALANCE
    assert set(driven.group.assignments().values()) == {b""}


def test_an_assignment_that_becomes_durable_too_late_counts_for_nobody(driven: DrivenGroup):
    (one,) = driven.stable("one")
    rejoin(driven, one)
    leader = driven.sync(one, {one: b"1"})
    driven.join("two")
    assert driven.synced(leader).error is ErrorCode.rebalance_in_progress
    driven.store()
    assert driven.group.state is GroupState.PREPARING_REBALANCE
    assert driven.group.roster[one].assignment == b""


def test_a_leader_that_assigns_twice_is_heard_once(driven: DrivenGroup):
    (one,) = driven.stable("one")
    rejoin(driven, one)
    first = driven.sync(one, {one: b"1"})
    second = driven.sync(one, {one: b"other"})
    assert driven.synced(first).error is ErrorCode.rebalance_in_progress
    driven.store()
    assert driven.synced(second).assignment == b"1"
    assert driven.written[-1].value.members[0].assignment == b"1"


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"member_id": "made-up"}, ErrorCode.unknown_member_id),
        ({"generation": 1}, ErrorCode.illegal_generation),
        ({"generation": 3}, ErrorCode.illegal_generation),
        ({"protocol_type": "connect"}, ErrorCode.inconsistent_group_protocol),
        ({"protocol": "roundrobin"}, ErrorCode.inconsistent_group_protocol),
        ({"instance": "nobody"}, ErrorCode.unknown_member_id),
        ({"protocol": "range", "protocol_type": "consumer"}, ErrorCode.none),
    ],
)
def test_who_does_not_know_its_generation_gets_no_assignment(driven: DrivenGroup, changes: dict, error: ErrorCode):
    _, two = driven.stable("one", "two")
    assert driven.synced(driven.sync(**{"member_id": two, **changes})).error is error


def test_nobody_gets_an_assignment_while_others_join(driven: DrivenGroup):
    one, two = driven.stable("one", "two")
    driven.join(member_id=one)
    assert driven.synced(driven.sync(two)).error is ErrorCode.rebalance_in_progress


def test_who_does_not_ask_for_its_assignment_in_time_is_out(driven: DrivenGroup):
    one, two, three = driven.stable("one", "two", "three", rebalance_ms=SESSION_MS - 1)
    rejoin(driven, one, two, three)
    driven.sync(one, {})
    driven.sync(two)
    driven.store()
    driven.pass_ms(SESSION_MS - 2)
    assert driven.group.state is GroupState.STABLE
    for member_id in (one, two, three):
        assert driven.heartbeat(member_id) is ErrorCode.none
    driven.pass_ms(REBALANCE_MS)
    assert three not in driven.member_ids()


def test_all_that_ask_in_time_stay(driven: DrivenGroup):
    ids = driven.stable("one", "two")
    for _ in range(2 * REBALANCE_MS // 5000):
        driven.pass_ms(5000)
        assert [driven.heartbeat(member_id) for member_id in ids] == [ErrorCode.none] * 2
    assert driven.group.generation == 2


def test_who_is_silent_is_out_and_the_others_join_again(driven: DrivenGroup):
    one, two = driven.stable("one", "two")
    driven.pass_ms(SESSION_MS - 1)
    driven.heartbeat(one)
    driven.pass_ms(1)
    assert driven.member_ids() == [one]
    assert driven.group.state is GroupState.PREPARING_REBALANCE
    assert driven.heartbeat(two) is ErrorCode.unknown_member_id
    assert driven.joined(driven.join(member_id=one)).generation == 3


def test_the_last_one_that_is_silent_leaves_an_empty_group(driven: DrivenGroup):
    driven.stable("one")
    driven.pass_ms(SESSION_MS)
    assert (driven.group.state, driven.group.generation) == (GroupState.EMPTY, 2)
    value = driven.written[-1].value
    assert (value.members, value.protocol, value.leader, value.protocol_type) == ((), None, None, "consumer")
    assert value.current_state_timestamp == SESSION_MS


def test_who_waits_for_others_needs_no_heartbeats(driven: DrivenGroup):
    one, two = driven.stable("one", "two")
    rejoin(driven, one, two)
    follower = driven.sync(two)
    for _ in range(REBALANCE_MS // 5000 - 1):
        driven.pass_ms(5000)
        driven.heartbeat(one)
    assert driven.member_ids() == [one, two]
    driven.sync(one, {two: b"2"})
    driven.store()
    assert driven.synced(follower).assignment == b"2"
    driven.heartbeat(one)
    driven.pass_ms(SESSION_MS)  # from now on it needs them again
    assert two not in driven.member_ids()


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({}, ErrorCode.none),
        ({"member_id": ""}, ErrorCode.unknown_member_id),
        ({"generation": 0}, ErrorCode.illegal_generation),
        ({"generation": -1}, ErrorCode.illegal_generation),
        ({"instance": "nobody"}, ErrorCode.unknown_member_id),
    ],
)
def test_a_heartbeat_tells_a_member_whether_it_is_one(driven: DrivenGroup, changes: dict, error: ErrorCode):
    (one,) = driven.stable("one")
    assert driven.heartbeat(**{"member_id": one, **changes}) is error


def test_a_heartbeat_is_fine_while_the_leader_assigns(driven: DrivenGroup):
    (one,) = driven.stable("one")
    rejoin(driven, one)
    assert driven.heartbeat(one) is ErrorCode.none


def test_a_dead_group_has_no_members(driven: DrivenGroup):
    driven.group.transition(GroupState.DEAD, 0)
    assert driven.heartbeat("one") is ErrorCode.coordinator_not_available
    assert driven.synced(driven.sync("one")).error is ErrorCode.coordinator_not_available
    driven.pass_ms(1)


@pytest.mark.parametrize(
    ("commit", "error"),
    [
        (("two", None, 2), ErrorCode.none),
        (("two", None, 1), ErrorCode.illegal_generation),
        (("nobody", None, 2), ErrorCode.unknown_member_id),
        (("", None, -1), ErrorCode.unknown_member_id),
        (("two", "nobody", 2), ErrorCode.unknown_member_id),
        (("two", None, -1), ErrorCode.illegal_generation),
    ],
)
def test_members_of_this_generation_commit(driven: DrivenGroup, commit: tuple, error: ErrorCode):
    ids = dict(zip(("one", "two"), driven.stable("one", "two"), strict=True))
    member_id, instance, generation = commit
    assert driven.group.check_commit(ids.get(member_id, member_id), instance, generation) is error


def test_nobody_commits_while_the_leader_assigns_but_all_do_while_others_join(driven: DrivenGroup):
    one, two = driven.stable("one", "two")
    driven.join(member_id=one)
    assert driven.group.check_commit(two, None, 2) is ErrorCode.none
    driven.join(member_id=two)
    assert driven.group.check_commit(two, None, 3) is ErrorCode.rebalance_in_progress


def test_an_empty_group_lets_everybody_commit_who_is_in_no_generation(driven: DrivenGroup):
    assert driven.group.check_commit("", None, -1) is ErrorCode.none
    assert driven.group.check_commit("some", None, 0) is ErrorCode.unknown_member_id
    driven.group.transition(GroupState.DEAD, 0)
    assert driven.group.check_commit("", None, -1) is ErrorCode.coordinator_not_available
