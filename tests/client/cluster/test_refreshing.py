"""Metadata asked for by many at once: few requests, fresh answers, shared failures, and any of them may give up."""

from collections.abc import Callable, Coroutine
from typing import Any

import anyio
import pytest

from gomq.client.cluster.metadata import ClusterMetadata, TopicMetadata
from gomq.client.cluster.refreshing import Refreshing
from gomq.client.cluster.settings import ConnectionSettings
from gomq.errors import ConnectionFailedError
from gomq.protocol.api import Api
from tests.support.clusters import open_connections, reached
from tests.support.fake_broker import FakeCluster, fails_with, waits_for
from tests.support.fake_partition import Partition
from tests.support.waiting import until


class Asker:
    """Answers once it may, and notes what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[tuple[list[str] | None, bool]] = []
        self.may_answer = anyio.Event()
        self.failure: Exception | None = None

    async def __call__(self, topics: list[str] | None, may_create: bool) -> ClusterMetadata:
        self.asked.append((topics, may_create))
        await self.may_answer.wait()
        if self.failure is not None:
            raise self.failure
        return ClusterMetadata(topics={name: TopicMetadata(name=name) for name in topics or ("all",)})


async def in_parallel(
    *work: Callable[[], Coroutine[Any, Any, None]], until_started: Callable[[], object], then: Callable[[], object]
) -> None:
    async with anyio.create_task_group() as group:
        for each in work:
            group.start_soon(each)
        await until(until_started)
        await anyio.wait_all_tasks_blocked()
        then()


async def test_those_who_come_while_a_request_is_under_way_share_the_next_one():
    asker = Asker()
    refreshing = Refreshing(asker)
    answers: dict[str, set[str]] = {}

    async def ask(name: str) -> None:
        answers[name] = set((await refreshing.refresh([name], may_create=False)).topics)

    names = [f"topic-{number}" for number in range(50)]
    await in_parallel(
        *(lambda name=name: ask(name) for name in names),
        until_started=lambda: asker.asked,
        then=asker.may_answer.set,
    )

    assert len(asker.asked) <= 2
    assert sorted(name for topics, _ in asker.asked for name in topics or ()) == sorted(names)
    assert answers == {name: {name} for name in names}


async def test_a_failure_is_shared_too_and_each_has_one_of_its_own():
    asker = Asker()
    asker.failure = ConnectionFailedError("here:1", "refused")
    refreshing = Refreshing(asker)
    errors: list[Exception] = []

    async def ask() -> None:
        with pytest.raises(ConnectionFailedError) as caught:
            await refreshing.refresh(["orders"], may_create=False)
        errors.append(caught.value)

    await in_parallel(*[ask] * 20, until_started=lambda: asker.asked, then=asker.may_answer.set)

    assert len(asker.asked) <= 2
    assert len({id(error) for error in errors}) == 20


async def test_one_who_creates_topics_and_one_who_does_not_do_not_share():
    asker = Asker()
    asker.may_answer.set()
    refreshing = Refreshing(asker)
    for topics, may_create in ((["a"], True), (["a"], False), (None, False)):
        await refreshing.refresh(topics, may_create=may_create)

    assert asker.asked == [(["a"], True), (["a"], False), (None, False)]


async def test_where_the_one_who_asks_gives_up_another_asks():
    asker = Asker()
    refreshing = Refreshing(asker)
    with anyio.CancelScope() as impatient:
        async with anyio.create_task_group() as group:
            scope = anyio.CancelScope()

            async def first() -> None:
                with scope:
                    await refreshing.refresh(["orders"], may_create=False)

            async def second() -> None:
                assert set((await refreshing.refresh(["orders"], may_create=False)).topics) == {"orders"}

            group.start_soon(first)
            await until(lambda: asker.asked)
            group.start_soon(second)
            group.start_soon(second)
            await anyio.wait_all_tasks_blocked()
            scope.cancel()
            await until(lambda: len(asker.asked) == 2)
            asker.may_answer.set()

    assert not impatient.cancelled_caught
    assert len(asker.asked) == 2


async def test_what_is_asked_for_after_a_change_is_not_answered_from_before_it(fake: FakeCluster):
    may_answer = anyio.Event()
    async with reached(fake.address) as cluster:
        fake.next(Api.METADATA, waits_for(may_answer))
        async with anyio.create_task_group() as group:
            group.start_soon(cluster.refresh, ["orders"])
            await until(lambda: fake.asked(Api.METADATA))
            fake.answers.make_topic("orders")
            may_answer.set()
            assert not (await cluster.refresh(["orders"])).topics["orders"].error_code


async def test_topics_are_asked_for_again_when_what_is_known_is_old(fake: FakeCluster):
    settings = ConnectionSettings(metadata_max_age=0.01, first_backoff=0.001)
    heard: list[int] = []
    async with reached(fake.address, settings) as cluster, anyio.create_task_group() as group:
        fake.answers.make_topic("orders")
        group.start_soon(
            cluster.keep_fresh,
            lambda: ["orders"],
            lambda answer: heard.append(len(answer.topics["orders"].partitions)),
        )
        await until(lambda: 1 in heard)
        fake.next(Api.METADATA, *[fails_with(5)] * 3)
        fake.answers.make_topic("orders", partitions=3)
        await until(lambda: 3 in heard)
        fake.stop(1)
        await until(lambda: not open_connections(cluster))
        fake.answers.make_topic("orders", partitions=5)
        await fake.start(1)
        await until(lambda: 5 in heard)
        group.cancel_scope.cancel()


async def test_other_partitions_that_somebody_has_met_are_told_at_once(fake: FakeCluster):
    heard: list[int] = []
    async with reached(fake.address) as cluster, anyio.create_task_group() as group:
        fake.answers.make_topic("orders")
        await cluster.refresh(["orders"])
        group.start_soon(
            cluster.keep_fresh,
            lambda: ["orders"],
            lambda answer: heard.append(len(answer.topics["orders"].partitions)),
        )
        await anyio.wait_all_tasks_blocked()
        await cluster.refresh(["orders"])
        fake.answers.make_topic("orders", partitions=3)
        await cluster.refresh(["orders"])
        await until(lambda: heard == [3])
        partitions = fake.answers.topics.pop("orders")
        await cluster.refresh(["orders"])
        fake.answers.topics["orders"] = [*partitions, Partition()]
        await cluster.refresh(["orders"])
        await until(lambda: heard == [3, 4])
        group.cancel_scope.cancel()
