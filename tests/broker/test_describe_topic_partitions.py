"""DescribeTopicPartitions: all partitions of all topics, a page at a time."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from gomq.broker.operations import ON_TOPIC
from gomq.protocol.api import Api
from tests.support.running import running
from tests.support.topics import create
from tests.support.wire import Wire

UNKNOWN, LEADER_NOT_AVAILABLE, INVALID_TOPIC, INVALID = 3, 5, 17, 42

Place = tuple[str, int]


async def ask(wire: Wire, *names: str, cursor: Place | None = None, limit: int = 2000) -> Any:
    place = None if cursor is None else {"topic_name": cursor[0], "partition_index": cursor[1]}
    topics = [{"name": name} for name in names]
    return await wire.ask(Api.DESCRIBE_TOPIC_PARTITIONS, topics=topics, response_partition_limit=limit, cursor=place)


def told(answer: Any) -> dict[str, list[int]]:
    return {topic.name: [each.partition_index for each in topic.partitions] for topic in answer.topics}


def next_place(answer: Any) -> Place | None:
    cursor = answer.next_cursor
    return None if cursor is None else (cursor.topic_name, cursor.partition_index)


async def test_topics_are_described_in_the_order_of_their_names(wire: Wire):
    created = {topic.name: topic.topic_id for topic in await create(wire, "b", "c", "a", partitions=2)}
    answer = await ask(wire)
    assert list(told(answer).items()) == [("a", [0, 1]), ("b", [0, 1]), ("c", [0, 1])]
    assert next_place(answer) is None
    for topic in answer.topics:
        assert (topic.error_code, topic.topic_id, topic.is_internal) == (0, created[topic.name], False)
        assert topic.topic_authorized_operations == ON_TOPIC
        for each in topic.partitions:
            assert (each.error_code, each.leader_id, each.replica_nodes, each.isr_nodes) == (0, 1, (1,), (1,))
            assert (each.eligible_leader_replicas, each.last_known_elr, each.offline_replicas) == ((), (), ())


async def test_what_is_not_there_is_told_where_it_is_asked_for(wire: Wire):
    await create(wire, "orders")
    answer = await ask(wire, "nowhere", "orders", "a/b", "orders")
    assert [(topic.name, int(topic.error_code)) for topic in answer.topics] == [
        ("a/b", INVALID_TOPIC),
        ("nowhere", UNKNOWN),
        ("orders", 0),
    ]


@given(limit=st.integers(-1, 9), start=st.integers(0, 4))
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_pages_of_any_size_make_up_the_whole(wire: Wire, limit: int, start: int):
    sizes = {"a": 1, "b": 4, "c": 2}
    for name, count in sizes.items():
        await create(wire, name, partitions=count)
    everything = [(name, index) for name, count in sizes.items() for index in range(count)]
    cursor: Place | None = everything[start]
    found: list[Place] = []
    while cursor is not None:
        answer = await ask(wire, cursor=cursor, limit=limit)
        page = [(name, index) for name, indexes in told(answer).items() for index in indexes]
        assert 1 <= len(page) <= max(limit, 1)
        found += page
        cursor = next_place(answer)
    assert found == everything[start:]


async def test_a_cursor_may_point_to_where_nothing_is(wire: Wire):
    await create(wire, "a", "c")
    assert told(await ask(wire, cursor=("b", 7))) == {"c": [0]}
    assert told(await ask(wire, cursor=("c", 7))) == {"c": []}
    assert told(await ask(wire, cursor=("d", 0))) == {}


@pytest.mark.parametrize("cursor", [("orders", -1), ("other", 0)])
async def test_a_cursor_that_does_not_fit_the_request_is_an_invalid_request(wire: Wire, cursor: Place):
    await create(wire, "orders", "other")
    answer = await ask(wire, "orders", cursor=cursor)
    assert [(topic.name, int(topic.error_code), topic.partitions) for topic in answer.topics] == [
        ("orders", INVALID, ())
    ]
    assert next_place(answer) is None


async def test_an_answer_holds_at_most_2000_partitions_whatever_is_asked_for(wire: Wire, monkeypatch: Any):
    monkeypatch.setattr("gomq.broker.handlers.describe_topic_partitions.MAX_PARTITIONS_TOLD", 3)
    await create(wire, "orders", partitions=5)
    answer = await ask(wire, limit=2**31 - 1)
    assert (told(answer), next_place(answer)) == ({"orders": [0, 1, 2]}, ("orders", 3))


async def test_a_partition_that_cannot_be_opened_has_no_leader(data: Path):
    async with running(data) as wire:
        await create(wire, "orders")
    (data / "orders-0").rename(data.parent / "taken-away")
    async with running(data) as wire:
        (partition,) = (await ask(wire, "orders")).topics[0].partitions
        assert (partition.error_code, partition.leader_id) == (LEADER_NOT_AVAILABLE, -1)
        assert partition.offline_replicas == (1,)
