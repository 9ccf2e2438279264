"""Cancelled wherever it may wait, finding a cluster leaves no task, socket, lock or half of a request behind."""

import anyio
import pytest

from gomq.client.cluster.cluster import Purpose
from gomq.protocol.api import Api
from tests.support.clusters import open_connections, reached
from tests.support.fake_broker import FakeCluster
from tests.support.open_files import open_sockets
from tests.support.waiting import until

STEPS = 40
"""More than it takes: the last attempts are not interrupted any more."""


@pytest.mark.parametrize("waiters", [1, 3])
async def test_connecting_can_be_cancelled_after_any_number_of_steps(fake: FakeCluster, waiters: int):
    fake.answers.make_topic("orders")
    await anyio.wait_all_tasks_blocked()
    before = open_sockets()
    for steps in range(STEPS):
        async with reached(fake.address) as cluster:

            async def use() -> None:
                await cluster.refresh(["orders"])
                await cluster.connect(1, Purpose.DATA)

            async with anyio.create_task_group() as group:
                for _ in range(waiters):
                    group.start_soon(use)
                for _ in range(steps):
                    await anyio.lowlevel.checkpoint()
                group.cancel_scope.cancel()
            # whatever was interrupted: everything works at once, on no more connections than are needed
            with anyio.fail_after(20):
                assert (await cluster.refresh(["orders"])).topics["orders"].has_leaders
                connection = await cluster.connect(1, Purpose.DATA)
                await connection.ask(Api.METADATA, metadata_of("orders"))
            assert open_connections(cluster) == 2
    await until(lambda: open_sockets() <= before)


async def test_one_of_many_who_want_the_same_can_give_up_without_the_others_noticing(fake: FakeCluster):
    fake.answers.make_topic("orders")
    for steps in range(STEPS):
        async with reached(fake.address) as cluster, anyio.create_task_group() as group:
            with anyio.CancelScope() as scope:
                async with anyio.create_task_group() as impatient:
                    impatient.start_soon(cluster.refresh, ["orders"])
                    group.start_soon(cluster.refresh, ["orders"])
                    group.start_soon(cluster.refresh, ["orders"])
                    for _ in range(steps):
                        await anyio.lowlevel.checkpoint()
                    scope.cancel()


def metadata_of(topic: str) -> dict[str, object]:
    return {
        "topics": [{"name": topic, "topic_id": None}],
        "allow_auto_topic_creation": False,
        "include_cluster_authorized_operations": False,
        "include_topic_authorized_operations": False,
    }
