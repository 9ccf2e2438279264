"""What a member commits: when it is asked to, by itself, and in which generation."""

import anyio
import pytest

from gomq.client.groups.offsets import OffsetAndMetadata
from gomq.errors import (
    IllegalGenerationError,
    RebalanceInProgressError,
    TopicAuthorizationFailedError,
)
from gomq.protocol.api import Api
from gomq_storage.layout import TopicPartition
from tests.support.fake_broker import FakeCluster
from tests.support.fake_group import FakeGroup
from tests.support.joining import ALL, answers_after, joining
from tests.support.waiting import until


@pytest.fixture
def group(fake: FakeCluster) -> FakeGroup:
    return FakeGroup(fake)


async def test_a_commit_during_a_rebalance_is_made_after_it(fake: FakeCluster, group: FakeGroup):
    others_have_come = anyio.Event()
    async with joining(fake, assignors=("cooperative-sticky",)) as member, anyio.create_task_group() as tasks:
        await member.membership.join()
        fake.next(Api.JOIN_GROUP, answers_after(group, others_have_come))
        member.membership.subscription_changed()
        await until(lambda: len(fake.asked(Api.JOIN_GROUP)) == 3)
        tasks.start_soon(member.membership.commit, dict.fromkeys(ALL, OffsetAndMetadata(5)))
        await anyio.wait_all_tasks_blocked()
        assert not group.committed
        others_have_come.set()
        await until(lambda: group.committed == dict.fromkeys(ALL, 5))
        assert fake.asked(Api.OFFSET_COMMIT)[0].body.generation_id_or_member_epoch == 2


async def test_a_commit_that_may_succeed_later_is_tried_again(fake: FakeCluster, group: FakeGroup):
    async with joining(fake) as member:
        await member.membership.join()
        group.fail(Api.OFFSET_COMMIT, 14, 16, 7, 3)
        await member.membership.commit(dict.fromkeys(ALL, OffsetAndMetadata(5)))
        assert group.committed == dict.fromkeys(ALL, 5)


async def test_a_commit_for_what_was_given_up_is_refused(fake: FakeCluster, group: FakeGroup):
    others_have_come = anyio.Event()
    async with joining(fake) as member:
        await member.membership.join()
        fake.next(Api.JOIN_GROUP, answers_after(group, others_have_come))
        member.membership.subscription_changed()
        await until(lambda: len(fake.asked(Api.JOIN_GROUP)) == 3)
        with pytest.raises(RebalanceInProgressError, match="orders-0, orders-1"):
            await member.membership.commit(dict.fromkeys(ALL, OffsetAndMetadata(5)))
        assert not group.committed
        others_have_come.set()
        await until(lambda: member.membership.generation == 2)


async def test_a_commit_of_a_generation_that_has_passed_fails_and_the_member_joins_again(
    fake: FakeCluster, group: FakeGroup
):
    async with joining(fake) as member:
        await member.membership.join()
        group.fail(Api.OFFSET_COMMIT, 22)
        with pytest.raises(IllegalGenerationError, match="orders-"):
            await member.membership.commit(dict.fromkeys(ALL, OffsetAndMetadata(5)))
        await until(lambda: member.reader.events == ["assigned", "lost", "assigned"])


async def test_a_commit_that_is_not_allowed_says_so(fake: FakeCluster, group: FakeGroup):
    async with joining(fake) as member:
        await member.membership.join()
        group.fail(Api.OFFSET_COMMIT, 29)
        with pytest.raises(TopicAuthorizationFailedError, match="orders-"):
            await member.membership.commit(dict.fromkeys(ALL, OffsetAndMetadata(5)))
        assert member.failures == []


async def test_a_background_commit_that_is_not_allowed_ends_the_membership(fake: FakeCluster, group: FakeGroup):
    async with joining(fake, auto_commit=True, commit_interval=0.01) as member:
        await member.membership.join()
        group.fail(Api.OFFSET_COMMIT, *[29] * 100)
        member.reader.points[TopicPartition("orders", 0)] = 7
        await until(lambda: member.failures)
        assert isinstance(member.failures[0], TopicAuthorizationFailedError)


async def test_only_what_has_changed_is_committed(fake: FakeCluster, group: FakeGroup):
    async with joining(fake, auto_commit=True, commit_interval=0.01) as member:
        group.committed[TopicPartition("orders", 1)] = 3
        await member.membership.join()
        member.reader.points[TopicPartition("orders", 0)] = 7
        await until(lambda: group.committed.get(TopicPartition("orders", 0)) == 7)
    named = {each.partition_index for said in fake.asked(Api.OFFSET_COMMIT) for each in said.body.topics[0].partitions}
    assert named == {0}


async def test_a_commit_that_a_rebalance_has_overtaken_is_made_again(fake: FakeCluster, group: FakeGroup):
    has_rebalanced = anyio.Event()
    async with joining(fake, assignors=("cooperative-sticky",)) as member, anyio.create_task_group() as tasks:
        await member.membership.join()
        group.fail(Api.OFFSET_COMMIT, 22)
        fake.next(Api.OFFSET_COMMIT, answers_after(group, has_rebalanced))
        tasks.start_soon(member.membership.commit, dict.fromkeys(ALL, OffsetAndMetadata(5)))
        await until(lambda: fake.asked(Api.OFFSET_COMMIT))
        member.membership.subscription_changed()
        await until(lambda: member.membership.generation == 2)
        has_rebalanced.set()
        await until(lambda: group.committed == dict.fromkeys(ALL, 5))
        assert "lost" not in member.reader.events


async def test_where_a_partition_begins_is_committed_at_once(fake: FakeCluster, group: FakeGroup):
    async with joining(fake, auto_commit=True) as member:
        group.committed[TopicPartition("orders", 1)] = 3
        await member.membership.join()
        assert group.committed == {TopicPartition("orders", 0): 0, TopicPartition("orders", 1): 3}


async def test_a_commit_of_all_that_is_ones_own_leaves_out_what_was_given_up_meanwhile(
    fake: FakeCluster, group: FakeGroup
):
    given_up = TopicPartition("orders", 9)
    async with joining(fake) as member:
        await member.membership.join()
        offsets = dict.fromkeys({*ALL, given_up}, OffsetAndMetadata(5))
        await member.membership.commit_own(offsets)
        assert group.committed == dict.fromkeys(ALL, 5)
        with pytest.raises(RebalanceInProgressError, match="orders-9"):
            await member.membership.commit(offsets)
