"""SyncGroup, versions 0-5.  v3 static members; v4 flexible; v5 protocol type and name, to be checked.

The leader brings the assignment of all members. The answer comes when that is written down and durable.
"""

from functools import partial
from typing import Any, Final, cast

from kio.schema.errors import ErrorCode

from gomq.broker.context import Request, Result, State
from gomq.broker.groups.members import SyncAnswer, SyncRequest
from gomq.broker.groups.waiting import Waiting
from gomq.net.session import Parts
from gomq.protocol.responses import encode_response

_NAMES_PROTOCOL_SINCE: Final = 5


async def handle(state: State, request: Request) -> Result:
    """Give a member its assignment."""
    body = request.body
    if request.version >= _NAMES_PROTOCOL_SINCE and None in {body.protocol_type, body.protocol_name}:
        return _values(SyncAnswer(error=ErrorCode.inconsistent_group_protocol))
    waiting = Waiting()
    state.groups.sync(body.group_id, _request(request, waiting), waiting)
    if waiting.answer is not None:
        return _values(cast("SyncAnswer", waiting.answer))
    return partial(_later, state, request, waiting)


async def _later(state: State, request: Request, waiting: Waiting) -> Parts:
    with state.long_polls.wait():
        await waiting.wait()
    values = _values(cast("SyncAnswer", waiting.answer or SyncAnswer(error=ErrorCode.not_coordinator)))
    return [encode_response(request.api, request.version, request.correlation_id, values)]


def _request(request: Request, waiting: Waiting) -> SyncRequest:
    body = request.body
    return SyncRequest(
        ticket=waiting,
        member_id=body.member_id,
        instance_id=getattr(body, "group_instance_id", None),
        generation=body.generation_id,
        protocol_type=getattr(body, "protocol_type", None),
        protocol=getattr(body, "protocol_name", None),
        assignments={entry.member_id: bytes(entry.assignment) for entry in body.assignments},
    )


def _values(answer: SyncAnswer) -> dict[str, Any]:
    return {
        "throttle_time": 0,
        "error_code": answer.error,
        "protocol_type": answer.protocol_type,
        "protocol_name": answer.protocol,
        "assignment": answer.assignment,
    }
