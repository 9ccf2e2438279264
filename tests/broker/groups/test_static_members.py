"""Static members (KIP-345, KIP-814), as a group decides about them."""

import pytest
from kio.schema.errors import ErrorCode

from gomq.broker.groups.group import GroupState
from tests.support.driven_group import SESSION_MS, DrivenGroup


@pytest.fixture
def driven() -> DrivenGroup:
    return DrivenGroup()


@pytest.fixture
def ids(driven: DrivenGroup) -> list[str]:
    """The leader's id and the other's, of a stable group of two static members."""
    return driven.stable("one", "two", static=["one", "two"])


def test_a_static_member_need_not_come_twice(driven: DrivenGroup):
    answer = driven.joined(driven.join(instance="one", version=9))
    assert answer.error is ErrorCode.none
    assert answer.member_id.startswith("one-")


def test_a_static_member_that_comes_back_gets_its_place_without_a_rebalance(driven: DrivenGroup, ids: list[str]):
    back = driven.join(instance="two", version=9)
    assert back not in driven.answers
    driven.store()
    answer = driven.joined(back)
    assert (answer.error, answer.generation, answer.leader) == (ErrorCode.none, 2, ids[0])
    assert answer.member_id not in ids
    assert (answer.members, answer.skip_assignment) == ((), False)
    assert driven.synced(driven.sync(answer.member_id, instance="two")).assignment == ids[1].encode()
    assert driven.group.state is GroupState.STABLE


def test_its_new_id_is_written_down_before_it_is_told(driven: DrivenGroup, ids: list[str]):
    driven.join(instance="two", version=9)
    members = driven.stores[-1].value.members
    assert {member.group_instance_id for member in members} == {"one", "two"}
    assert ids[1] not in {member.member_id for member in members}
    assert {member.assignment for member in members} == {member_id.encode() for member_id in ids}


def test_a_leader_that_comes_back_skips_the_assignment(driven: DrivenGroup, ids: list[str]):
    back = driven.join(instance="one", version=9)
    driven.store()
    answer = driven.joined(back)
    assert answer.skip_assignment
    assert answer.leader == answer.member_id
    assert {member.member_id for member in answer.members} == {answer.member_id, ids[1]}


def test_a_leader_that_cannot_skip_it_is_told_of_its_old_id(driven: DrivenGroup, ids: list[str]):
    back = driven.join(instance="one", version=8)
    driven.store()
    answer = driven.joined(back)
    assert (answer.leader, answer.skip_assignment, answer.members) == (ids[0], False, ())


def test_the_one_whose_place_was_taken_is_fenced(driven: DrivenGroup, ids: list[str]):
    driven.join(instance="two", version=9)
    driven.store()
    assert driven.heartbeat(ids[1], instance="two") is ErrorCode.fenced_instance_id
    assert driven.synced(driven.sync(ids[1], instance="two")).error is ErrorCode.fenced_instance_id
    assert driven.joined(driven.join(member_id=ids[1], instance="two")).error is ErrorCode.fenced_instance_id
    assert driven.group.check_commit(ids[1], "two", 2) is ErrorCode.fenced_instance_id
    assert driven.heartbeat(ids[1]) is ErrorCode.unknown_member_id


def test_who_waits_when_its_place_is_taken_is_told(driven: DrivenGroup, ids: list[str]):
    waits = driven.join(member_id=ids[1], instance="two", protocols={"range": b"new"})
    back = driven.join(instance="two", version=9)
    answer = driven.joined(waits)
    assert (answer.error, answer.member_id) == (ErrorCode.fenced_instance_id, ids[1])
    driven.join(member_id=ids[0], instance="one")
    assert driven.joined(back).generation == 3


def test_who_comes_back_while_the_leader_assigns_makes_all_join_again(driven: DrivenGroup, ids: list[str]):
    driven.join(member_id=ids[0], instance="one")
    driven.join(member_id=ids[1], instance="two")
    waits = driven.sync(ids[1], instance="two")
    back = driven.join(instance="two", version=9)
    assert driven.synced(waits).error is ErrorCode.fenced_instance_id
    assert driven.group.state is GroupState.PREPARING_REBALANCE
    driven.join(member_id=ids[0], instance="one")
    assert driven.joined(back).generation == 4


def test_a_change_that_would_choose_another_protocol_makes_all_join_again(driven: DrivenGroup):
    both = {"range": b"", "sticky": b""}
    one, _ = driven.stable("one", "two", static=["one", "two"], protocols=both)
    back = driven.join(instance="two", protocols={"sticky": b""}, version=9)
    assert back not in driven.answers
    assert driven.group.state is GroupState.PREPARING_REBALANCE
    driven.join(member_id=one, instance="one", protocols=both)
    assert driven.joined(back).protocol == "sticky"


def test_a_change_that_chooses_the_same_protocol_makes_nobody_join_again(driven: DrivenGroup, ids: list[str]):
    back = driven.join(instance="two", protocols={"range": b"other topics"}, version=9)
    driven.store()
    assert driven.joined(back).generation == 2
    assert driven.group.state is GroupState.STABLE
    assert driven.group.roster[driven.joined(back).member_id].metadata("range") == b"other topics"
    assert len(ids) == len(driven.member_ids())


def test_a_new_id_that_cannot_be_written_down_is_taken_back(driven: DrivenGroup, ids: list[str]):
    back = driven.join(instance="two", protocols={"range": b"other"}, session_ms=20_000, version=9)
    driven.store(ErrorCode.not_coordinator)
    answer = driven.joined(back)
    assert (answer.error, answer.member_id) == (ErrorCode.not_coordinator, "")
    assert sorted(driven.member_ids()) == sorted(ids)
    member = driven.group.roster[ids[1]]
    assert (member.metadata("range"), member.session_timeout_ms) == (b"topics", SESSION_MS)
    assert driven.heartbeat(ids[1], instance="two") is ErrorCode.none


@pytest.mark.parametrize("error", [ErrorCode.none, ErrorCode.not_coordinator])
def test_a_rebalance_that_starts_meanwhile_tells_it_instead(driven: DrivenGroup, ids: list[str], error: ErrorCode):
    back = driven.join(instance="two", version=9)
    other = driven.join("three")
    driven.store(error)
    assert back not in driven.answers
    driven.join(member_id=ids[0], instance="one")
    assert driven.joined(back).generation == driven.joined(other).generation == 3


@pytest.mark.parametrize("error", [ErrorCode.none, ErrorCode.not_coordinator])
def test_a_place_that_is_taken_twice_belongs_to_the_last(driven: DrivenGroup, ids: list[str], error: ErrorCode):
    first = driven.join(instance="two", version=9)
    second = driven.join(instance="two", version=9)
    assert driven.joined(first).error is ErrorCode.fenced_instance_id
    driven.store(error)
    assert driven.joined(second).error is error
    assert len(driven.member_ids()) == len(ids)


def test_a_static_member_that_is_silent_is_out_in_the_end(driven: DrivenGroup, ids: list[str]):
    driven.pass_ms(SESSION_MS - 1)
    driven.heartbeat(ids[0], instance="one")
    driven.pass_ms(1)
    assert driven.member_ids() == [ids[0]]
    answer = driven.join(instance="two", version=9)
    driven.join(member_id=ids[0], instance="one")
    assert driven.joined(answer).generation == 3


def test_a_static_member_keeps_its_place_in_a_rebalance_it_misses(driven: DrivenGroup):
    one, two = driven.stable("one", "two", static=["two"], rebalance_ms=SESSION_MS - 1)
    rejoined = driven.join(member_id=one, rebalance_ms=SESSION_MS - 1)
    driven.pass_ms(SESSION_MS - 1)
    assert {member.member_id for member in driven.joined(rejoined).members} == {one, two}


def test_a_rebalance_that_only_absent_static_members_could_join_goes_on(driven: DrivenGroup):
    (one, two) = driven.stable("one", "two", static=["one"], rebalance_ms=SESSION_MS // 2)
    driven.leave_one(two)
    driven.pass_ms(SESSION_MS // 2)
    assert driven.group.state == "PreparingRebalance"  # nobody has joined, nobody can lead
    driven.pass_ms(SESSION_MS // 2)
    assert driven.group.state is GroupState.EMPTY
    assert one not in driven.member_ids()


def test_absent_static_members_that_grant_no_time_to_join_do_not_keep_the_broker_busy(driven: DrivenGroup):
    one, two = driven.stable("one", "two", static=["one"])
    driven.join(member_id=one, instance="one", rebalance_ms=0)
    driven.join(member_id=two)
    driven.sync(one, {})
    driven.sync(two, {})
    driven.store()
    driven.leave_one(two)
    for _ in range(12):
        driven.end_next_timer()
    assert driven.now_ms >= SESSION_MS  # and not the same moment again and again
    assert driven.group.state is GroupState.EMPTY


def test_a_session_that_ends_while_the_new_id_is_written_down_begins_anew(driven: DrivenGroup, ids: list[str]):
    back = driven.join(instance="two", version=9)
    for _ in range(2):
        driven.pass_ms(SESSION_MS // 2)
        driven.heartbeat(ids[0], instance="one")
    driven.store()
    driven.pass_ms(SESSION_MS - 1)
    assert driven.joined(back).member_id in driven.member_ids()
    driven.pass_ms(1)
    assert driven.joined(back).member_id not in driven.member_ids()
