"""OffsetFetch, versions 1-10.  v2 null means all topics; v5 leader epochs; v7 stable offsets; v8 several groups.

Also: v9 member ids and epochs, which only the newer groups (KIP-848) look at; v10 topic ids. There are no transactions
yet, so an offset is unstable only while it is being written: who asks for stable ones waits for that. Who asks several
times for all that a group has committed is told once: that may be much, and the group's name is short. Kafka:
``OffsetMetadataManager.fetchOffsets``, ``fetchAllOffsets``.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final
from uuid import UUID

from kio.schema.errors import ErrorCode

from gomq.broker.context import Request, Result, State
from gomq.broker.groups.group_log import GroupLogError
from gomq.broker.groups.records import OffsetCommitValue
from gomq_storage.layout import TopicPartition

NOTHING_COMMITTED: Final = -1
_ERROR_CODES_SINCE: Final = 2
"""Before that version only partitions have them."""
_GROUPS_SINCE: Final = 8
_TOPIC_IDS_SINCE: Final = 10


async def handle(state: State, request: Request) -> Result:
    """Say how far groups got."""
    body = request.body
    wanted = _distinct(body.groups) if request.version >= _GROUPS_SINCE else (body,)
    groups = [await _fetch(state, request, group) for group in wanted]
    return {"throttle_time": 0, "groups": groups, **(groups[0] if request.version < _GROUPS_SINCE else {})}


def _distinct(groups: Iterable[Any]) -> Iterable[Any]:
    """Leave out who asks again for all that a group has committed."""
    in_full = {group.group_id: group for group in groups if group.topics is None}
    return [group for group in groups if group.topics is not None or group is in_full[group.group_id]]


async def _fetch(state: State, request: Request, group: Any) -> dict[str, Any]:  # noqa: ANN401 - one class a version
    if code := state.group_log.refusal(group.group_id):
        return _refused(request, group, code)
    try:
        if getattr(request.body, "require_stable", False):
            offsets = await state.offsets.stable(group.group_id)
        else:
            offsets = state.offsets.committed(group.group_id)
    except GroupLogError:  # the one code for that which older consumers go on after, as in Kafka
        return _refused(request, group, ErrorCode.not_coordinator)
    if group.topics is not None:
        topics = [_topic(state, request, topic, offsets) for topic in group.topics]
    else:
        topics = _all_topics(state, request, offsets)
    return {"group_id": group.group_id, "error_code": ErrorCode.none, "topics": topics}


def _refused(request: Request, group: Any, code: ErrorCode) -> dict[str, Any]:  # noqa: ANN401
    if request.version >= _ERROR_CODES_SINCE:
        return {"group_id": group.group_id, "error_code": code, "topics": ()}
    topics = [
        {"name": topic.name, "partitions": [_partition(index, None, code) for index in topic.partition_indexes]}
        for topic in group.topics
    ]
    return {"topics": topics}


def _topic(
    state: State,
    request: Request,
    wanted: Any,  # noqa: ANN401
    offsets: Mapping[TopicPartition, OffsetCommitValue],
) -> dict[str, Any]:
    """What is committed of the partitions of a topic that a request names."""
    if request.version >= _TOPIC_IDS_SINCE:
        topic = state.topics.get(wanted.topic_id)
        code = ErrorCode.none if topic is not None else ErrorCode.unknown_topic_id
        name, topic_id = topic.name if topic is not None else "", wanted.topic_id
    else:
        code, name, topic_id = ErrorCode.none, wanted.name, None
    found = [(index, offsets.get(TopicPartition(name, index))) for index in wanted.partition_indexes]
    partitions = [_partition(index, _of_this_topic(value, topic_id), code) for index, value in found]
    return {"name": name, "topic_id": topic_id, "partitions": partitions}


def _all_topics(
    state: State, request: Request, offsets: Mapping[TopicPartition, OffsetCommitValue]
) -> list[dict[str, Any]]:
    """All that is committed; where topics go by their ids, of those that there are."""
    partitions: dict[str, list[dict[str, Any]]] = {}
    for (name, index), value in offsets.items():
        partitions.setdefault(name, []).append(_partition(index, value, ErrorCode.none))
    if request.version < _TOPIC_IDS_SINCE:
        return [{"name": name, "partitions": found} for name, found in partitions.items()]
    known = [(state.topics.get(name), found) for name, found in partitions.items()]
    return [{"topic_id": topic.id, "partitions": found} for topic, found in known if topic is not None]


def _of_this_topic(value: OffsetCommitValue | None, topic_id: UUID | None) -> OffsetCommitValue | None:
    """Pass over what was committed for an earlier topic of the same name, where that is known."""
    if value is None or None in {value.topic_id, topic_id} or value.topic_id == topic_id:
        return value
    return None


def _partition(index: int, value: OffsetCommitValue | None, code: ErrorCode) -> dict[str, Any]:
    return {
        "partition_index": index,
        "committed_offset": NOTHING_COMMITTED if value is None else value.offset,
        "committed_leader_epoch": -1 if value is None else value.leader_epoch,
        "metadata": "" if value is None else value.metadata,
        "error_code": code,
    }
