"""DeleteTopics, versions 1-6.  v5 error messages; v6 topics by name or by id."""

from typing import Any
from uuid import UUID

from kio.schema.errors import ErrorCode

from gomq.broker.context import Request, Result, State
from gomq_storage.errors import StorageError


async def handle(state: State, request: Request) -> Result:
    """Delete topics with all their messages, each for itself."""
    if request.version >= 6:
        wanted = [(topic.name, topic.topic_id) for topic in request.body.topics]
    else:
        wanted = [(name, None) for name in request.body.topic_names]
    return {"throttle_time": 0, "responses": [await _delete(state, *names) for names in dict.fromkeys(wanted)]}


async def _delete(state: State, name: str | None, topic_id: UUID | None) -> dict[str, Any]:
    if name is not None and topic_id is not None:
        return _result(name, topic_id, ErrorCode.invalid_request, "name and id exclude each other")
    topic = state.topics.get(topic_id if name is None else name)
    if topic is None:
        error_code = ErrorCode.unknown_topic_id if name is None else ErrorCode.unknown_topic_or_partition
        return _result(name, topic_id, error_code, "there is no such topic")
    try:
        await state.topics.delete(topic)
    except (OSError, StorageError) as error:
        return _result(topic.name, topic.id, ErrorCode.kafka_storage_error, str(error))
    return _result(topic.name, topic.id, ErrorCode.none, None)


def _result(name: str | None, topic_id: UUID | None, error_code: int, message: str | None) -> dict[str, Any]:
    return {"name": name, "topic_id": topic_id, "error_code": error_code, "error_message": message}
