"""DeleteTopics, versions 1-6.  v5 error messages; v6 topics by name or by id.

A topic that a request names twice, however it does, is not deleted. Kafka: ``ControllerApis.deleteTopics``.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, NamedTuple
from uuid import UUID

from kio.schema.errors import ErrorCode

from gomq.broker.catalogue import Topic, check_not_internal
from gomq.broker.context import Request, Result, State
from gomq.broker.refusals import REFUSALS, patience, refusal, shown


class _Wanted(NamedTuple):
    name: str | None
    id: UUID | None


async def handle(state: State, request: Request) -> Result:
    """Delete topics with all their messages, each for itself."""
    body = request.body
    if request.version >= 6:
        wanted = [_Wanted(topic.name, topic.topic_id) for topic in body.topics]
    else:
        wanted = [_Wanted(name, None) for name in body.topic_names]
    found, responses = _find(state, wanted)
    for topic in found:
        responses.append(await _delete(state, topic, body.timeout))
    return {"throttle_time": 0, "responses": responses}


def _find(state: State, wanted: Sequence[_Wanted]) -> tuple[list[Topic], list[dict[str, Any]]]:
    """Find the topics that are to be deleted, and say why others are not."""
    found: dict[UUID, _Wanted] = {}
    responses = []
    counts = Counter(wanted)
    for each, times in sorted(counts.items(), key=lambda item: item[0].name is not None):  # ids come first
        topic = state.topics.get(each.id if each.name is None else each.name)
        if (problem := _problem(each, times)) is not None:
            responses.append(_result(each, ErrorCode.invalid_request, problem))
        elif topic is None:
            code = ErrorCode.unknown_topic_id if each.name is None else ErrorCode.unknown_topic_or_partition
            responses.append(_result(each, code, "there is no such topic"))
        elif each.name is not None and _Wanted(None, topic.id) in counts:
            found.pop(topic.id, None)
            problem = "the request names the topic by its name and by its id"
            responses.append(_result(_Wanted(topic.name, topic.id), ErrorCode.invalid_request, problem))
        else:
            found[topic.id] = each
    topics = (state.topics.get(topic_id) for topic_id in found)
    return [topic for topic in topics if topic is not None], responses


def _problem(wanted: _Wanted, times: int) -> str | None:
    if wanted.name is None and wanted.id is None:
        return "neither a name nor an id"
    if wanted.name is not None and wanted.id is not None:
        return "name and id exclude each other"
    return "the request names the topic more than once" if times > 1 else None


async def _delete(state: State, topic: Topic, timeout: timedelta) -> dict[str, Any]:  # noqa: ASYNC109 - the client's
    names = _Wanted(topic.name, topic.id)
    try:
        check_not_internal(topic.name)
        with patience(timeout):
            await state.topics.delete(topic)
        result = _result(names, ErrorCode.none, None)
    except REFUSALS as error:
        result = _result(names, *refusal(error))
    if state.topics.get(topic.id) is None:
        await state.offsets.forget_topic(topic.name)
    return result


def _result(names: _Wanted, error_code: int, message: str | None) -> dict[str, Any]:
    return {
        "name": names.name,
        "topic_id": names.id,
        "error_code": error_code,
        "error_message": message and shown(message),
    }
