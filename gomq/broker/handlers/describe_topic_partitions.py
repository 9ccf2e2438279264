"""DescribeTopicPartitions, version 0 (KIP-966): Metadata's topics and partitions, a bounded number at a time.

Topics come in the order of their names. Where the answer is full, it says where the next one goes on: at a partition,
or at a topic, which need not exist.
"""

from collections.abc import Iterable
from typing import Any

from kio.schema.errors import ErrorCode

from gomq.broker.configs.broker_configs import MAX_PARTITIONS_TOLD
from gomq.broker.context import Request, Result, State
from gomq.broker.operations import NOT_ASKED, ON_TOPIC
from gomq.broker.topic_descriptions import describe_partition
from gomq_storage.layout import topic_name_problem


async def handle(state: State, request: Request) -> Result:
    """Describe topics from a place on."""
    body = request.body
    cursor = body.cursor
    names = {topic.name for topic in body.topics}
    if cursor is not None and (cursor.partition_index < 0 or (names and cursor.topic_name not in names)):
        no_right = {"topic_authorized_operations": NOT_ASKED}
        refused = [_topic(topic.name, ErrorCode.invalid_request) | no_right for topic in body.topics]
        return {"throttle_time": 0, "topics": refused, "next_cursor": None}
    wanted = names or {topic.name for topic in state.topics}
    start = ("", 0) if cursor is None else (cursor.topic_name, cursor.partition_index)
    limit = max(min(MAX_PARTITIONS_TOLD, body.response_partition_limit), 1)
    topics, next_cursor = _describe(state, sorted(name for name in wanted if name >= start[0]), start, limit)
    return {"throttle_time": 0, "topics": topics, "next_cursor": next_cursor}


def _describe(
    state: State, names: Iterable[str], start: tuple[str, int], limit: int
) -> tuple[list[dict[str, Any]], dict[str, Any] | None]:
    """Describe topics as long as there is room; where there is none, say where to go on."""
    told: list[dict[str, Any]] = []
    node_id = state.config.node_id
    for name in names:
        if limit <= 0:
            return told, {"topic_name": name, "partition_index": 0}
        topic = state.topics.get(name)
        if topic is None:
            told.append(_topic(name, _why_missing(name)))
            continue
        first = start[1] if name == start[0] else 0
        end = min(first + limit, len(topic.partitions))
        partitions = [describe_partition(index, topic.partitions[index], node_id) for index in range(first, end)]
        found = {"topic_id": topic.id, "is_internal": topic.is_internal, "partitions": partitions}
        told.append(_topic(name, ErrorCode.none) | found)
        if end < len(topic.partitions):
            return told, {"topic_name": name, "partition_index": end}
        limit -= len(partitions)
    return told, None


def _why_missing(name: str) -> ErrorCode:
    if topic_name_problem(name) is not None:
        return ErrorCode.invalid_topic_exception
    return ErrorCode.unknown_topic_or_partition


def _topic(name: str, error_code: ErrorCode) -> dict[str, Any]:
    return {
        "error_code": error_code,
        "name": name,
        "topic_id": None,
        "is_internal": False,
        "partitions": (),
        "topic_authorized_operations": ON_TOPIC,
    }
