"""Groups of the protocol of KIP-848: what a broker tells of them, and brokers that tell nothing."""

from typing import Any

import pytest

import gomq
from gomq.client.admin.consumer_groups import description_of
from gomq.client.admin.group_descriptions import GroupDescription, GroupState, GroupType, MemberDescription
from gomq.client.cluster.settings import ConnectionSettings
from gomq.errors import (
    GroupAuthorizationFailedError,
    GroupIdNotFoundError,
    NonEmptyGroupError,
    ProtocolError,
    UnsupportedVersionError,
)
from gomq.protocol.api import SPOKEN, Api, Versions
from gomq.protocol.entities import build, schema
from gomq_storage.layout import TopicPartition
from tests.client.admin.answering import answers_with, coordinator_is, group_is, nodes_asked
from tests.support.fake_broker import FakeCluster, Fault

NOT_COORDINATOR, NOT_AUTHORIZED, UNSUPPORTED, NOT_FOUND = 16, 30, 35, 69
ORDERS = [TopicPartition("orders", index) for index in range(3)]
VERSIONS = SPOKEN[Api.CONSUMER_GROUP_DESCRIBE]


def assigned(*partitions: TopicPartition) -> dict[str, Any]:
    topics = dict.fromkeys(each.topic for each in partitions)
    return {
        "topic_partitions": [
            {
                "topic_id": None,
                "topic_name": topic,
                "partitions": tuple(each.partition for each in partitions if each.topic == topic),
            }
            for topic in topics
        ]
    }


def a_member(name: str, *partitions: TopicPartition, **others: Any) -> dict[str, Any]:
    return {
        "member_id": name, "instance_id": None, "rack_id": None, "member_epoch": 7, "client_id": f"client-{name}",
        "client_host": "/10.0.0.1", "subscribed_topic_names": ("orders",), "subscribed_topic_regex": None,
        "assignment": assigned(*partitions), "target_assignment": assigned(*ORDERS), "member_type": 1, **others,
    }  # fmt: skip


def a_group(*members: dict[str, Any], state: str = "Stable", error_code: int = 0) -> dict[str, Any]:
    return {
        "error_code": error_code, "error_message": None, "group_id": "workers", "group_state": state,
        "group_epoch": 7, "assignment_epoch": 6, "assignor_name": "uniform", "members": list(members),
        "authorized_operations": -(2**31),
    }  # fmt: skip


def read(*groups: dict[str, Any], version: int = VERSIONS.newest) -> GroupDescription:
    values = {"throttle_time": 0, "groups": list(groups)}
    return description_of("workers", 3, build(schema(Api.CONSUMER_GROUP_DESCRIBE, version, "response"), values))


@pytest.mark.parametrize("version", range(VERSIONS.oldest, VERSIONS.newest + 1))
def test_a_group_is_described_like_a_classic_one(version: int):
    members = [
        a_member("b", ORDERS[0], ORDERS[2], TopicPartition("events", 5), subscribed_topic_names=("orders", "events")),
        a_member("a", instance_id="i-1"),
    ]

    assert read(a_group(*members, state="Reconciling"), version=version) == GroupDescription(
        group_id="workers",
        state=GroupState.RECONCILING,
        type=GroupType.CONSUMER,
        protocol_type="consumer",
        assignor="uniform",
        epoch=7,
        coordinator=3,
        members=(
            MemberDescription(
                member_id="a",
                instance_id="i-1",
                client_id="client-a",
                host="/10.0.0.1",
                topics=frozenset({"orders"}),
                assignment=frozenset(),
            ),
            MemberDescription(
                member_id="b",
                instance_id=None,
                client_id="client-b",
                host="/10.0.0.1",
                topics=frozenset({"orders", "events"}),
                assignment=frozenset({ORDERS[0], ORDERS[2], TopicPartition("events", 5)}),
            ),
        ),
    )


@pytest.mark.parametrize(("pattern", "topics"), [("or.*", None), ("", frozenset()), (None, frozenset())])
def test_topics_of_a_pattern_that_the_broker_matches_are_not_known(pattern: str | None, topics: frozenset[str] | None):
    (found,) = read(a_group(a_member("a", subscribed_topic_names=(), subscribed_topic_regex=pattern))).members
    assert found.topics == topics


def test_what_a_broker_refuses_or_does_not_mention_is_an_error():
    with pytest.raises(ProtocolError, match="CONSUMER_GROUP_DESCRIBE does not mention group 'workers'"):
        read()
    for code, kind in (
        (NOT_FOUND, GroupIdNotFoundError),
        (UNSUPPORTED, UnsupportedVersionError),
        (NOT_AUTHORIZED, GroupAuthorizationFailedError),
    ):
        with pytest.raises(kind, match="group 'workers' cannot be described"):
            read(a_group(state="", error_code=code))


@pytest.fixture
def kafka(pair: FakeCluster) -> FakeCluster:
    """Brokers that know the protocol; none of their groups is a classic one."""
    pair.versions[Api.CONSUMER_GROUP_DESCRIBE] = VERSIONS
    pair.always(Api.FIND_COORDINATOR, coordinator_is(1))
    pair.always(Api.DESCRIBE_GROUPS, group_is("Dead", error_code=NOT_FOUND))
    return pair


def admin_of(cluster: FakeCluster) -> gomq.Admin:
    return gomq.Admin(cluster.address, settings=ConnectionSettings(first_backoff=0.01, max_backoff=0.02))


def tells(*groups: dict[str, Any]) -> Fault:
    return answers_with(lambda _: {"groups": list(groups)})


def nothing_is_committed(cluster: FakeCluster) -> None:
    group = {"group_id": "workers", "error_code": 0, "topics": []}
    cluster.always(Api.OFFSET_FETCH, answers_with(lambda _: {"error_code": 0, "topics": [], "groups": [group]}))


@pytest.mark.parametrize("newest", [5, 6])
async def test_a_coordinator_that_has_no_classic_group_is_asked_for_the_other_type(kafka: FakeCluster, newest: int):
    kafka.versions[Api.DESCRIBE_GROUPS] = Versions(0, newest)
    kafka.next(Api.FIND_COORDINATOR, coordinator_is(1), coordinator_is(2))
    kafka.next(Api.DESCRIBE_GROUPS, *[group_is("Dead", error_code=NOT_FOUND if newest > 5 else 0)] * 2)
    kafka.next(
        Api.CONSUMER_GROUP_DESCRIBE, tells(a_group(error_code=NOT_COORDINATOR)), tells(a_group(a_member("a", *ORDERS)))
    )
    async with admin_of(kafka) as admin:
        found = await admin.describe_group("workers")
    assert (found.type, found.coordinator, len(found.members)) == (GroupType.CONSUMER, 2, 1)
    assert nodes_asked(kafka, Api.CONSUMER_GROUP_DESCRIBE) == [1, 2]
    assert kafka.asked(Api.CONSUMER_GROUP_DESCRIBE)[0].body.group_ids == ("workers",)


async def test_a_classic_group_is_asked_for_once(kafka: FakeCluster):
    kafka.next(Api.DESCRIBE_GROUPS, group_is("Stable", members=1))
    async with admin_of(kafka) as admin:
        found = await admin.describe_group("workers")
    assert (found.type, found.epoch, kafka.asked(Api.CONSUMER_GROUP_DESCRIBE)) == (GroupType.CLASSIC, None, [])


@pytest.mark.parametrize("code", [None, NOT_FOUND, UNSUPPORTED])
async def test_where_a_broker_has_or_offers_no_such_group_there_is_none(kafka: FakeCluster, code: int | None):
    if code is None:
        del kafka.versions[Api.CONSUMER_GROUP_DESCRIBE]
    else:
        kafka.always(Api.CONSUMER_GROUP_DESCRIBE, tells(a_group(state="", error_code=code)))
    nothing_is_committed(kafka)
    async with admin_of(kafka) as admin:
        with pytest.raises(GroupIdNotFoundError, match="group 'workers' cannot be described"):
            await admin.describe_group("workers")
        with pytest.raises(GroupIdNotFoundError, match="group 'workers' does not exist"):
            await admin.group_offsets("workers")


async def test_offsets_name_the_members_that_read_and_ask_for_them_once_at_most(kafka: FakeCluster):
    kafka.answers.make_topic("orders")[0].end = 10
    kafka.always(Api.CONSUMER_GROUP_DESCRIBE, tells(a_group(a_member("a", ORDERS[0]))))
    nothing_is_committed(kafka)
    async with admin_of(kafka) as admin:
        offsets = await admin.group_offsets("workers")
        assert {each: offset.member_id for each, offset in offsets.items()} == {ORDERS[0]: "a"}
        description = await admin.describe_group("workers")
        asked = len(kafka.asked(Api.CONSUMER_GROUP_DESCRIBE)), len(kafka.asked(Api.DESCRIBE_GROUPS))
        assert await admin.group_offsets("workers", description=description) == offsets
    assert (len(kafka.asked(Api.CONSUMER_GROUP_DESCRIBE)), len(kafka.asked(Api.DESCRIBE_GROUPS))) == asked == (2, 2)


async def test_a_reset_is_refused_while_it_has_members(kafka: FakeCluster):
    kafka.always(Api.CONSUMER_GROUP_DESCRIBE, tells(a_group(a_member("a", ORDERS[0]))))
    async with admin_of(kafka) as admin:
        with pytest.raises(NonEmptyGroupError, match="cannot be reset while it has 1 member, state Stable"):
            await admin.plan_reset("workers", to="earliest")
