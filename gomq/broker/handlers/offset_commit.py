"""OffsetCommit, versions 2-10.  v2-v4 retention time; v6 leader epochs; v7 static members; v8 flexible; v10 topic ids.

A commit is answered once it is durable. Checked in the order of Kafka's ``KafkaApis.handleOffsetCommitRequest``, then
``OffsetMetadataManager.commitOffset``: topics first, then the group and the member, then each partition's metadata.
"""

import time
from typing import Any, Final, NamedTuple, TypeAlias
from uuid import UUID

from kio.schema.errors import ErrorCode

from gomq.broker.context import Request, Result, State
from gomq.broker.groups.group_log import GroupLogError, Write
from gomq.broker.groups.records import OffsetCommitValue
from gomq.broker.large_messages import lay_out
from gomq_storage.layout import TopicPartition

DEFAULT_RETENTION: Final = -1
"""A retention time that leaves it to the broker."""
_TOPIC_IDS_SINCE: Final = 10
_GROUP_ID_NOT_FOUND_SINCE: Final = 9
_LATEST_MS: Final = 2**63 - 1

_Topic: TypeAlias = str | UUID | None


class _Entry(NamedTuple):
    """One partition of a request."""

    topic: _Topic
    """As the client calls it."""
    where: TopicPartition | None
    """None where there is no such partition."""
    wanted: Any
    code: ErrorCode = ErrorCode.none


async def handle(state: State, request: Request) -> Result:
    """Keep how far a group got."""
    entries = [_find(state, topic, wanted) for topic, wanted in _partitions(request)]
    if all(entry.code for entry in entries):
        return _response(entries)
    code = await _refusal(state, request)
    if code:
        return _response([entry if entry.code else entry._replace(code=code) for entry in entries])
    limit = state.config.offset_metadata_max_bytes
    entries = [_check_metadata(entry, limit) for entry in entries]
    offsets = _offsets(request, entries, now_ms=time.time_ns() // 1_000_000)
    if not offsets:
        return _response(entries)
    try:
        write = state.offsets.commit(request.body.group_id, offsets)
    except GroupLogError as error:
        return _response(_failed(entries, error))
    if write.is_durable:
        return _response(entries)
    return lambda: _respond_when_durable(state, request, entries, write)


async def _respond_when_durable(state: State, request: Request, entries: list[_Entry], write: Write) -> list[bytes]:
    try:
        await state.group_log.wait(write)
    except GroupLogError as error:
        entries = _failed(entries, error)
    return [await lay_out(request.api, request.version, request.correlation_id, _response(entries))]


def _partitions(request: Request) -> list[tuple[_Topic, Any]]:
    by_id = request.version >= _TOPIC_IDS_SINCE
    return [
        (topic.topic_id if by_id else topic.name, partition)
        for topic in request.body.topics
        for partition in topic.partitions
    ]


def _find(state: State, name: _Topic, wanted: Any) -> _Entry:  # noqa: ANN401 - one class a version
    topic = state.topics.get(name)
    if topic is None and not isinstance(name, str):
        return _Entry(name, None, wanted, ErrorCode.unknown_topic_id)
    if topic is None or not 0 <= wanted.partition_index < len(topic.partitions):
        return _Entry(name, None, wanted, ErrorCode.unknown_topic_or_partition)
    return _Entry(name, TopicPartition(topic.name, wanted.partition_index), wanted)


async def _refusal(state: State, request: Request) -> ErrorCode:
    """Say why the group, or this member of it, may not commit now."""
    body = request.body
    try:
        await state.group_log.ready()
    except GroupLogError as error:
        return error.code
    if code := state.group_log.refusal(body.group_id):
        return code
    generation = body.generation_id_or_member_epoch
    if generation >= 0 and request.version >= _GROUP_ID_NOT_FOUND_SINCE and not state.groups.known(body.group_id):
        return ErrorCode.group_id_not_found
    return state.groups.check_commit(
        body.group_id,
        member_id=body.member_id,
        generation=generation,
        instance_id=getattr(body, "group_instance_id", None),
    )


def _check_metadata(entry: _Entry, limit: int) -> _Entry:
    text = entry.wanted.committed_metadata
    is_too_large = text is not None and len(text.encode("utf-16-le")) // 2 > limit  # as Java counts
    return entry._replace(code=ErrorCode.offset_metadata_too_large) if is_too_large and not entry.code else entry


def _offsets(request: Request, entries: list[_Entry], *, now_ms: int) -> dict[TopicPartition, OffsetCommitValue]:
    expire_timestamp = _expire_timestamp(request, now_ms)
    return {
        entry.where: OffsetCommitValue(
            offset=entry.wanted.committed_offset,
            leader_epoch=max(getattr(entry.wanted, "committed_leader_epoch", -1), -1),
            metadata=entry.wanted.committed_metadata or "",
            commit_timestamp=now_ms,
            expire_timestamp=expire_timestamp,
        )
        for entry in entries
        if entry.where is not None and not entry.code
    }


def _expire_timestamp(request: Request, now_ms: int) -> int:
    retention = getattr(request.body, "retention_time", None)
    if retention is None:
        return -1
    retention_ms = round(retention.total_seconds() * 1000)
    return -1 if retention_ms == DEFAULT_RETENTION else min(max(now_ms + retention_ms, 0), _LATEST_MS)


def _failed(entries: list[_Entry], error: GroupLogError) -> list[_Entry]:
    return [entry if entry.code else entry._replace(code=error.code) for entry in entries]


def _response(entries: list[_Entry]) -> dict[str, Any]:
    topics: dict[_Topic, list[dict[str, Any]]] = {}
    for entry in entries:
        result = {"partition_index": entry.wanted.partition_index, "error_code": entry.code}
        topics.setdefault(entry.topic, []).append(result)
    return {
        "throttle_time": 0,
        "topics": [{"name": name, "topic_id": name, "partitions": found} for name, found in topics.items()],
    }
