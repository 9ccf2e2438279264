"""``Admin``: which groups there are and who is in them, deleting them, and putting members out."""

from contextlib import AsyncExitStack

import pytest

import gomq
from gomq.client.admin.group_descriptions import GroupState, GroupType
from gomq.errors import (
    ConfigurationError,
    GroupIdNotFoundError,
    GroupSubscribedToTopicError,
    NonEmptyGroupError,
    UnknownMemberIdError,
)
from gomq_storage.layout import TopicPartition
from tests.client.admin.members import member, raw_member
from tests.support.offsets import commit
from tests.support.wire import connect

ORDERS = [TopicPartition("orders", index) for index in range(2)]


async def test_groups_are_listed_by_what_they_do(broker: gomq.Broker):
    async with AsyncExitStack() as stack:
        admin = await stack.enter_async_context(gomq.Admin(broker.address))
        wire = await stack.enter_async_context(connect(broker.address))
        assert await admin.list_groups() == []
        await admin.create_topic("orders", partitions=2)
        await stack.enter_async_context(member(broker.address, "workers", ORDERS))
        await stack.enter_async_context(member(broker.address, "bridges", ORDERS, protocol_type="connect"))
        assert await commit(wire, "idle", {"orders": {0: 1}}) == {"orders": {0: 0}}

        found = await admin.list_groups()
        assert [(each.group_id, each.protocol_type, each.state, each.type, each.coordinator) for each in found] == [
            ("bridges", "connect", GroupState.STABLE, GroupType.CLASSIC, 1),
            ("idle", "", GroupState.EMPTY, GroupType.CLASSIC, 1),
            ("workers", "consumer", GroupState.STABLE, GroupType.CLASSIC, 1),
        ]
        empty = await admin.list_groups(states=[GroupState.EMPTY])
        assert [each.group_id for each in empty] == ["idle"]
        consumers = await admin.list_groups(states=[GroupState.STABLE], protocol_types=["consumer"])
        assert [each.group_id for each in consumers] == ["workers"]
        assert await admin.list_groups(types=[GroupType.CONSUMER]) == []
        assert len(await admin.list_groups(types=[GroupType.CLASSIC, GroupType.SHARE])) == 3


async def test_a_groups_members_are_described(broker: gomq.Broker):
    async with gomq.Admin(broker.address) as admin:
        await admin.create_topic("orders", partitions=2)
        async with member(broker.address, "workers", ORDERS, instance="i-1") as member_id:
            found = await admin.describe_group("workers")
            many = await admin.describe_groups(["workers"])

    (who,) = found.members
    assert (found.state, found.protocol_type, found.assignor, found.coordinator) == (
        GroupState.STABLE, "consumer", "range", 1,
    )  # fmt: skip
    assert (who.member_id, who.instance_id, who.client_id) == (member_id, "i-1", "wire")
    assert "127.0.0.1" in who.host
    assert who.topics == frozenset({"orders"})
    assert who.assignment == frozenset(ORDERS)
    assert many == {"workers": found}


@pytest.mark.parametrize("raw", [b"?", b"\0\1\x7f\xff\xff\xff", b"\xff\xff\0\0\0\0"])
async def test_what_a_member_says_and_nobody_understands_is_left_out(broker: gomq.Broker, raw: bytes):
    async with gomq.Admin(broker.address) as admin, raw_member(broker.address, "workers", raw, raw):
        (who,) = (await admin.describe_group("workers")).members
    assert (who.topics, who.assignment) == (None, None)


async def test_members_of_another_protocol_have_no_assignment_to_be_read(broker: gomq.Broker):
    joined = member(broker.address, "bridges", ORDERS, protocol_type="connect")
    async with gomq.Admin(broker.address) as admin, joined:
        (who,) = (await admin.describe_group("bridges")).members
    assert (who.topics, who.assignment) == (None, None)


async def test_a_group_that_is_not_there_is_an_error(broker: gomq.Broker):
    async with gomq.Admin(broker.address) as admin:
        with pytest.raises(GroupIdNotFoundError, match="group 'nobody' cannot be described"):
            await admin.describe_group("nobody")
        with pytest.raises(ExceptionGroup) as caught:
            await admin.describe_groups(["nobody", "noone"])
        assert [type(each) for each in caught.value.exceptions] == [GroupIdNotFoundError] * 2
        with pytest.raises(GroupIdNotFoundError, match="group 'nobody' cannot be deleted"):
            await admin.delete_group("nobody")
        assert not await admin.delete_group("nobody", if_exists=True)


async def test_groups_without_members_are_deleted(broker: gomq.Broker):
    async with gomq.Admin(broker.address) as admin, connect(broker.address) as wire:
        await admin.create_topic("orders", partitions=2)
        for group in ("a", "b", "c"):
            await commit(wire, group, {"orders": {0: 1}})
        async with member(broker.address, "c", ORDERS):
            with pytest.raises(NonEmptyGroupError, match=r"group 'c' cannot be deleted: .*stop its members first"):
                await admin.delete_groups(["a", "c"])
        assert await admin.delete_group("b")
        assert [each.group_id for each in await admin.list_groups()] == ["c"]


async def test_offsets_of_a_group_are_forgotten_one_by_one(broker: gomq.Broker):
    async with gomq.Admin(broker.address) as admin, connect(broker.address) as wire:
        await admin.create_topic("orders", partitions=2)
        await admin.create_topic("events")
        await commit(wire, "workers", {"orders": {0: 0, 1: 0}, "events": {0: 0}})
        events = TopicPartition("events", 0)
        async with member(broker.address, "workers", ORDERS):
            await admin.delete_group_offsets("workers", [events])
            with pytest.raises(
                GroupSubscribedToTopicError, match="offset of group 'workers' in orders-0 cannot be deleted"
            ):
                await admin.delete_group_offsets("workers", [ORDERS[0]])
        await admin.remove_members("workers", everyone=True)
        await admin.delete_group_offsets("workers", [ORDERS[1]])
        assert list(await admin.group_offsets("workers")) == [ORDERS[0]]
        wanted = [TopicPartition("nowhere", 0), ORDERS[0], TopicPartition("orders", 7)]
        with pytest.raises(ExceptionGroup) as caught:
            await admin.delete_group_offsets("workers", wanted)
        assert [type(each) for each in caught.value.exceptions] == [gomq.UnknownTopicError] * 2
        assert {each.committed for each in (await admin.group_offsets("workers", ["orders"])).values()} == {None}
        with pytest.raises(GroupIdNotFoundError, match="offsets of group 'nobody' cannot be deleted"):
            await admin.delete_group_offsets("nobody", [events])
        await admin.delete_group_offsets("nobody", [])


async def test_a_static_member_is_put_out_by_its_name(broker: gomq.Broker):
    async with gomq.Admin(broker.address) as admin:
        await admin.create_topic("orders", partitions=2)
        async with member(broker.address, "workers", ORDERS, instance="i-1"):
            with pytest.raises(UnknownMemberIdError, match="group 'workers' has no static member 'i-2'"):
                await admin.remove_members("workers", ["i-2"])
            assert len((await admin.describe_group("workers")).members) == 1
            await admin.remove_members("workers", ["i-1"], reason="moving house")
            assert (await admin.describe_group("workers")).state is GroupState.EMPTY


async def test_a_member_is_put_out_by_its_id_or_with_all_others(broker: gomq.Broker):
    async with gomq.Admin(broker.address) as admin:
        await admin.create_topic("orders", partitions=2)
        async with member(broker.address, "workers", ORDERS) as member_id:
            with pytest.raises(ExceptionGroup) as caught:
                await admin.remove_members("workers", ["i"], member_ids=["m"])
            assert [str(each) for each in caught.value.exceptions] == [
                "group 'workers' has no static member 'i'",
                "group 'workers' has no member 'm'",
            ]
            await admin.remove_members("workers", member_ids=[member_id])
            assert (await admin.describe_group("workers")).members == ()
        async with member(broker.address, "workers", ORDERS):
            await admin.remove_members("workers", everyone=True)
            assert (await admin.describe_group("workers")).members == ()
        await admin.remove_members("workers", everyone=True)


async def test_who_is_to_be_put_out_must_be_said_once(broker: gomq.Broker):
    async with gomq.Admin(broker.address) as admin:
        with pytest.raises(ConfigurationError, match="name the members to put out"):
            await admin.remove_members("workers")
        with pytest.raises(ConfigurationError, match="name no members beside it"):
            await admin.remove_members("workers", ["i"], everyone=True)
        with pytest.raises(ConfigurationError, match="static member 'i' is named twice"):
            await admin.remove_members("workers", ["i", "i"])
