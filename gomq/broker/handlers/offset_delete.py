"""OffsetDelete, version 0: forget how far a group got in partitions that it does not read now (KIP-496)."""

from typing import Any

from kio.schema.errors import ErrorCode

from gomq.broker.context import Request, Result, State
from gomq.broker.groups.group_log import GroupLogError
from gomq_storage.layout import TopicPartition


async def handle(state: State, request: Request) -> Result:
    """Forget offsets; the answer comes once that is durable. Kafka: ``OffsetMetadataManager.deleteOffsets``."""
    group_id = request.body.group_id
    if not group_id:
        return _failed(ErrorCode.invalid_group_id)
    if code := state.group_log.refusal(group_id) or state.groups.check_offset_delete(group_id):
        return _failed(code)
    doomed: list[TopicPartition] = []
    topics = [_topic(state, group_id, topic, doomed) for topic in request.body.topics]
    try:
        if (write := state.offsets.delete(group_id, doomed)) is not None:
            await state.group_log.wait(write)
    except GroupLogError as error:
        return _failed(error.code)
    return {"error_code": ErrorCode.none, "throttle_time": 0, "topics": topics}


def _topic(state: State, group_id: str, wanted: Any, doomed: list[TopicPartition]) -> dict[str, Any]:  # noqa: ANN401
    """Say of each partition whether its offset may go, and note those that may."""
    is_subscribed = state.groups.is_subscribed(group_id, wanted.name)
    partitions = []
    for partition in wanted.partitions:
        index, code = partition.partition_index, ErrorCode.none
        if state.topics.partition(wanted.name, index) is None:
            code = ErrorCode.unknown_topic_or_partition
        elif is_subscribed:
            code = ErrorCode.group_subscribed_to_topic
        else:
            doomed.append(TopicPartition(wanted.name, index))
        partitions.append({"partition_index": index, "error_code": code})
    return {"name": wanted.name, "partitions": partitions}


def _failed(code: ErrorCode) -> dict[str, Any]:
    return {"error_code": code, "throttle_time": 0, "topics": ()}
