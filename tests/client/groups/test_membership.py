"""A member and a coordinator that fails, moves, falls silent, or talks nonsense."""

from typing import Any

import anyio
import pytest

from gomq.client.groups.offsets import OffsetAndMetadata
from gomq.errors import (
    ConnectionFailedError,
    CoordinatorNotAvailableError,
    FencedInstanceIdError,
    GroupAuthorizationFailedError,
    ProtocolError,
    UnsupportedVersionError,
)
from gomq.protocol.api import Api, Versions
from gomq_storage.layout import TopicPartition
from tests.support.fake_broker import FakeCluster, hangs_up, sends, stays_silent, waits_for
from tests.support.fake_group import FakeGroup
from tests.support.joining import ALL, answers_after, joining
from tests.support.waiting import until


@pytest.fixture
def group(fake: FakeCluster) -> FakeGroup:
    return FakeGroup(fake)


async def test_a_coordinator_that_is_not_there_yet_is_asked_for_again(fake: FakeCluster, group: FakeGroup):
    group.fail(Api.FIND_COORDINATOR, 15, 15)
    group.fail(Api.JOIN_GROUP, 14, 16)
    fake.next(Api.SYNC_GROUP, hangs_up)
    async with joining(fake) as member:
        await member.membership.join()
        assert member.reader.points.keys() == ALL
        assert member.membership.generation == group.generation


async def test_a_coordinator_that_never_comes_is_not_waited_for_for_ever(fake: FakeCluster, group: FakeGroup):
    group.fail(Api.FIND_COORDINATOR, *[15] * 1000)
    async with joining(fake, patience=0.1) as member:
        with pytest.raises(CoordinatorNotAvailableError, match="'group'"):
            await member.membership.join()


@pytest.mark.usefixtures("group")
async def test_where_all_brokers_are_gone_the_member_fails(fake: FakeCluster):
    async with joining(fake, patience=0.2) as member:
        await member.membership.join()
        fake.stop(1)
        await until(lambda: member.failures)
        assert isinstance(member.failures[0], ConnectionFailedError)
        assert member.reader.events == ["assigned", "lost"]


async def test_a_member_follows_its_coordinator_and_need_not_join_again(pair: FakeCluster):
    group = FakeGroup(pair)
    async with joining(pair) as member:
        await member.membership.join()
        group.node = 2
        await until(lambda: [each for each in pair.asked(Api.HEARTBEAT) if each.node == 2])
        await member.membership.commit(dict.fromkeys(ALL, OffsetAndMetadata(5)))
        assert member.reader.events == ["assigned"]
        assert member.membership.generation == group.generation == 1
        assert group.committed == dict.fromkeys(ALL, 5)


@pytest.mark.parametrize(("code", "next_id"), [(25, "member-2"), (22, "member-1")])
async def test_a_member_that_is_out_has_lost_everything_and_joins_again(
    fake: FakeCluster, group: FakeGroup, code: int, next_id: str
):
    async with joining(fake) as member:
        await member.membership.join()
        group.fail(Api.HEARTBEAT, code)
        await until(lambda: member.reader.events == ["assigned", "lost", "assigned"])
        assert member.membership.member_id == next_id
        assert member.membership.generation == 2


async def test_a_member_gives_everything_up_for_a_rebalance(fake: FakeCluster, group: FakeGroup):
    async with joining(fake, auto_commit=True) as member:
        await member.membership.join()
        member.reader.points[TopicPartition("orders", 0)] = 7
        group.fail(Api.HEARTBEAT, 27)
        await until(lambda: member.reader.events == ["assigned", "revoked", "assigned"])
        assert group.committed[TopicPartition("orders", 0)] == 7
        assert member.reader.points[TopicPartition("orders", 0)] == 7


async def test_a_cooperative_member_keeps_everything_in_a_rebalance(fake: FakeCluster, group: FakeGroup):
    async with joining(fake, assignors=("cooperative-sticky",)) as member:
        await member.membership.join()
        group.fail(Api.HEARTBEAT, 27)
        await until(lambda: member.membership.generation == 2)
        assert "revoked" not in member.reader.events


@pytest.mark.usefixtures("group")
async def test_a_silent_coordinator_is_noticed_before_others_have_the_partitions(fake: FakeCluster):
    async with joining(fake, session_timeout=0.3) as member:
        await member.membership.join()
        fake.always(Api.HEARTBEAT, stays_silent)
        await until(lambda: member.reader.events[:2] == ["assigned", "lost"])


async def test_a_fenced_member_ends(fake: FakeCluster, group: FakeGroup):
    async with joining(fake, instance_id="a") as member:
        await member.membership.join()
        group.fail(Api.HEARTBEAT, 82)
        await until(lambda: member.failures)
        assert isinstance(member.failures[0], FencedInstanceIdError)
        assert member.reader.events == ["assigned", "lost"]
        with pytest.raises(FencedInstanceIdError):
            await member.membership.commit({})


@pytest.mark.parametrize("api", [Api.FIND_COORDINATOR, Api.JOIN_GROUP, Api.SYNC_GROUP, Api.OFFSET_FETCH])
async def test_a_member_that_may_not_join_is_told(fake: FakeCluster, group: FakeGroup, api: Api):
    group.fail(api, 30)
    async with joining(fake) as member:
        with pytest.raises(GroupAuthorizationFailedError, match="'group'"):
            await member.membership.join()


@pytest.mark.parametrize("api", [Api.FIND_COORDINATOR, Api.JOIN_GROUP, Api.SYNC_GROUP, Api.OFFSET_FETCH])
@pytest.mark.usefixtures("group")
async def test_nonsense_is_an_error_and_nothing_worse(fake: FakeCluster, api: Api):
    fake.next(api, sends(b"\xff" * 40))
    async with joining(fake) as member:
        with pytest.raises(ProtocolError):
            await member.membership.join()


async def test_an_assignor_that_was_not_offered_is_refused(fake: FakeCluster, group: FakeGroup):
    async def chooses_another(exchange: Any) -> None:
        values = group._joined(exchange, 0) | {"protocol_name": "mine", "throttle_time": 0}
        await exchange.stream.send(exchange.frame(values))

    fake.next(Api.JOIN_GROUP, group.answer, chooses_another)
    async with joining(fake) as member:
        with pytest.raises(ProtocolError, match="mine"):
            await member.membership.join()


async def test_offsets_are_read_while_a_join_waits_for_others(fake: FakeCluster, group: FakeGroup):
    others_have_come = anyio.Event()
    async with joining(fake) as member:
        await member.membership.join()
        fake.next(Api.JOIN_GROUP, answers_after(group, others_have_come))
        member.membership.subscription_changed()
        await until(lambda: len(fake.asked(Api.JOIN_GROUP)) == 3)
        with anyio.fail_after(20):
            assert await member.membership.committed(ALL) == dict.fromkeys(ALL)
        others_have_come.set()
        await until(lambda: member.membership.generation == 2)


async def test_offsets_of_an_open_transaction_are_waited_for(fake: FakeCluster, group: FakeGroup):
    group.fail(Api.OFFSET_FETCH, 88, 88)
    async with joining(fake, require_stable=True) as member:
        await member.membership.join()
        assert member.reader.points.keys() == ALL
    assert [each.body.require_stable for each in fake.asked(Api.OFFSET_FETCH)] == [True] * 3
    assert len(fake.asked(Api.FIND_COORDINATOR)) == 1


async def test_the_oldest_brokers_are_understood(fake: FakeCluster, group: FakeGroup):
    fake.versions.update({
        Api.FIND_COORDINATOR: Versions(0, 0),
        Api.JOIN_GROUP: Versions(0, 2),
        Api.SYNC_GROUP: Versions(0, 0),
        Api.HEARTBEAT: Versions(0, 0),
        Api.LEAVE_GROUP: Versions(0, 0),
        Api.OFFSET_COMMIT: Versions(0, 2),
        Api.OFFSET_FETCH: Versions(0, 1),
    })  # fmt: skip
    async with joining(fake, auto_commit=True) as member:
        await member.membership.join()
        member.reader.points[TopicPartition("orders", 0)] = 7
    assert group.committed[TopicPartition("orders", 0)] == 7
    assert fake.asked(Api.LEAVE_GROUP)[0].body.member_id == "member-1"


@pytest.mark.usefixtures("group")
async def test_a_broker_that_knows_no_static_members_is_not_deceived(fake: FakeCluster):
    fake.versions[Api.JOIN_GROUP] = Versions(0, 4)
    async with joining(fake, instance_id="a") as member:
        with pytest.raises(UnsupportedVersionError, match="instance_id"):
            await member.membership.join()


@pytest.mark.usefixtures("group")
async def test_who_leaves_says_why_and_a_static_member_does_not_leave(fake: FakeCluster):
    async with joining(fake) as member:
        await member.membership.join()
    (said,) = fake.asked(Api.LEAVE_GROUP)
    assert said.body.members[0].member_id == "member-1"
    assert said.body.members[0].reason
    async with joining(fake, instance_id="a") as member:
        await member.membership.join()
    assert len(fake.asked(Api.LEAVE_GROUP)) == 1


async def test_who_is_cancelled_while_joining_leaves(fake: FakeCluster, group: FakeGroup):
    never = anyio.Event()
    async with joining(fake) as member, anyio.create_task_group() as tasks:
        group.fail(Api.JOIN_GROUP, 0)
        fake.next(Api.SYNC_GROUP, waits_for(never))
        tasks.start_soon(member.membership.join)
        await until(lambda: fake.asked(Api.SYNC_GROUP))
        tasks.cancel_scope.cancel()
    assert fake.asked(Api.LEAVE_GROUP)


async def test_signs_of_life_find_the_coordinator_again_while_the_member_is_busy(fake: FakeCluster, group: FakeGroup):
    is_done = anyio.Event()
    async with joining(fake) as member, anyio.create_task_group() as tasks:
        member.reader.begins_after = is_done
        tasks.start_soon(member.membership.join)
        await until(lambda: fake.asked(Api.HEARTBEAT))
        group.fail(Api.HEARTBEAT, 16)
        seen = len(fake.asked(Api.HEARTBEAT))
        await until(lambda: len(fake.asked(Api.HEARTBEAT)) > seen + 2)
        is_done.set()
    assert "lost" not in member.reader.events
