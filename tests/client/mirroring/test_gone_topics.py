"""A topic is deleted, made anew or made larger on either side while a mirror follows it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import pytest

import gomq
from gomq.client.cluster.settings import ConnectionSettings
from gomq.client.consuming import fetcher
from gomq.client.mirroring.errors import MirrorError
from gomq.client.mirroring.mirror import Mirror
from gomq.client.mirroring.settings import MirrorSettings
from gomq.client.producing import errands
from tests.support.mirroring import Pair, messages, numbers, publish
from tests.support.waiting import until

QUICK = ConnectionSettings(first_backoff=0.01, max_backoff=0.05, metadata_max_age=0.05)


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take a topic that is unknown for deleted at once: none of these brokers has just started."""
    for module in (fetcher, errands):
        monkeypatch.setattr(module, "_UNKNOWN_TOPIC_PATIENCE", 0.1)


@asynccontextmanager
async def following(pair: Pair, *, reason: str) -> AsyncIterator[None]:
    """Have a mirror follow a topic of ten messages, which ends with an error because of what is done in the block."""
    await publish(pair.source.address, "orders", *numbers(0, 10))
    settings = MirrorSettings(source=QUICK, target=QUICK, patience=10)
    async with Mirror(*pair.addresses, settings=settings) as mirror, anyio.create_task_group() as group:
        plan = await mirror.plan(["orders"])

        async def follow() -> None:
            with pytest.RaisesGroup(
                pytest.RaisesExc(MirrorError, match=reason), flatten_subgroups=True, allow_unwrapped=True
            ):
                await mirror.copy(plan, follow=True)

        group.start_soon(follow)
        await until(lambda: sum(each.messages for each in mirror.copied()) == 10)
        yield


async def delete(broker: gomq.Broker) -> None:
    async with gomq.Admin(broker.address) as admin:
        await admin.delete_topic("orders")


async def test_that_the_source_is_gone_is_told(pair: Pair):
    async with following(pair, reason="'orders' does not exist at the source any more"):
        await delete(pair.source)


async def test_a_source_that_is_made_anew_is_not_carried_on(pair: Pair):
    async with following(pair, reason="deleted and made anew"):
        await delete(pair.source)
        await publish(pair.source.address, "orders", *numbers(100, 150))

    assert [each.value for each in await messages(pair.target.address, "orders")] == numbers(0, 10)


async def test_a_target_that_is_gone_is_not_created_again_by_the_way(pair: Pair):
    async with following(pair, reason="orders was deleted at the target"):
        await delete(pair.target)
        await publish(pair.source.address, "orders", *numbers(10, 20))

    async with gomq.Admin(pair.target.address) as admin:
        assert "orders" not in {topic.name for topic in await admin.list_topics()}


async def test_a_target_that_is_made_anew_is_told_as_that(pair: Pair):
    async with following(pair, reason="made anew, while it was copied"):
        await delete(pair.target)
        async with gomq.Admin(pair.target.address) as admin:
            await admin.create_topic("orders")
        await publish(pair.source.address, "orders", *numbers(10, 20))
