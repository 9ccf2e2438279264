"""Leaving a group: nobody waits for whoever has failed, and nobody who is interrupted waits for a broker."""

from pathlib import Path
from typing import Any

import anyio
import pytest

import gomq
from gomq.client.groups.farewell import HURRIED_SECONDS, LEAVE_SECONDS
from gomq.protocol.api import Api
from gomq_storage.layout import TopicPartition
from tests.support.fake_broker import FakeCluster, stays_silent
from tests.support.fake_group import GROUP_APIS, FakeGroup
from tests.support.grouping import TOPIC, grouping_broker, make_topic, partitions, quick

GIVEN = partitions("orders", 1)


def fall_silent(fake: FakeCluster) -> None:
    for api in (*GROUP_APIS, Api.FIND_COORDINATOR, Api.API_VERSIONS, Api.METADATA):
        fake.always(api, stays_silent)


@pytest.mark.parametrize("chosen", [{"topics": "orders"}, {"partitions": GIVEN}], ids=["member", "no member"])
async def test_a_consumer_that_is_cancelled_does_not_wait_for_a_silent_broker(
    fake: FakeCluster, chosen: Any, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("gomq.client.groups.farewell.HURRIED_SECONDS", 0.1)
    fake.answers.make_topic("orders", partitions=1)
    FakeGroup(fake)
    with anyio.CancelScope() as scope:
        async with gomq.Consumer(fake.address, **chosen, group="group", replay=True):
            fall_silent(fake)
            scope.cancel()
            cancelled_at = anyio.current_time()
            await anyio.sleep_forever()
    assert anyio.current_time() - cancelled_at < HURRIED_SECONDS < LEAVE_SECONDS


@pytest.mark.parametrize("listener", ["on_assigned", "on_revoked"])
async def test_who_fails_because_of_a_listener_leaves_and_nobody_waits_for_its_session(data: Path, listener: str):
    async def fails(_: frozenset[TopicPartition]) -> None:
        raise gomq.GomqError("no room for these")

    options: dict[str, Any] = {listener: fails}
    async with grouping_broker(data) as broker, anyio.create_task_group() as tasks:
        await make_topic(broker.address)
        has_joined = anyio.Event()

        async def join_and_stay() -> None:
            async with gomq.Consumer(broker.address, TOPIC, group=quick(session_timeout=60.0)) as other:
                assert other.assignment == partitions()
                has_joined.set()

        async def fail() -> None:
            group = quick(session_timeout=60.0)
            async with gomq.Consumer(broker.address, TOPIC, group=group, **options) as consumer:
                tasks.start_soon(join_and_stay)
                await anext(consumer)

        with pytest.raises(gomq.GomqError, match="no room"):
            await fail()
        if listener == "on_assigned":
            tasks.start_soon(join_and_stay)
        with anyio.fail_after(20):
            await has_joined.wait()
