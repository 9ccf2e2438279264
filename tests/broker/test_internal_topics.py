"""The topics that the broker makes for itself: clients see them and read them, and nothing else."""

from pathlib import Path
from typing import Any

from gomq.protocol.api import Api
from tests.support.running import fetch, running
from tests.support.topics import delete
from tests.support.wire import Wire, create_values, metadata_values

NONE, INVALID_TOPIC = 0, 17
OFFSETS = "__consumer_offsets"


async def internal_topic(wire: Wire) -> Any:
    """Have the broker make the topic by asking for a group's coordinator."""
    await wire.ask(Api.FIND_COORDINATOR, 4, key_type=0, coordinator_keys=("group",))
    (topic,) = (await wire.ask(Api.METADATA, 12, **metadata_values(OFFSETS))).topics
    assert topic.error_code == NONE
    return topic


async def test_it_is_told_to_be_internal(wire: Wire):
    await wire.ask(Api.CREATE_TOPICS, **create_values("orders"))
    assert (await internal_topic(wire)).is_internal
    answer = await wire.ask(Api.METADATA, 12, topics=None)
    assert {topic.name: topic.is_internal for topic in answer.topics} == {"orders": False, OFFSETS: True}
    described = await wire.ask(
        Api.DESCRIBE_TOPIC_PARTITIONS, topics=[{"name": OFFSETS}], response_partition_limit=10, cursor=None
    )
    assert described.topics[0].is_internal


async def test_it_can_be_read(wire: Wire):
    await internal_topic(wire)
    assert (await fetch(wire, OFFSETS, 0)).error_code == NONE


async def test_it_cannot_be_created_changed_or_deleted_by_clients(data: Path):
    async with running(data) as wire:
        topic = await internal_topic(wire)
        growth = [{"name": OFFSETS, "count": 9, "assignments": None}]
        grown = await wire.ask(Api.CREATE_PARTITIONS, topics=growth, timeout=1000, validate_only=False)
        assert grown.results[0].error_code == INVALID_TOPIC
        assert await delete(wire, OFFSETS) == INVALID_TOPIC
        by_id = [{"name": None, "topic_id": topic.topic_id}]
        deleted = await wire.ask(Api.DELETE_TOPICS, 6, topics=by_id)
        assert [each.error_code for each in deleted.responses] == [INVALID_TOPIC]
        wanted = [{"name": OFFSETS, "partitions": [{"partition_index": 0, "offset": 0}]}]
        trimmed = await wire.ask(Api.DELETE_RECORDS, topics=wanted, timeout=1000)
        assert trimmed.topics[0].partitions[0].error_code == INVALID_TOPIC
    async with running(data) as wire:
        assert (await internal_topic(wire)).topic_id == topic.topic_id
