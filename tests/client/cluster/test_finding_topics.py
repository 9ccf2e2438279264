"""A topic that is not there, or has no leader, is waited for as long as was said, and no longer."""

import anyio
import pytest

from gomq.client.cluster.leaders import ask_leaders
from gomq.client.cluster.settings import ConnectionSettings
from gomq.errors import LeaderNotAvailableError, UnknownTopicError
from gomq.protocol.api import Api
from tests.support.clusters import reached
from tests.support.fake_broker import FakeCluster

RARELY = ConnectionSettings(first_backoff=30.0, max_backoff=30.0)


async def test_a_topic_that_does_not_come_is_given_up_in_time(fake: FakeCluster):
    async with reached(fake.address, RARELY) as cluster:
        with anyio.fail_after(20), pytest.raises(UnknownTopicError, match="topic 'nowhere' does not exist"):
            await cluster.find_topic("nowhere", may_create=False, patience=0.5)

    assert len(fake.asked(Api.METADATA)) == 2, "the last time once the patience is over"


async def test_leaders_that_do_not_come_are_given_up_in_time(fake: FakeCluster):
    fake.answers.make_topic("orders")[0].leader = -1

    async def ask(_: int, __: list[int]) -> dict[int, object]:
        raise AssertionError("there is nobody to be asked")

    async with reached(fake.address, RARELY) as cluster:
        await cluster.refresh(["orders"])
        with anyio.fail_after(20), pytest.raises(LeaderNotAvailableError, match="orders-0 has no leader"):
            await ask_leaders(cluster, "orders", [0], ask, patience=0.5)
