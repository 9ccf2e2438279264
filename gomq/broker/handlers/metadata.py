"""Metadata, versions 0-13.  v1 null means all; v4 auto-creation is asked for; v8 operations; v10 ids; v12 by id.

A topic is created only where both the request allows it, as versions before 4 always do, and the broker's settings.
"""

from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from kio.schema.errors import ErrorCode

from gomq.broker.catalogue import INTERNAL_TOPICS, Topic
from gomq.broker.context import Request, Result, State
from gomq.broker.operations import NOT_ASKED, ON_CLUSTER, ON_TOPIC
from gomq.broker.refusals import REFUSALS, patience, refusal
from gomq.broker.topic_descriptions import describe_partition
from gomq.errors import TopicAlreadyExistsError
from gomq_storage.layout import topic_name_problem

MAX_CREATED_AT_ONCE: Final = 1000
"""Topics that one request may create; it is told to ask again for the rest."""
_FIRST_BY_ID: Final = 12
_LAST_WITH_CLUSTER: Final = 10
_PATIENCE: Final = timedelta(seconds=10)


async def handle(state: State, request: Request) -> Result:
    """Describe the broker and the topics that are asked for."""
    body = request.body
    node_id = state.config.node_id
    host, port = request.reached_at
    asks_for_cluster = getattr(body, "include_cluster_authorized_operations", False)
    operations = ON_TOPIC if getattr(body, "include_topic_authorized_operations", False) else NOT_ASKED
    return {
        "throttle_time": 0,
        "brokers": [{"node_id": node_id, "host": host, "port": port, "rack": None}],
        "cluster_id": state.cluster_id,
        "controller_id": node_id,
        "topics": [topic | {"topic_authorized_operations": operations} for topic in await _topics(state, request)],
        "cluster_authorized_operations": ON_CLUSTER if asks_for_cluster else NOT_ASKED,
        "error_code": ErrorCode.none,
    }


async def _topics(state: State, request: Request) -> list[dict[str, Any]]:
    body = request.body
    if body.topics is None or (request.version == 0 and not body.topics):
        return [_describe(topic, state.config.node_id) for topic in state.topics]
    wanted = dict.fromkeys((entry.name, getattr(entry, "topic_id", None)) for entry in body.topics)
    if request.version < _FIRST_BY_ID and any(name is None or topic_id is not None for name, topic_id in wanted):
        return [_missing(name or "", None, ErrorCode.invalid_request) for name, _ in wanted]
    may_create = state.config.auto_create_topics and getattr(body, "allow_auto_topic_creation", True)
    room = MAX_CREATED_AT_ONCE if may_create else 0
    topics = []
    for name, topic_id in wanted:
        topic = _find(state, name, topic_id)
        if topic["error_code"] == ErrorCode.unknown_topic_or_partition and may_create and name not in INTERNAL_TOPICS:
            topic = await _create(state, name) if room > 0 else _missing(name, None, ErrorCode.leader_not_available)
            room -= 1
        topics.append(topic)
    return topics


def _find(state: State, name: str | None, topic_id: UUID | None) -> dict[str, Any]:
    if topic_id is not None or name is None:  # where both are given the id counts, as in Kafka
        found = state.topics.get(topic_id)
        return _missing(None, topic_id, ErrorCode.unknown_topic_id) if found is None else _told(state, found)
    topic = state.topics.get(name)
    if topic is not None:
        return _told(state, topic)
    is_possible = topic_name_problem(name) is None
    return _missing(
        name, None, ErrorCode.unknown_topic_or_partition if is_possible else ErrorCode.invalid_topic_exception
    )


async def _create(state: State, name: str) -> dict[str, Any]:
    try:
        with patience(_PATIENCE):
            topic = await state.topics.create(name, partitions=state.config.default_partitions, configs={})
    except TopicAlreadyExistsError:  # another request was faster
        return _find(state, name, None)
    except REFUSALS as error:
        return _missing(name, None, refusal(error).code)
    return _told(state, topic)


def _told(state: State, topic: Topic) -> dict[str, Any]:
    return _describe(topic, state.config.node_id)


def _missing(name: str | None, topic_id: UUID | None, error_code: int) -> dict[str, Any]:
    return _topic(error_code, name, topic_id)


def _describe(topic: Topic, node_id: int) -> dict[str, Any]:
    partitions = [describe_partition(*entry, node_id) for entry in enumerate(topic.partitions)]
    return _topic(ErrorCode.none, topic.name, topic.id) | {"partitions": partitions, "is_internal": topic.is_internal}


def _topic(error_code: int, name: str | None, topic_id: UUID | None) -> dict[str, Any]:
    return {
        "error_code": error_code,
        "name": name,
        "topic_id": topic_id,
        "is_internal": name in INTERNAL_TOPICS,
        "partitions": (),
    }
