"""A commit of thousands of partitions: others have their turn meanwhile, and what they change counts."""

import threading
from collections.abc import Iterator, Mapping
from types import SimpleNamespace
from typing import Any

import anyio
import pytest

import gomq
from gomq.broker.context import Request
from gomq.broker.groups.commits import lay_out_commit
from gomq.broker.groups.records import OffsetCommitValue
from gomq.broker.handlers import offset_commit
from gomq.broker.large_messages import FEW_ELEMENTS
from gomq.net.address import Address
from gomq.protocol.api import Api
from gomq_storage.layout import TopicPartition
from tests.support.membership import stable
from tests.support.offsets import Committed, commit, commit_values, committed
from tests.support.topics import create, delete
from tests.support.wire import DEADLINE, Wire, connect

MANY = 2 * FEW_ELEMENTS
UNKNOWN, UNKNOWN_MEMBER = 3, 25


class Layout:
    """Stands between a handler and the laying out of a commit, which it can hold back."""

    def __init__(self) -> None:
        self.is_held = False
        self.begun = threading.Event()
        self.may_end = threading.Event()
        self.counts: list[int] = []
        """Of offsets, each time."""

    def lay_out(self, group_id: str, offsets: Mapping[TopicPartition, OffsetCommitValue], *, now_ms: int) -> bytes:
        self.counts.append(len(offsets))
        if self.is_held and threading.current_thread() is not threading.main_thread():
            self.begun.set()
            assert self.may_end.wait(DEADLINE)
        return lay_out_commit(group_id, offsets, now_ms=now_ms)

    async def wait_until_begun(self) -> None:
        await anyio.to_thread.run_sync(self.begun.wait, DEADLINE)
        assert self.begun.is_set()

    def release(self) -> None:
        self.is_held = False
        self.may_end.set()


@pytest.fixture
def layout(monkeypatch: pytest.MonkeyPatch) -> Iterator[Layout]:
    """The laying out of commits; nothing is held back when the test ends."""
    held = Layout()
    monkeypatch.setattr(offset_commit, "lay_out_commit", held.lay_out)
    yield held
    held.release()


def many(group: str, offset: int, topics: tuple[str, ...] = ("orders",), **fields: Any) -> dict[str, Any]:
    """Make a commit of one partition of each topic, the first of them again and again."""
    values = commit_values(group, {topic: {0: offset} for topic in topics}, **fields)
    first = values["topics"][0]
    return {**values, "topics": [*values["topics"], *[first] * MANY]}


def codes_in(answer: Any) -> dict[str, set[int]]:
    """Find the error codes of each topic; there must be as many as were asked for."""
    assert sum(len(topic.partitions) for topic in answer.topics) > MANY
    return {topic.name: {int(entry.error_code) for entry in topic.partitions} for topic in answer.topics}


async def test_others_are_answered_while_a_large_commit_is_laid_out(broker: gomq.Broker, wire: Wire, layout: Layout):
    await create(wire, "orders")
    layout.is_held = True
    async with connect(broker.address) as busy:
        await busy.send(Api.OFFSET_COMMIT, 9, many("readers", 7))
        await layout.wait_until_begun()
        assert await commit(wire, "readers", {"orders": {0: 3}}) == {"orders": {0: 0}}
        assert await committed(wire, "readers") == {"orders": {0: Committed(3)}}
        layout.release()
        assert codes_in(await busy.receive(Api.OFFSET_COMMIT, 9)) == {"orders": {0}}
    assert await committed(wire, "readers") == {"orders": {0: Committed(7)}}


async def test_a_topic_that_is_deleted_meanwhile_has_nothing_committed_and_the_others_have(
    broker: gomq.Broker, wire: Wire, layout: Layout
):
    await create(wire, "orders")
    await create(wire, "bills")
    layout.is_held = True
    async with connect(broker.address) as busy:
        await busy.send(Api.OFFSET_COMMIT, 9, many("readers", 7, ("orders", "bills")))
        await layout.wait_until_begun()
        assert await delete(wire, "orders") == 0
        layout.release()
        assert codes_in(await busy.receive(Api.OFFSET_COMMIT, 9)) == {"orders": {UNKNOWN}, "bills": {0}}
    await create(wire, "orders")
    assert layout.counts == [2, 1], "what is written down was laid out again"
    assert await committed(wire, "readers") == {"bills": {0: Committed(7)}}


async def test_who_is_no_member_any_more_once_it_is_laid_out_has_nothing_committed(
    broker: gomq.Broker, wire: Wire, layout: Layout
):
    await create(wire, "orders")
    (member,) = await stable("readers", wire)
    layout.is_held = True
    async with connect(broker.address) as busy:
        await busy.send(Api.OFFSET_COMMIT, 9, many("readers", 7, member_id=member, generation=1))
        await layout.wait_until_begun()
        await wire.ask(Api.LEAVE_GROUP, 2, group_id="readers", member_id=member)
        layout.release()
        assert codes_in(await busy.receive(Api.OFFSET_COMMIT, 9)) == {"orders": {UNKNOWN_MEMBER}}
    assert await committed(wire, "readers") == {}


async def test_a_few_partitions_are_laid_out_at_once(wire: Wire, layout: Layout):
    await create(wire, "orders", partitions=3)
    layout.is_held = True  # in a worker thread it would never end
    assert await commit(wire, "readers", {"orders": {0: 1, 1: 2, 2: 3}}) == {"orders": {0: 0, 1: 0, 2: 0}}


async def test_partitions_are_looked_up_some_at_a_time(broker: gomq.Broker, wire: Wire):
    await create(wire, "orders")
    assert broker._state is not None
    partition = SimpleNamespace(partition_index=0)
    body = SimpleNamespace(topics=[SimpleNamespace(name="orders", partitions=[partition] * 5000)] * 3)
    request = Request(Api.OFFSET_COMMIT, 9, 1, body, Address("localhost", 1))
    turns = 0

    async def take_turns() -> None:
        nonlocal turns
        while True:
            await anyio.lowlevel.checkpoint()
            turns += 1

    async with anyio.create_task_group() as group:
        group.start_soon(take_turns)
        topics = offset_commit._topics(broker._state, request)
        entries = await offset_commit._find_all(topics, request)
        group.cancel_scope.cancel()
    assert len(entries) == 15_000
    assert turns > 15_000 // FEW_ELEMENTS
