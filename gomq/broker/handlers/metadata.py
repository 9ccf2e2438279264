"""Metadata, versions 0-13.  v1 null means all topics; v4 auto-creation is asked for; v10 topic ids; v12 topics by id.

A topic is created only where both the request allows it, as versions before 4 always do, and the broker's settings.
"""

from typing import Any
from uuid import UUID

from kio.schema.errors import ErrorCode

from gomq.broker.context import Request, Result, State
from gomq.broker.partition import Partition
from gomq.broker.topics import Topic
from gomq.errors import BrokerError, TopicAlreadyExistsError
from gomq_storage.errors import StorageError
from gomq_storage.layout import topic_name_problem

_NOT_ASKED = -(2**31)
_NO_LEADER = -1


async def handle(state: State, request: Request) -> Result:
    """Describe the broker and the topics that are asked for."""
    body = request.body
    node_id = state.config.node_id
    if body.topics is None or (request.version == 0 and not body.topics):
        topics = [_describe(topic, node_id) for topic in state.topics]
    else:
        may_create = state.config.auto_create_topics and getattr(body, "allow_auto_topic_creation", True)
        wanted = dict.fromkeys((entry.name, getattr(entry, "topic_id", None)) for entry in body.topics)
        topics = [await _find(state, name, topic_id, may_create=may_create) for name, topic_id in wanted]
    host, port = request.reached_at
    return {
        "throttle_time": 0,
        "brokers": [{"node_id": node_id, "host": host, "port": port, "rack": None}],
        "cluster_id": state.cluster_id,
        "controller_id": node_id,
        "topics": topics,
        "cluster_authorized_operations": _NOT_ASKED,
        "error_code": 0,
    }


async def _find(state: State, name: str | None, topic_id: UUID | None, *, may_create: bool) -> dict[str, Any]:
    topic = state.topics.get(topic_id if name is None else name)
    if topic is not None:
        return _describe(topic, state.config.node_id)
    if name is None:
        return _missing(name, topic_id, ErrorCode.unknown_topic_id)
    if topic_name_problem(name) is not None:
        return _missing(name, None, ErrorCode.invalid_topic_exception)
    if not may_create:
        return _missing(name, None, ErrorCode.unknown_topic_or_partition)
    return await _create(state, name)


async def _create(state: State, name: str) -> dict[str, Any]:
    try:
        topic = await state.topics.create(name, partitions=state.config.default_partitions, configs={})
    except TopicAlreadyExistsError:  # another request was faster
        return await _find(state, name, None, may_create=False)
    except BrokerError as error:
        return _missing(name, None, error.code)
    except (OSError, StorageError):
        return _missing(name, None, ErrorCode.kafka_storage_error)
    return _describe(topic, state.config.node_id)


def _missing(name: str | None, topic_id: UUID | None, error_code: int) -> dict[str, Any]:
    return _topic(error_code, name, topic_id, [])


def _describe(topic: Topic, node_id: int) -> dict[str, Any]:
    partitions = [_describe_partition(*entry, node_id) for entry in enumerate(topic.partitions)]
    return _topic(0, topic.name, topic.id, partitions)


def _describe_partition(index: int, partition: Partition, node_id: int) -> dict[str, Any]:
    offline = partition.is_offline
    return {
        "error_code": ErrorCode.leader_not_available if offline else ErrorCode.none,
        "partition_index": index,
        "leader_id": _NO_LEADER if offline else node_id,
        "leader_epoch": partition.leader_epoch,
        "replica_nodes": (node_id,),
        "isr_nodes": (node_id,),
        "offline_replicas": (node_id,) if offline else (),
    }


def _topic(
    error_code: int, name: str | None, topic_id: UUID | None, partitions: list[dict[str, Any]]
) -> dict[str, Any]:
    return {
        "error_code": error_code,
        "name": name,
        "topic_id": topic_id,
        "is_internal": False,
        "partitions": partitions,
        "topic_authorized_operations": _NOT_ASKED,
    }
