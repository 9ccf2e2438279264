"""OffsetCommit, versions 2-10.  v2-v4 retention time; v6 leader epochs; v7 static members; v8 flexible; v10 topic ids.

A commit is answered once it is durable. Checked in the order of Kafka's ``KafkaApis.handleOffsetCommitRequest``, then
``OffsetMetadataManager.commitOffset``: topics first, then the group and the member, then each partition's metadata.

One of thousands of partitions gives way: they are looked up some at a time, and their records laid out in a worker
thread. They are appended as one batch all the same, once topics, group and member have been looked at again.
"""

import time
from collections.abc import Mapping
from functools import partial
from typing import Any, Final, NamedTuple, TypeAlias
from uuid import UUID

import anyio
from anyio import to_thread
from kio.schema.errors import ErrorCode

from gomq.broker.catalogue import Topic
from gomq.broker.context import Request, Result, State
from gomq.broker.groups.commits import lay_out_commit
from gomq.broker.groups.group_log import GroupLogError, Write
from gomq.broker.groups.records import OffsetCommitValue
from gomq.broker.large_messages import FEW_ELEMENTS, lay_out
from gomq_storage.layout import TopicPartition

DEFAULT_RETENTION: Final = -1
"""A retention time that leaves it to the broker."""
_TOPIC_IDS_SINCE: Final = 10
_GROUP_ID_NOT_FOUND_SINCE: Final = 9
_LATEST_MS: Final = 2**63 - 1
_AT_ONCE: Final = 500
"""Partitions that are looked up before others have their turn."""

_Topic: TypeAlias = str | UUID | None


class _Entry(NamedTuple):
    """One partition of a request."""

    topic: _Topic
    """As the client calls it."""
    where: TopicPartition | None
    """None where there is no such partition."""
    wanted: Any
    code: ErrorCode = ErrorCode.none


class _Prepared(NamedTuple):
    """What of a request is to be written down."""

    entries: list[_Entry]
    offsets: dict[TopicPartition, OffsetCommitValue]
    batch: bytes
    """Empty where there are no offsets."""


async def handle(state: State, request: Request) -> Result:
    """Keep how far a group got."""
    topics = _topics(state, request)
    entries = await _find_all(topics, request)
    if all(entry.code for entry in entries):
        return await _respond(entries)
    if code := await _refusal(state, request):
        return await _respond(entries, code)
    prepare = partial(_prepare, request, entries, state.config.offset_metadata_max_bytes, time.time_ns() // 1_000_000)
    if len(entries) <= FEW_ELEMENTS:
        return await _commit(state, request, prepare())
    prepared = await to_thread.run_sync(prepare)
    if _topics(state, request) != topics:  # one was deleted meanwhile
        return await handle(state, request)
    if code := await _refusal(state, request):
        return await _respond(entries, code)
    return await _commit(state, request, prepared)


async def _commit(state: State, request: Request, prepared: _Prepared) -> Result:
    entries, offsets, batch = prepared
    if not offsets:
        return await _respond(entries)
    try:
        write = state.offsets.commit(request.body.group_id, offsets, batch=batch)
    except GroupLogError as error:
        return await _respond(entries, error.code)
    if write.is_durable:
        return await _respond(entries)
    return lambda: _respond_when_durable(state, request, entries, write)


async def _respond_when_durable(state: State, request: Request, entries: list[_Entry], write: Write) -> list[bytes]:
    code = ErrorCode.none
    try:
        await state.group_log.wait(write)
    except GroupLogError as error:
        code = error.code
    return [await lay_out(request.api, request.version, request.correlation_id, await _respond(entries, code))]


def _topics(state: State, request: Request) -> dict[_Topic, Topic | None]:
    by_id = request.version >= _TOPIC_IDS_SINCE
    names = (topic.topic_id if by_id else topic.name for topic in request.body.topics)
    return {name: state.topics.get(name) for name in names}


async def _find_all(topics: Mapping[_Topic, Topic | None], request: Request) -> list[_Entry]:
    by_id = request.version >= _TOPIC_IDS_SINCE
    entries: list[_Entry] = []
    seen = 0
    for asked in request.body.topics:
        name = asked.topic_id if by_id else asked.name
        for wanted in asked.partitions:
            entries.append(_find(topics[name], name, wanted))
            seen += 1
            if seen % _AT_ONCE == 0:
                await anyio.lowlevel.checkpoint()
    return entries


def _find(topic: Topic | None, name: _Topic, wanted: Any) -> _Entry:  # noqa: ANN401 - one class a version
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


def _prepare(request: Request, entries: list[_Entry], max_metadata: int, now_ms: int) -> _Prepared:
    """Lay out what is to be written down; it looks at nothing that may change, so any thread may do it."""
    entries = [_check_metadata(entry, max_metadata) for entry in entries]
    offsets = _offsets(request, entries, now_ms=now_ms)
    batch = lay_out_commit(request.body.group_id, offsets, now_ms=now_ms) if offsets else b""
    return _Prepared(entries, offsets, batch)


def _check_metadata(entry: _Entry, limit: int) -> _Entry:
    text = entry.wanted.committed_metadata
    if not text or entry.code or len(text.encode("utf-16-le")) // 2 <= limit:  # as Java counts
        return entry
    return entry._replace(code=ErrorCode.offset_metadata_too_large)


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


async def _respond(entries: list[_Entry], code: ErrorCode = ErrorCode.none) -> dict[str, Any]:
    """Answer each partition with its own error, or else with the one that is everybody's."""
    if len(entries) <= FEW_ELEMENTS:
        return _response(entries, code)
    return await to_thread.run_sync(_response, entries, code)


def _response(entries: list[_Entry], code: ErrorCode) -> dict[str, Any]:
    topics: dict[_Topic, list[dict[str, Any]]] = {}
    for entry in entries:
        result = {"partition_index": entry.wanted.partition_index, "error_code": entry.code or code}
        topics.setdefault(entry.topic, []).append(result)
    return {
        "throttle_time": 0,
        "topics": [{"name": name, "topic_id": name, "partitions": found} for name, found in topics.items()],
    }
