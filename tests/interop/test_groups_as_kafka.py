"""The same is said to a real Kafka and to GoMQ about groups, and both answer the same, field by field."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

import gomq
from gomq.broker import BrokerConfig
from gomq.protocol.api import Api
from tests.support.conversation import Conversation, conversation
from tests.support.kafka import Kafka
from tests.support.membership import subscription
from tests.support.offsets import commit_values
from tests.support.wire import connect, create_values

pytestmark = pytest.mark.timeout(120)
OTHER = {"range": subscription("orders", "bills")}


async def one_member(say: Conversation) -> None:
    await say.join(0)
    await say.join(0, "#0")
    await say.join(0, "#0")
    await say.describe(1)
    for member, generation in (("#0", 1), ("#0", 0), ("nobody", 1)):
        await say.heartbeat(1, member, generation)
    await say.sync(1, "#0", 0)
    await say.sync(1, "nobody", 1)
    for wrong in ({"protocol_type": "connect"}, {"protocol_name": "x"}, {"protocol_type": None}):
        await say.sync(1, "#0", 1, **wrong)
    await say.sync(0, "#0", 1, {"#0": b"all", "nobody": b"none"})
    for version in (0, 4, 5, 6):
        await say.describe(1, version=version)
    await say.delete(1)
    await say.leave(1, ("#0", None), version=2)
    await say.leave(1, ("#0", None), version=2)
    await say.heartbeat(0, "#0", 1)
    await say.sync(0, "#0", 2)
    await say.join(0, "#0")
    await say.describe(1)
    await say.delete(1)
    await say.leave(1, ("#0", None), version=1)
    await say.leave(1, ("#0", None))
    await say.describe(1)


async def two_members(say: Conversation) -> None:
    await say.join(0)
    await say.join(0, "#0")
    await say.sync(0, "#0", 1, {"#0": b"all"})
    await say.join(1)
    await say.join(1, "#1", waits=True)
    await say.reaches("PreparingRebalance")
    await say.heartbeat(2, "#0", 1)
    await say.sync(2, "#0", 1)
    await say.describe(2)
    await say.join(0, "#0")
    await say.end(1)
    await say.heartbeat(2, "#1", 2)
    await say.sync(1, "#1", 2, waits=True)
    await say.sync(0, "#0", 2, {"#0": b"0", "#1": b"1"})
    await say.end(1)
    await say.join(1, "#1")
    await say.join(1, "#1", protocols={"other": b""})
    await say.join(1, "#1", protocol_type="connect")
    await say.join(1, "nobody")
    await say.join(1, "#1", protocols=OTHER, waits=True)
    await say.reaches("PreparingRebalance")
    await say.join(0, "#0")
    await say.end(1)
    await say.sync(0, "#0", 3, {"#1": b"1"})
    await say.sync(1, "#1", 3)
    await say.leave(2, ("nobody", None), ("#1", None), ("", None), ("", "nobody"), ("#1", None))
    await say.heartbeat(0, "#0", 3)
    await say.join(0, "#0")
    await say.leave(2, ("#0", None))
    await say.describe(2)


async def static_members(say: Conversation) -> None:
    await say.join(0, instance="one")
    await say.sync(0, "#0", 1, {"#0": b"all"}, instance="one")
    await say.join(1, instance="two", waits=True)
    await say.reaches("PreparingRebalance")
    await say.join(0, "#0", instance="one")
    await say.end(1)
    await say.sync(0, "#0", 2, {"#0": b"0", "#1": b"1"}, instance="one")
    await say.sync(1, "#1", 2, instance="two")
    await say.join(2, instance="two")
    for instance in ("two", None, "one", "nobody"):
        await say.heartbeat(1, "#1", 2, instance=instance)
    await say.sync(2, "#2", 2, instance="two")
    await say.join(1, "#1", instance="two")
    await say.sync(1, "#1", 2, instance="two")
    for version in (9, 8, 5, 9):
        await say.join(0, instance="one", version=version)
        await say.describe(3)
    await say.join(2, instance="two", protocols=OTHER)
    await say.describe(3)
    await say.leave(3, ("#1", "two"), ("", "one"))
    await say.describe(3)


async def requests_that_cannot_be(say: Conversation) -> None:
    await say.join(0, "nobody")
    for timeout in (5999, 1_800_001, -1):
        await say.join(0, session_timeout=timeout)
    for version in (3, 9):
        await say.join(0, protocols={}, version=version)
        await say.join(0, protocol_type="", version=version)
    await say.heartbeat(0, "nobody", 1)
    await say.sync(0, "nobody", 1)
    await say.leave(0, ("nobody", None))


async def no_group(say: Conversation) -> None:
    await say.join(0)
    await say.sync(0, "nobody", 1)
    await say.heartbeat(0, "nobody", 1)
    await say.leave(0, ("nobody", None))
    await say.describe(0)


async def old_versions(say: Conversation) -> None:
    await say.join(0, version=0)
    await say.sync(0, "#0", 1, {"#0": b"all"}, version=0)
    await say.join(1, version=1, waits=True)
    await say.reaches("PreparingRebalance")
    await say.heartbeat(2, "#0", 1, version=0)
    await say.join(0, "#0", version=2)
    await say.end(1)
    await say.leave(2, ("nobody", None), version=0)


async def commits(say: Conversation) -> None:
    group = say.group
    await say.other(0, Api.OFFSET_COMMIT, 8, commit_values(group, {"orders": {0: 5}}))
    await say.describe(1)
    await say.join(0, version=3)
    for is_stable in (False, True):
        if is_stable:
            await say.sync(0, "#0", 1, {"#0": b"all"})
        for member, generation in (("#0", 1), ("#0", 0), ("", -1), ("nobody", 1), ("#0", -1)):
            values = commit_values(group, {"orders": {0: 5}}, member_id=say.id(member), generation=generation)
            await say.other(1, Api.OFFSET_COMMIT, 8, values)
    topics = [{"name": name, "partitions": [{"partition_index": 0}]} for name in ("orders", "bills")]
    await say.other(1, Api.OFFSET_DELETE, 0, {"group_id": group, "topics": topics})
    await say.delete(1)


@pytest.mark.parametrize(
    "scene", [one_member, two_members, static_members, requests_that_cannot_be, no_group, old_versions, commits]
)
async def test_both_answer_the_same(
    kafka_broker: Kafka, data: Path, scene: Callable[[Conversation], Awaitable[None]], anyio_backend_name: str
):
    group = "" if scene is no_group else f"{scene.__name__}-{anyio_backend_name}"
    answers = []
    async with gomq.Broker(config=BrokerConfig(data=data, listen="127.0.0.1:0")) as broker:
        for address in (kafka_broker.address, broker.address):
            async with connect(address) as wire:
                await wire.ask(Api.CREATE_TOPICS, 7, **create_values("orders", "bills"))
            async with conversation(address, group) as say:
                await scene(say)
                answers.append(say.answers)
    for number, (expected, found) in enumerate(zip(*answers, strict=True)):
        assert found == expected, f"answer {number}"
