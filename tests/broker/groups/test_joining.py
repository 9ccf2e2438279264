"""JoinGroup, as a group decides it."""

import pytest
from kio.schema.errors import ErrorCode

from gomq.broker.groups.group import GroupState
from gomq.broker.groups.members import MemberProtocol
from gomq.broker.groups.settings import NEW_MEMBER_JOIN_TIMEOUT_MS, PENDING_MEMBER_TIMEOUT_MS
from tests.support.driven_group import REBALANCE_MS, SESSION_MS, DrivenGroup

BOTH = {"cooperative-sticky": b"c", "range": b"r"}


@pytest.fixture
def driven() -> DrivenGroup:
    return DrivenGroup()


def test_the_first_member_leads_at_once(driven: DrivenGroup):
    answer = driven.joined(driven.join("one"))
    assert (answer.error, answer.generation, answer.leader) == (ErrorCode.none, 1, answer.member_id)
    assert (answer.protocol_type, answer.protocol) == ("consumer", "range")
    assert answer.members == (MemberProtocol(answer.member_id, None, b"topics"),)
    assert driven.group.state is GroupState.COMPLETING_REBALANCE


def test_a_new_member_is_told_its_id_first_from_version_4_on(driven: DrivenGroup):
    told = driven.joined(driven.join("one", version=4))
    assert told.error is ErrorCode.member_id_required
    assert told.member_id.startswith("one-")
    assert driven.member_ids() == []
    joined = driven.joined(driven.join("one", member_id=told.member_id, version=4))
    assert (joined.error, joined.member_id, joined.generation) == (ErrorCode.none, told.member_id, 1)


def test_who_does_not_come_again_with_its_id_is_forgotten(driven: DrivenGroup):
    told = driven.joined(driven.join("one", version=4))
    driven.pass_ms(PENDING_MEMBER_TIMEOUT_MS - 1)
    assert driven.group.roster.pending == {told.member_id}
    driven.pass_ms(1)
    assert driven.group.roster.pending == set()
    answer = driven.joined(driven.join("one", member_id=told.member_id, version=4))
    assert (answer.error, answer.member_id) == (ErrorCode.unknown_member_id, told.member_id)


def test_a_rebalance_waits_for_a_member_that_was_told_its_id(driven: DrivenGroup):
    (one,) = driven.stable("one")
    told = driven.joined(driven.join("two", version=4))
    rejoined = driven.join("one", member_id=one)
    assert rejoined not in driven.answers
    driven.join("two", member_id=told.member_id, version=4)
    assert driven.joined(rejoined).generation == 2
    assert len(driven.member_ids()) == 2


def test_a_rebalance_ends_when_the_member_it_waits_for_is_forgotten(driven: DrivenGroup):
    (one,) = driven.stable("one")
    driven.join("two", version=4, session_ms=45_000)
    rejoined = driven.join("one", member_id=one)
    driven.pass_ms(PENDING_MEMBER_TIMEOUT_MS)
    assert driven.joined(rejoined).generation == 2


def test_a_new_member_makes_all_join_again(driven: DrivenGroup):
    (one,) = driven.stable("one")
    second = driven.join("two")
    assert driven.group.state is GroupState.PREPARING_REBALANCE
    assert driven.heartbeat(one) is ErrorCode.rebalance_in_progress
    assert second not in driven.answers
    first = driven.join("one", member_id=one)
    assert driven.joined(first).generation == driven.joined(second).generation == 2
    assert driven.joined(first).leader == driven.joined(second).leader == one
    assert [member.member_id for member in driven.joined(first).members] == driven.member_ids()
    assert driven.joined(second).members == ()


def test_who_does_not_join_again_in_time_is_out(driven: DrivenGroup):
    one, two = driven.stable("one", "two")
    rejoined = driven.join("one", member_id=one)
    driven.heartbeat(two)
    for _ in range(REBALANCE_MS // 5000):
        driven.pass_ms(5000)
        driven.heartbeat(two)
    assert driven.joined(rejoined).generation == 3
    assert driven.member_ids() == [one]
    assert driven.heartbeat(two) is ErrorCode.unknown_member_id


def test_the_longest_rebalance_timeout_counts(driven: DrivenGroup):
    one, two = driven.stable("one", "two")
    rejoined = driven.join("one", member_id=one, rebalance_ms=1000)
    driven.pass_ms(1000)
    assert rejoined not in driven.answers  # the other one may take a minute
    driven.join("two", member_id=two)
    assert rejoined in driven.answers


def test_another_leads_where_the_leader_does_not_join_again(driven: DrivenGroup):
    _, two = driven.stable("one", "two", rebalance_ms=5000)
    rejoined = driven.join("two", member_id=two, protocols={"range": b"other"}, rebalance_ms=5000)
    driven.pass_ms(5000)
    answer = driven.joined(rejoined)
    assert (answer.leader, [member.member_id for member in answer.members]) == (two, [two])


def test_a_follower_that_joins_with_nothing_new_hears_of_the_generation_again(driven: DrivenGroup):
    one, two = driven.stable("one", "two")
    answer = driven.joined(driven.join("two", member_id=two))
    assert (answer.generation, answer.leader, answer.members) == (2, one, ())
    assert driven.group.state is GroupState.STABLE


@pytest.mark.parametrize("who", [0, 1])
def test_a_leader_that_joins_and_a_follower_with_something_new_make_all_join_again(driven: DrivenGroup, who: int):
    ids = driven.stable("one", "two")
    driven.join(member_id=ids[who], protocols={"range": b"topics" if who == 0 else b"other"})
    assert driven.group.state is GroupState.PREPARING_REBALANCE


def test_a_member_whose_answer_was_lost_gets_it_again(driven: DrivenGroup):
    first = driven.joined(driven.join("one"))
    again = driven.joined(driven.join("one", member_id=first.member_id))
    assert again == first


def test_a_member_with_something_new_while_the_leader_assigns_makes_all_join_again(driven: DrivenGroup):
    one, two = driven.stable("one", "two")
    driven.join("one", member_id=one)
    driven.join("two", member_id=two)
    waits = driven.sync(two)
    changed = driven.join("one", member_id=one, protocols={"range": b"other"})
    assert driven.synced(waits).error is ErrorCode.rebalance_in_progress
    driven.join("two", member_id=two)
    assert driven.joined(changed).generation == 4


def test_a_member_that_joins_twice_is_answered_twice(driven: DrivenGroup):
    one, two = driven.stable("one", "two")
    first = driven.join("one", member_id=one)
    second = driven.join("one", member_id=one)
    assert driven.joined(first).error is ErrorCode.rebalance_in_progress
    assert second not in driven.answers
    driven.join("two", member_id=two)
    assert driven.joined(second).generation == 3


def test_nobody_joins_with_an_id_that_was_not_given_out(driven: DrivenGroup):
    driven.stable("one")
    answer = driven.joined(driven.join(member_id="made-up"))
    assert (answer.error, answer.member_id) == (ErrorCode.unknown_member_id, "made-up")


@pytest.mark.parametrize(
    ("protocol_type", "protocols"), [("connect", {"range": b""}), ("consumer", {"other": b""}), ("consumer", {})]
)
def test_nobody_joins_without_a_protocol_that_all_know(driven: DrivenGroup, protocol_type: str, protocols: dict):
    driven.stable("one")
    answer = driven.joined(driven.join("two", protocol_type=protocol_type, protocols=protocols))
    assert (answer.error, answer.member_id) == (ErrorCode.inconsistent_group_protocol, "")
    assert driven.group.state is GroupState.STABLE


@pytest.mark.parametrize(("protocol_type", "protocols"), [("", {"range": b""}), ("consumer", {})])
def test_an_empty_group_wants_a_type_and_a_protocol(driven: DrivenGroup, protocol_type: str, protocols: dict):
    answer = driven.joined(driven.join("one", protocol_type=protocol_type, protocols=protocols))
    assert answer.error is ErrorCode.inconsistent_group_protocol


def test_a_member_that_knows_another_protocol_now_must_still_know_one_of_all(driven: DrivenGroup):
    one, _ = driven.stable("one", "two", protocols=BOTH)
    answer = driven.joined(driven.join("one", member_id=one, protocols={"other": b""}))
    assert (answer.error, answer.member_id) == (ErrorCode.inconsistent_group_protocol, one)


def test_an_emptied_group_may_be_of_another_type(driven: DrivenGroup):
    (one,) = driven.stable("one")
    driven.leave_one(one)
    answer = driven.joined(driven.join("worker", protocol_type="connect", protocols={"compatible": b""}))
    assert (answer.error, answer.protocol_type, answer.protocol) == (ErrorCode.none, "connect", "compatible")


def test_members_vote_among_the_protocols_that_all_know(driven: DrivenGroup):
    driven.stable("one", protocols={"range": b"", "cooperative-sticky": b"", "sticky": b""})
    driven.stable("two", protocols={"cooperative-sticky": b"", "range": b""})
    driven.stable("three", protocols={"cooperative-sticky": b"", "range": b""})
    assert driven.group.protocol == "cooperative-sticky"


def test_a_group_moves_from_eager_to_cooperative_when_its_last_member_does(driven: DrivenGroup):
    one, two = driven.stable("one", "two", protocols={"range": b"r"})
    driven.join("one", member_id=one, protocols=BOTH)
    answer = driven.joined(driven.join("two", member_id=two, protocols={"range": b"r"}))
    assert answer.protocol == "range"
    driven.join("two", member_id=two, protocols=BOTH)
    answer = driven.joined(driven.join("one", member_id=one, protocols=BOTH))
    assert answer.protocol == "cooperative-sticky"
    assert [member.metadata for member in answer.members] == [b"c", b"c"]


def test_a_dead_group_is_somewhere_else(driven: DrivenGroup):
    driven.group.transition(GroupState.DEAD, 0)
    assert driven.joined(driven.join()).error is ErrorCode.coordinator_not_available


def test_a_new_member_that_waits_for_five_minutes_is_out(driven: DrivenGroup):
    (one,) = driven.stable("one", rebalance_ms=2 * NEW_MEMBER_JOIN_TIMEOUT_MS)
    newcomer = driven.join("two")
    for _ in range(NEW_MEMBER_JOIN_TIMEOUT_MS // SESSION_MS):
        driven.heartbeat(one)
        driven.pass_ms(SESSION_MS - 1)
        driven.heartbeat(one)
        driven.pass_ms(1)
    assert driven.joined(newcomer).error is ErrorCode.unknown_member_id
    assert driven.member_ids() == [one]
