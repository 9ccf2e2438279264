"""Whom an admin asks: coordinators that move, brokers that hang up, answers about something else."""

from typing import Any

import anyio
import pytest

import gomq
from gomq.client.admin.group_descriptions import GroupState, GroupType
from gomq.client.cluster.settings import ConnectionSettings
from gomq.errors import (
    BrokerError,
    ConnectionFailedError,
    CoordinatorLoadInProgressError,
    GroupAuthorizationFailedError,
    GroupIdNotFoundError,
    NonEmptyGroupError,
    NotCoordinatorError,
    ProtocolError,
    UnsupportedVersionError,
)
from gomq.protocol.api import Api
from gomq_storage.layout import TopicPartition
from tests.client.admin.answering import answers_with, coordinator_is, group_is, nodes_asked
from tests.support.fake_broker import Exchange, FakeCluster, hangs_up

LOADING, NOT_AVAILABLE, NOT_COORDINATOR, NOT_AUTHORIZED, NOT_FOUND = 14, 15, 16, 30, 69
UNKNOWN_MEMBER = 25
ORDERS = TopicPartition("orders", 0)


def admin_of(cluster: FakeCluster, *, retry_timeout: float = 20.0) -> gomq.Admin:
    settings = ConnectionSettings(first_backoff=0.01, max_backoff=0.02)
    return gomq.Admin(cluster.address, settings=settings, retry_timeout=retry_timeout)


async def test_a_coordinator_that_has_moved_is_looked_for(pair: FakeCluster):
    pair.next(Api.FIND_COORDINATOR, coordinator_is(1), coordinator_is(2))
    pair.next(Api.DESCRIBE_GROUPS, group_is("", error_code=NOT_COORDINATOR), group_is("Empty"))
    async with admin_of(pair) as admin:
        found = await admin.describe_group("workers")
    assert (found.state, found.coordinator) == (GroupState.EMPTY, 2)
    assert nodes_asked(pair, Api.DESCRIBE_GROUPS) == [1, 2]


@pytest.mark.parametrize("version", [0, 3, 6])
async def test_a_coordinator_that_is_not_ready_is_waited_for(fake: FakeCluster, version: int):
    fake.versions[Api.FIND_COORDINATOR] = fake.versions[Api.FIND_COORDINATOR]._replace(newest=version)
    fake.next(Api.FIND_COORDINATOR, coordinator_is(1, error_code=NOT_AVAILABLE))
    fake.always(Api.FIND_COORDINATOR, coordinator_is(1))
    fake.next(Api.DESCRIBE_GROUPS, group_is("", error_code=LOADING), hangs_up, group_is("Stable", members=1))
    async with admin_of(fake) as admin:
        assert len((await admin.describe_group("workers")).members) == 1
    assert len(fake.asked(Api.DESCRIBE_GROUPS)) == 3


async def test_a_coordinator_that_does_not_get_ready_is_waited_for_until_a_deadline(fake: FakeCluster):
    fake.always(Api.FIND_COORDINATOR, coordinator_is(1))
    fake.always(Api.DESCRIBE_GROUPS, group_is("", error_code=LOADING))
    with anyio.fail_after(20):
        async with admin_of(fake, retry_timeout=0.2) as admin:
            with pytest.raises(CoordinatorLoadInProgressError, match="group 'workers' cannot be described"):
                await admin.describe_group("workers")
    assert len(fake.asked(Api.DESCRIBE_GROUPS)) > 1


async def test_a_coordinator_that_nobody_knows_is_an_error_in_the_end(fake: FakeCluster):
    fake.always(Api.FIND_COORDINATOR, coordinator_is(7))
    with anyio.fail_after(20):
        async with admin_of(fake, retry_timeout=0.2) as admin:
            with pytest.raises(ConnectionFailedError, match="node 7"):
                await admin.describe_group("workers")


async def test_what_does_not_pass_is_told_at_once(fake: FakeCluster):
    fake.next(Api.FIND_COORDINATOR, coordinator_is(1, error_code=NOT_AUTHORIZED))
    fake.always(Api.FIND_COORDINATOR, coordinator_is(1))
    fake.next(Api.DESCRIBE_GROUPS, group_is("", error_code=NOT_AUTHORIZED))
    async with admin_of(fake) as admin:
        with pytest.raises(GroupAuthorizationFailedError, match="group 'workers' has no coordinator that can be asked"):
            await admin.describe_group("workers")
        with pytest.raises(GroupAuthorizationFailedError, match="group 'workers' cannot be described"):
            await admin.describe_group("workers")


async def test_a_group_that_an_old_broker_calls_dead_is_not_there(fake: FakeCluster):
    fake.always(Api.FIND_COORDINATOR, coordinator_is(1))
    fake.versions[Api.DESCRIBE_GROUPS] = fake.versions[Api.DESCRIBE_GROUPS]._replace(newest=5)
    fake.next(Api.DESCRIBE_GROUPS, group_is("Dead"))
    async with admin_of(fake) as admin:
        with pytest.raises(GroupIdNotFoundError, match="'nobody'"):
            await admin.describe_group("nobody")


async def test_a_state_that_is_new_is_unknown(fake: FakeCluster):
    fake.always(Api.FIND_COORDINATOR, coordinator_is(1))
    fake.next(Api.DESCRIBE_GROUPS, group_is("Levitating"))
    async with admin_of(fake) as admin:
        assert (await admin.describe_group("workers")).state is GroupState.UNKNOWN


def listed(*names: str) -> list[dict[str, Any]]:
    group = {"protocol_type": "consumer", "group_state": "STABLE", "group_type": "Classic"}
    return [{"group_id": name, **group} for name in names]


async def test_groups_of_every_broker_are_listed_together(pair: FakeCluster):
    groups = {1: listed("b", "moved"), 2: listed("a", "moved")}
    pair.always(Api.LIST_GROUPS, answers_with(lambda e: {"error_code": 0, "groups": groups[e.node]}))
    pair.next(Api.LIST_GROUPS, answers_with(lambda _: {"error_code": LOADING, "groups": []}))
    async with admin_of(pair) as admin:
        found = await admin.list_groups(states=[GroupState.STABLE], types=[GroupType.CLASSIC])
    assert [(each.group_id, each.coordinator) for each in found] == [("a", 2), ("b", 1), ("moved", 2)]
    assert {(each.state, each.type) for each in found} == {(GroupState.STABLE, GroupType.CLASSIC)}
    body = pair.asked(Api.LIST_GROUPS)[0].body
    assert (body.states_filter, body.types_filter) == (("Stable",), ("classic",))


async def test_brokers_that_refuse_are_told_one_by_one(pair: FakeCluster):
    pair.always(Api.LIST_GROUPS, answers_with(lambda _: {"error_code": NOT_AUTHORIZED, "groups": []}))
    async with admin_of(pair) as admin:
        with pytest.raises(ExceptionGroup) as caught:
            await admin.list_groups()
    assert [str(each)[:37] for each in caught.value.exceptions] == [
        "groups of broker 1 cannot be listed: ", "groups of broker 2 cannot be listed: ",
    ]  # fmt: skip


async def test_an_old_broker_lists_groups_without_their_states(fake: FakeCluster):
    fake.versions[Api.LIST_GROUPS] = fake.versions[Api.LIST_GROUPS]._replace(newest=3)
    fake.always(Api.LIST_GROUPS, answers_with(lambda _: {"error_code": 0, "groups": listed("a")}))
    async with admin_of(fake) as admin:
        (found,) = await admin.list_groups(protocol_types=["consumer"])
        assert (found.state, found.type) == (None, GroupType.UNKNOWN)
        with pytest.raises(UnsupportedVersionError, match="KIP-518"):
            await admin.list_groups(states=[GroupState.EMPTY])
        with pytest.raises(UnsupportedVersionError, match="KIP-848"):
            await admin.list_groups(types=[GroupType.SHARE])


async def test_an_answer_about_another_group_is_an_error(fake: FakeCluster):
    def other(exchange: Exchange) -> dict[str, Any]:
        group = {"group_id": "other", "error_code": 0, "topics": []}
        return {"groups": [group] if exchange.api is Api.OFFSET_FETCH else [], "results": [], "coordinators": []}

    fake.next(Api.FIND_COORDINATOR, answers_with(other))
    fake.always(Api.FIND_COORDINATOR, coordinator_is(1))
    for api in (Api.DESCRIBE_GROUPS, Api.DELETE_GROUPS):
        fake.next(api, answers_with(other))
    fake.always(Api.DESCRIBE_GROUPS, group_is("Empty"))
    fake.next(Api.OFFSET_FETCH, answers_with(other))
    async with admin_of(fake) as admin:
        with pytest.raises(ProtocolError, match="FIND_COORDINATOR does not mention group 'workers'"):
            await admin.describe_group("workers")
        with pytest.raises(ProtocolError, match="DESCRIBE_GROUPS does not mention group 'workers'"):
            await admin.describe_group("workers")
        with pytest.raises(ProtocolError, match="DELETE_GROUPS does not mention group 'workers'"):
            await admin.delete_group("workers")
        with pytest.raises(ProtocolError, match="OFFSET_FETCH does not mention group 'workers'"):
            await admin.group_offsets("workers")


def committed(_: Exchange, *, code: int = 0, offset: int = 4) -> dict[str, Any]:
    result = {
        "partition_index": 0, "committed_offset": offset, "committed_leader_epoch": -1, "metadata": None,
        "error_code": code,
    }  # fmt: skip
    topics = [{"name": "orders", "partitions": [result]}]
    return {"error_code": 0, "topics": topics, "groups": [{"group_id": "workers", "error_code": 0, "topics": topics}]}


@pytest.mark.parametrize("version", [3, 7, 9])
async def test_offsets_are_told_by_old_brokers_too(fake: FakeCluster, version: int):
    fake.versions[Api.OFFSET_FETCH] = fake.versions[Api.OFFSET_FETCH]._replace(newest=version)
    fake.answers.make_topic("orders")[0].end = 10
    fake.always(Api.FIND_COORDINATOR, coordinator_is(1))
    fake.always(Api.DESCRIBE_GROUPS, group_is("Empty"))
    fake.next(Api.OFFSET_FETCH, answers_with(committed))
    fake.next(Api.OFFSET_FETCH, answers_with(lambda each: committed(each, code=NOT_AUTHORIZED)))
    async with admin_of(fake) as admin:
        ((partition, found),) = (await admin.group_offsets("workers")).items()
        assert (partition, found.committed, found.lag, found.metadata) == (ORDERS, 4, 6, "")
        with pytest.raises(GroupAuthorizationFailedError, match="group 'workers' in orders-0 cannot be told"):
            await admin.group_offsets("workers")


async def test_a_partition_that_is_gone_or_has_no_leader_has_no_lag(fake: FakeCluster, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("gomq.client.admin.offsets._LEADERLESS_PATIENCE", 0.0)
    fake.always(Api.FIND_COORDINATOR, coordinator_is(1))
    fake.always(Api.DESCRIBE_GROUPS, group_is("Empty"))
    fake.always(Api.OFFSET_FETCH, answers_with(committed))
    async with admin_of(fake) as admin:
        (found,) = (await admin.group_offsets("workers")).values()
        assert (found.committed, found.end_offset, found.lag) == (4, None, None)
        fake.answers.make_topic("orders")[0].leader = -1
        (found,) = (await admin.group_offsets("workers")).values()
        assert (found.committed, found.end_offset, found.lag) == (4, None, None)


async def test_a_member_that_joins_after_the_plan_keeps_the_offsets_as_they_are(fake: FakeCluster):
    fake.answers.make_topic("orders")[0].end = 10
    fake.always(Api.FIND_COORDINATOR, coordinator_is(1))
    fake.always(Api.DESCRIBE_GROUPS, group_is("Empty"))
    fake.always(Api.OFFSET_FETCH, answers_with(committed))

    def refuse(code: int) -> Any:
        result = {"partition_index": 0, "error_code": code}
        return answers_with(lambda _: {"topics": [{"name": "orders", "partitions": [result]}]})

    fake.next(Api.OFFSET_COMMIT, refuse(NOT_COORDINATOR), refuse(UNKNOWN_MEMBER), refuse(NOT_AUTHORIZED))
    fake.next(Api.OFFSET_COMMIT, answers_with(lambda _: {"topics": []}))
    async with admin_of(fake) as admin:
        plan = await admin.plan_reset("workers", to="latest")
        with pytest.raises(NonEmptyGroupError, match="cannot be reset: a member has joined it"):
            await admin.reset_offsets(plan)
        with pytest.raises(BrokerError, match="offset of group 'workers' in orders-0 cannot be reset"):
            await admin.reset_offsets(plan)
        with pytest.raises(ProtocolError, match="does not mention orders-0"):
            await admin.reset_offsets(plan)
    body = fake.asked(Api.OFFSET_COMMIT)[0].body
    assert (body.generation_id_or_member_epoch, body.member_id, body.group_instance_id) == (-1, "", None)


async def test_a_group_is_not_deleted_twice_because_an_answer_was_lost(fake: FakeCluster):
    fake.always(Api.FIND_COORDINATOR, coordinator_is(1))
    fake.next(Api.DELETE_GROUPS, hangs_up)
    async with admin_of(fake) as admin:
        with pytest.raises(ConnectionFailedError):
            await admin.delete_group("workers")
    assert len(fake.asked(Api.DELETE_GROUPS)) == 1


async def test_members_are_put_out_by_new_brokers_only_and_by_their_coordinator(fake: FakeCluster):
    fake.always(Api.FIND_COORDINATOR, coordinator_is(1))
    result = {"member_id": "", "group_instance_id": "i", "error_code": 0}
    fake.next(Api.LEAVE_GROUP, answers_with(lambda _: {"error_code": NOT_COORDINATOR, "members": []}))
    fake.next(Api.LEAVE_GROUP, answers_with(lambda _: {"error_code": 0, "members": [result]}))
    fake.next(Api.LEAVE_GROUP, answers_with(lambda _: {"error_code": 0, "members": []}))
    fake.always(Api.LEAVE_GROUP, answers_with(lambda _: {"error_code": NOT_COORDINATOR, "members": []}))
    async with admin_of(fake) as admin:
        await admin.remove_members("workers", ["i"], reason="r")
        with pytest.raises(ProtocolError, match="does not mention static member 'i'"):
            await admin.remove_members("workers", ["i"])
    (identity,) = fake.asked(Api.LEAVE_GROUP)[1].body.members
    assert (identity.member_id, identity.group_instance_id, identity.reason) == ("", "i", "r")
    async with admin_of(fake, retry_timeout=0.1) as admin:
        with pytest.raises(NotCoordinatorError, match="members of group 'workers' cannot be put out"):
            await admin.remove_members("workers", ["i"])
    fake.versions[Api.LEAVE_GROUP] = fake.versions[Api.LEAVE_GROUP]._replace(newest=2)
    async with admin_of(fake) as admin:
        with pytest.raises(UnsupportedVersionError, match="KIP-345"):
            await admin.remove_members("workers", ["i"])
