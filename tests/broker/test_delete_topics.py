"""DeleteTopics: by name or by id, each once, and never what the broker keeps for itself."""

from typing import Any
from uuid import UUID

import anyio
import pytest

import gomq
from gomq.protocol.api import Api
from tests.broker.conftest import Disk
from tests.support.topics import create
from tests.support.waiting import until
from tests.support.wire import Wire, batch, connect, produce_values

UNKNOWN, EXISTS, INVALID, UNKNOWN_ID = 3, 36, 42, 100


async def delete(wire: Wire, *wanted: tuple[str | None, UUID | None]) -> list[tuple[str | None, UUID | None, int]]:
    """Delete topics: name, id and error code of each answer."""
    topics = [{"name": name, "topic_id": topic_id} for name, topic_id in wanted]
    answer = await wire.ask(Api.DELETE_TOPICS, 6, topics=topics)
    for each in answer.responses:
        assert bool(each.error_message) == bool(each.error_code)
    return [(each.name, each.topic_id, int(each.error_code)) for each in answer.responses]


async def names(wire: Wire) -> set[str]:
    return {topic.name for topic in (await wire.ask(Api.METADATA, 12, topics=None)).topics}


async def ids(wire: Wire, *wanted: str) -> list[Any]:
    return [topic.topic_id for topic in await create(wire, *wanted)]


@pytest.mark.parametrize("by_id", [False, True])
async def test_a_topic_named_twice_is_not_deleted_and_the_others_are(wire: Wire, by_id: bool):
    twice, once = await ids(wire, "twice", "once")
    wanted = [(None, twice), (None, once), (None, twice)] if by_id else [("twice", None), ("once", None)] * 2
    found = await delete(wire, *(wanted if by_id else wanted[:3]))
    assert sorted(code for _, _, code in found) == [0, INVALID]
    assert await names(wire) == {"twice"}


async def test_a_topic_named_by_its_name_and_by_its_id_is_not_deleted(wire: Wire):
    (topic_id,) = await ids(wire, "orders")
    assert await delete(wire, ("orders", None), (None, topic_id)) == [("orders", topic_id, INVALID)]
    assert await names(wire) == {"orders"}


async def test_what_cannot_be_found_is_told_apart(wire: Wire):
    (topic_id,) = await ids(wire, "orders")
    found = await delete(wire, ("nowhere", None), (None, UUID(int=9)), (None, None), ("orders", topic_id), ("", None))
    assert set(found) == {
        (None, None, INVALID),
        ("", None, UNKNOWN),
        (None, UUID(int=9), UNKNOWN_ID),
        ("nowhere", None, UNKNOWN),
        ("orders", topic_id, INVALID),
    }
    assert len(found) == 5


async def test_a_topic_that_goes_before_it_is_synced_keeps_no_other_from_being_so(
    broker: gomq.Broker, wire: Wire, disk: Disk
):
    await create(wire, "gone")
    await create(wire, "orders")
    assert broker._state is not None
    partition = broker._state.topics.partition("gone", 0)
    assert partition is not None
    disk.hold("orders-0")
    await wire.send(Api.PRODUCE, 9, produce_values({"orders": {0: batch(b"1")}}))
    await until(disk.started.is_set)
    await wire.send(Api.PRODUCE, 9, produce_values({"gone": {0: batch(b"2")}, "orders": {0: batch(b"3")}}))
    await until(lambda: partition.bytes_in)
    partition.delete()
    disk.release()
    await wire.receive_frame()
    found = (await wire.receive(Api.PRODUCE, 9)).responses
    assert {topic.name: topic.partition_responses[0].error_code for topic in found} == {"gone": UNKNOWN, "orders": 0}


async def test_one_of_many_creators_of_a_name_wins_and_one_of_many_who_delete_it(broker: gomq.Broker, wire: Wire):
    created: list[int] = []
    deleted: list[int] = []

    async def create_it() -> None:
        async with connect(broker.address) as other:
            created.extend(int(topic.error_code) for topic in await create(other, "orders"))

    async def delete_it() -> None:
        async with connect(broker.address) as other:
            deleted.extend(code for _, _, code in await delete(other, ("orders", None)))

    async with anyio.create_task_group() as group:
        for _ in range(8):
            group.start_soon(create_it)
    assert sorted(created) == [0, *[EXISTS] * 7]
    async with anyio.create_task_group() as group:
        for _ in range(4):
            group.start_soon(delete_it)
    assert set(deleted) <= {0, UNKNOWN}
    assert 0 in deleted
    assert await names(wire) == set()
