"""The leaders of a topic's partitions are asked at the same time: a slow one holds up nobody but itself."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import anyio
import pytest

from gomq.client.cluster.leaders import ask_leaders
from gomq.client.cluster.settings import ConnectionSettings
from gomq.errors import ConnectionFailedError, NotLeaderOrFollowerError
from tests.support.clusters import reached
from tests.support.fake_broker import FakeCluster

SOUND = SimpleNamespace(error_code=0)
QUICK = ConnectionSettings(first_backoff=0.001, max_backoff=0.01)


async def test_all_leaders_are_asked_before_the_first_has_answered(pair: FakeCluster):
    pair.answers.make_topic("orders", partitions=4)
    everybody_is_asked = anyio.Event()
    nodes: list[int] = []

    async def ask(node: int, led: list[int]) -> dict[int, Any]:
        nodes.append(node)
        if len(nodes) == 2:
            everybody_is_asked.set()
        await everybody_is_asked.wait()
        return dict.fromkeys(led, SOUND)

    async with reached(pair.address) as cluster:
        await cluster.refresh(["orders"])
        with anyio.fail_after(20):
            found = await ask_leaders(cluster, "orders", range(4), ask, patience=1.0)
    assert sorted(found) == [0, 1, 2, 3]
    assert sorted(nodes) == [1, 2]


async def test_only_who_did_not_answer_is_asked_again(pair: FakeCluster):
    pair.answers.make_topic("orders", partitions=4)
    asked: list[tuple[int, tuple[int, ...]]] = []
    failures: Iterator[Exception] = iter([ConnectionFailedError("node 2", "gone"), NotLeaderOrFollowerError("moved")])

    async def ask(node: int, led: list[int]) -> dict[int, Any]:
        asked.append((node, tuple(led)))
        if node == 2 and (failure := next(failures, None)) is not None:
            raise failure
        return dict.fromkeys(led, SOUND)

    async with reached(pair.address, QUICK) as cluster:
        await cluster.refresh(["orders"])
        with anyio.fail_after(20):
            found = await ask_leaders(cluster, "orders", range(4), ask, patience=1.0)
    assert sorted(found) == [0, 1, 2, 3]
    assert sorted(asked) == [(1, (0, 2)), (2, (1, 3)), (2, (1, 3)), (2, (1, 3))]


async def test_what_goes_wrong_at_several_is_told_together(pair: FakeCluster):
    pair.answers.make_topic("orders", partitions=2)

    async def ask(node: int, _: list[int]) -> dict[int, Any]:
        raise ConnectionFailedError(f"node {node}", "gone")

    async with reached(pair.address, QUICK) as cluster:
        await cluster.refresh(["orders"])
        with anyio.fail_after(20), pytest.raises(ExceptionGroup) as told:
            await ask_leaders(cluster, "orders", range(2), ask, patience=0.01)
    assert {type(each) for each in told.value.exceptions} == {ConnectionFailedError}
