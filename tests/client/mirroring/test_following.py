"""A mirror that follows takes in what comes to the source, lets groups follow too, and says how far it is behind."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial

import anyio
import pytest

import gomq
from gomq.client.mirroring import mirror as mirror_module
from gomq.client.mirroring.mirror import Mirror
from gomq.client.mirroring.plan import MirrorPlan
from gomq.errors import GroupIdNotFoundError
from tests.support.mirroring import QUICK, SETTINGS, Pair, messages, numbers, publish
from tests.support.waiting import WITHIN_SECONDS, until

LOOKS_OFTEN = replace(SETTINGS, source=replace(QUICK, metadata_max_age=0.02))
"""Topics and partitions that are new are seen at once."""


@asynccontextmanager
async def following(
    pair: Pair, topics: Iterable[str] = (), *, pattern: str | None = None
) -> AsyncIterator[tuple[Mirror, list[MirrorPlan]]]:
    """Have a mirror follow during the block; yield it, and the plans that it makes meanwhile."""
    plans: list[MirrorPlan] = []
    async with Mirror(*pair.addresses, settings=LOOKS_OFTEN) as mirror, anyio.create_task_group() as group:
        plan = await mirror.plan(topics, pattern=None if pattern is None else re.compile(pattern))

        async def follow() -> None:
            await mirror.copy(plan, follow=True, on_plan=plans.append)

        group.start_soon(follow)
        yield mirror, plans
        mirror.stop()


async def eventually(condition: Callable[[], Awaitable[bool]]) -> None:
    """Ask brokers until they say so."""
    with anyio.fail_after(WITHIN_SECONDS):
        while not await condition():
            await anyio.lowlevel.checkpoint()


async def have_the_same(pair: Pair, topic: str, count: int) -> None:
    """Wait until the target has as many messages, and compare."""
    async with gomq.Admin(pair.target.address) as admin:

        async def has_all() -> bool:
            if topic not in {each.name for each in await admin.list_topics()}:
                return False
            bounds = (await admin.describe_topics([topic]))[topic].partitions
            return sum(each.end_offset or 0 for each in bounds) == count

        await eventually(has_all)
    at_target = await messages(pair.target.address, topic)
    at_source = await messages(pair.source.address, topic)
    assert at_target == at_source
    assert len(at_target) == count


async def test_partitions_that_are_added_to_the_source_are_taken_in(pair: Pair):
    await publish(pair.source.address, "orders", *numbers(0, 10))
    async with following(pair, ["orders"]) as (_, plans), gomq.Admin(pair.source.address) as admin:
        await have_the_same(pair, "orders", 10)
        await admin.create_partitions("orders", 3)
        for partition in range(3):
            await publish(pair.source.address, "orders", *numbers(10, 15), partition=partition)
        await have_the_same(pair, "orders", 25)

    assert [len(plan.topics[0].partitions) for plan in plans] == [3]


async def test_a_topic_that_comes_to_match_is_taken_in_and_another_is_not(pair: Pair):
    await publish(pair.source.address, "shop.orders", *numbers(0, 10))
    async with following(pair, pattern=r"shop\..*") as (_, plans):
        await have_the_same(pair, "shop.orders", 10)
        await publish(pair.source.address, "stock", *numbers(0, 5))
        await publish(pair.source.address, "shop.returns", *numbers(0, 5))
        await have_the_same(pair, "shop.returns", 5)
        await publish(pair.source.address, "shop.orders", *numbers(10, 20))
        await have_the_same(pair, "shop.orders", 20)

    assert [[topic.name for topic in plan.topics] for plan in plans] == [["shop.orders", "shop.returns"]]
    async with gomq.Admin(pair.target.address) as admin:
        assert "stock" not in {each.name for each in await admin.list_topics()}


async def test_a_topic_that_only_the_pattern_has_named_may_go(pair: Pair):
    for name in ("shop.orders", "shop.returns"):
        await publish(pair.source.address, name, *numbers(0, 10))
    async with following(pair, pattern=r"shop\..*"), gomq.Admin(pair.source.address) as admin:
        await have_the_same(pair, "shop.orders", 10)
        await have_the_same(pair, "shop.returns", 10)
        await admin.delete_topic("shop.returns")
        await publish(pair.source.address, "shop.orders", *numbers(10, 20))
        await have_the_same(pair, "shop.orders", 20)

    assert len(await messages(pair.target.address, "shop.returns")) == 10


async def test_all_topics_that_the_pattern_matches_may_go_and_others_come(pair: Pair):
    await publish(pair.source.address, "shop.orders", *numbers(0, 10))
    async with following(pair, pattern=r"shop\..*") as (_, plans), gomq.Admin(pair.source.address) as admin:
        await have_the_same(pair, "shop.orders", 10)
        await admin.delete_topic("shop.orders")
        await until(lambda: any(not plan.topics for plan in plans))
        await publish(pair.source.address, "shop.returns", *numbers(0, 5))
        await have_the_same(pair, "shop.returns", 5)


async def test_it_says_how_far_it_is_behind(pair: Pair):
    await publish(pair.source.address, "orders", *numbers(0, 10))
    async with following(pair, ["orders"]) as (mirror, _):
        await have_the_same(pair, "orders", 10)

        async def has_caught_up() -> bool:
            return await mirror.lag() == 0

        await eventually(has_caught_up)
        mirror.stop()
        await publish(pair.source.address, "orders", *numbers(10, 17))
        assert await mirror.lag() == 7


async def test_groups_follow_until_they_go_on_at_the_target(pair: Pair, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(mirror_module, "_GROUPS_SECONDS", 0.02)
    await publish(pair.source.address, "orders", *numbers(0, 10))
    refused: list[str] = []
    async with (
        following(pair, ["orders"]) as (mirror, _),
        gomq.Admin(pair.target.address) as admin,
        anyio.create_task_group() as group,
    ):
        plan = await mirror.plan(["orders"])
        group.start_soon(mirror.keep_groups, plan, ["readers", "readers"], refused.append)

        for count in (4, 9):
            await commit(pair.source.address, count)
            await eventually(partial(has_committed, admin, count))
        async with gomq.Consumer(pair.target.address, "orders", group="readers") as consumer:
            assert (await anext(aiter(consumer))).offset == 9
            await until(lambda: refused == ["readers"])


async def commit(address: str, offset: int) -> None:
    async with gomq.Consumer(address, "orders", group="readers", replay=True, auto_commit=False) as consumer:
        await anext(aiter(consumer))
        await consumer.commit({gomq.TopicPartition("orders", 0): offset})


async def has_committed(admin: gomq.Admin, offset: int) -> bool:
    try:
        found = await admin.group_offsets("readers")
    except GroupIdNotFoundError:
        return False
    return any(each.committed == offset for each in found.values())
