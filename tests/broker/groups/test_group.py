"""What a group knows of itself, and what is kept of it."""

from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import given
from kio.schema.errors import ErrorCode

from gomq.broker.config import BrokerConfig
from gomq.broker.groups.checks import (
    MAX_ASSIGNMENT_BYTES,
    MAX_MEMBER_BYTES,
    MAX_NAME_BYTES,
    MAX_PROTOCOLS,
    distinct,
    group_id_problem,
    join_problem,
    sync_problem,
)
from gomq.broker.groups.group import ClassicGroup, GroupState
from gomq.broker.groups.members import JoinRequest, Protocol, SyncRequest
from gomq.broker.groups.records import GroupMetadataValue, decode_group_metadata, encode_group_metadata
from gomq.broker.groups.settings import GroupSettings
from gomq.broker.groups.subscription import subscribed_topics
from gomq.errors import ConfigurationError
from tests.support.driven_group import DrivenGroup
from tests.support.membership import subscription

SETTINGS = GroupSettings()


def reloaded(value: GroupMetadataValue) -> ClassicGroup:
    """Bring a group back from its record's bytes."""
    value = decode_group_metadata(encode_group_metadata(value))
    return ClassicGroup.load("group", SETTINGS, value, now_ms=7)


def test_a_group_is_the_same_when_it_comes_back():
    driven = DrivenGroup()
    one, two = driven.stable("one", "two", static=["two"])
    group = reloaded(driven.written[-1].value)
    assert (group.state, group.generation, group.protocol_type, group.protocol) == (
        GroupState.STABLE, 2, "consumer", "range",
    )  # fmt: skip
    assert group.roster.leader == one
    assert group.assignments() == {one: one.encode(), two: two.encode()}
    assert group.record(group.assignments()).members == driven.written[-1].value.members
    assert DrivenGroup(group).heartbeat(two, instance="two") is ErrorCode.none


def test_an_empty_group_is_empty_when_it_comes_back():
    driven = DrivenGroup()
    (one,) = driven.stable("one")
    driven.now_ms = 1234
    driven.leave_one(one)
    group = reloaded(driven.written[-1].value)
    assert (group.state, group.generation, group.state_since_ms) == (GroupState.EMPTY, 2, 1234)
    assert (group.protocol_type, group.protocol, group.roster.leader) == ("consumer", None, None)
    again = DrivenGroup(group)
    assert again.joined(again.join("two")).generation == 3


def test_a_record_whose_leader_is_no_member_still_has_one():
    driven = DrivenGroup()
    driven.stable("one")
    value = driven.written[-1].value
    group = reloaded(
        GroupMetadataValue(
            protocol_type="consumer", generation=1, protocol="range", leader="gone", members=value.members
        )
    )
    assert group.roster.leader == value.members[0].member_id


def test_a_group_knows_what_its_members_subscribe_to():
    driven = DrivenGroup()
    driven.join("one", protocols={"range": subscription("orders", "bills")})
    assert driven.group.is_subscribed("orders")
    assert not driven.group.is_subscribed("other")
    (one,) = driven.member_ids()
    driven.join("one", member_id=one, protocols={"range": subscription("other")})
    assert driven.group.is_subscribed("other")
    assert not driven.group.is_subscribed("orders")
    driven.leave_one(one)
    assert not driven.group.is_subscribed("other")


def test_what_cannot_be_read_may_be_a_subscription_to_anything():
    driven = DrivenGroup()
    driven.join("one", protocols={"range": b"\0"})
    assert driven.group.is_subscribed("orders")


def test_only_consumers_subscribe():
    driven = DrivenGroup()
    assert not driven.group.is_subscribed("orders")
    driven.join("one", protocol_type="connect", protocols={"range": b"\0"})
    assert not driven.group.is_subscribed("orders")


def test_no_state_follows_where_it_cannot():
    driven = DrivenGroup()
    with pytest.raises(AssertionError, match="cannot go from Empty to Stable"):
        driven.group.transition(GroupState.STABLE, 0)


def test_generations_start_anew_when_they_are_used_up():
    driven = DrivenGroup()
    driven.group.generation = 2**31 - 1
    assert driven.joined(driven.join("one")).generation == 1


@given(st.lists(st.lists(st.text(max_size=10), max_size=3), min_size=1, max_size=3), st.binary(max_size=5))
def test_subscriptions_are_read_whatever_follows(topics: list[list[str]], rest: bytes):
    expected = frozenset(topic for each in topics for topic in each)
    assert subscribed_topics(subscription(*each) + rest for each in topics) == expected


@given(st.binary(max_size=40))
def test_any_bytes_are_a_subscription_or_none(data: bytes):
    topics = subscribed_topics([data])
    assert topics is None or sum(map(len, topics)) <= len(data)


@given(st.data())
def test_a_subscription_that_ends_early_is_none(data: st.DataObject):
    whole = subscription("orders", "bills")
    cut = data.draw(st.integers(0, len(whole) - 5))
    assert subscribed_topics([whole[:cut]]) is None


def a_join(**changes: object) -> JoinRequest:
    values = {
        "ticket": 1, "member_id": "", "new_member_id": "new", "instance_id": None, "client_id": "", "client_host": "",
        "session_timeout_ms": 10_000, "rebalance_timeout_ms": 10_000, "protocol_type": "consumer",
        "protocols": (Protocol("range", b""),), "is_told_its_id": False, "can_skip_assignment": False, **changes,
    }  # fmt: skip
    return JoinRequest(**values)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({}, ErrorCode.none),
        ({"session_timeout_ms": 5999}, ErrorCode.invalid_session_timeout),
        ({"session_timeout_ms": 6000}, ErrorCode.none),
        ({"session_timeout_ms": 1_800_000}, ErrorCode.none),
        ({"session_timeout_ms": 1_800_001}, ErrorCode.invalid_session_timeout),
        ({"session_timeout_ms": -1}, ErrorCode.invalid_session_timeout),
        ({"member_id": "x" * MAX_NAME_BYTES}, ErrorCode.none),
        ({"member_id": "x" * (MAX_NAME_BYTES + 1)}, ErrorCode.invalid_request),
        ({"instance_id": "é" * MAX_NAME_BYTES}, ErrorCode.invalid_request),
        ({"protocol_type": "x" * (MAX_NAME_BYTES + 1)}, ErrorCode.invalid_request),
        ({"protocols": (Protocol("x" * (MAX_NAME_BYTES + 1), b""),)}, ErrorCode.invalid_request),
        ({"protocols": (Protocol("range", bytes(MAX_MEMBER_BYTES + 1)),)}, ErrorCode.invalid_request),
        ({"protocols": (Protocol("range", b""),) * (MAX_PROTOCOLS + 1)}, ErrorCode.invalid_request),
    ],
)
def test_what_a_member_says_is_bounded(changes: dict, error: ErrorCode):
    assert join_problem("group", a_join(**changes), SETTINGS) is error


@pytest.mark.parametrize(
    ("group_id", "error"),
    [
        ("", ErrorCode.invalid_group_id),
        (" ", ErrorCode.none),
        ("x" * MAX_NAME_BYTES, ErrorCode.none),
        ("é" * MAX_NAME_BYTES, ErrorCode.invalid_group_id),
        ("x" * (MAX_NAME_BYTES + 1), ErrorCode.invalid_group_id),
    ],
)
def test_a_group_has_a_name_which_is_bounded(group_id: str, error: ErrorCode):
    request = SyncRequest(
        ticket=1, member_id="", instance_id=None, generation=1, protocol_type=None, protocol=None, assignments={}
    )
    assert group_id_problem(group_id) is error
    assert join_problem(group_id, a_join(), SETTINGS) is error
    assert sync_problem(group_id, request) is error


def test_what_a_leader_assigns_is_bounded():
    half = bytes(MAX_ASSIGNMENT_BYTES // 2 + 1)
    request = SyncRequest(
        ticket=1, member_id="", instance_id=None, generation=1, protocol_type=None, protocol=None,
        assignments={"one": half, "two": half},
    )  # fmt: skip
    assert sync_problem("group", request) is ErrorCode.invalid_request


def test_a_protocol_that_is_named_twice_counts_once():
    first, again, other = Protocol("range", b"1"), Protocol("range", b"2"), Protocol("sticky", b"3")
    assert distinct((first, other, again)) == (first, other)
    assert distinct((first, other)) == (first, other)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"group_min_session_timeout_ms": 0}, "group.min.session.timeout.ms must be 1 to"),
        ({"group_min_session_timeout_ms": 2_000_000}, "group.min.session.timeout.ms must be 1 to"),
        ({"group_max_size": 0}, "group.max.size must be at least 1"),
        ({"group_initial_rebalance_delay_ms": -1}, "group.initial.rebalance.delay.ms must be at least 0"),
    ],
)
def test_settings_that_cannot_be_are_refused(tmp_path: Path, changes: dict, words: str):
    with pytest.raises(ConfigurationError, match=words):
        BrokerConfig(data=tmp_path, **changes)
