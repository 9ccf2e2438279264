"""JoinGroup, versions 0-9.  v1 rebalance timeout; v4 ids are given first; v5 static members; v6 flexible; v9 skipping.

From version 7 on the protocol's type is told, from version 8 on the reason, which is not kept. From version 9 on a
leader that comes back is told to skip the assignment. The answer comes when all members have joined. One that goes
away meanwhile stays a member until its time is over.
"""

from datetime import timedelta
from functools import partial
from typing import Any, Final, cast
from uuid import uuid4

from kio.schema.errors import ErrorCode

from gomq.broker.context import Request, Result, State
from gomq.broker.groups.checks import MAX_CLIENT_ID, distinct
from gomq.broker.groups.members import JoinAnswer, JoinRequest, Protocol
from gomq.broker.groups.waiting import Waiting
from gomq.broker.large_messages import lay_out
from gomq.net.session import Parts

_TOLD_ITS_ID_SINCE: Final = 4
_CAN_SKIP_SINCE: Final = 9
_NULLABLE_PROTOCOL_SINCE: Final = 7


async def handle(state: State, request: Request) -> Result:
    """Let a member join its group."""
    waiting = Waiting()
    await state.groups.join(request.body.group_id, _request(request, waiting), waiting)
    if waiting.answer is not None:
        return _values(request, cast("JoinAnswer", waiting.answer))
    return partial(_later, state, request, waiting)


async def _later(state: State, request: Request, waiting: Waiting) -> Parts:
    with state.long_polls.wait():
        await waiting.wait()
    stopping = JoinAnswer(error=ErrorCode.not_coordinator, member_id=request.body.member_id)
    values = _values(request, cast("JoinAnswer", waiting.answer or stopping))
    return [await lay_out(request.api, request.version, request.correlation_id, values)]


def _request(request: Request, waiting: Waiting) -> JoinRequest:
    body = request.body
    client_id = request.client_id[:MAX_CLIENT_ID]
    instance_id = getattr(body, "group_instance_id", None)
    return JoinRequest(
        ticket=waiting,
        member_id=body.member_id,
        new_member_id=f"{client_id if instance_id is None else instance_id}-{uuid4()}",
        instance_id=instance_id,
        client_id=client_id,
        client_host=f"/{request.client_host}",  # as Java writes an address
        session_timeout_ms=_ms(body.session_timeout),
        rebalance_timeout_ms=_ms(getattr(body, "rebalance_timeout", body.session_timeout)),
        protocol_type=body.protocol_type,
        protocols=distinct(tuple(Protocol(entry.name, bytes(entry.metadata)) for entry in body.protocols)),
        is_told_its_id=request.version >= _TOLD_ITS_ID_SINCE,
        can_skip_assignment=request.version >= _CAN_SKIP_SINCE,
    )


def _ms(duration: timedelta) -> int:
    return duration // timedelta(milliseconds=1)


def _values(request: Request, answer: JoinAnswer) -> dict[str, Any]:
    no_protocol = None if request.version >= _NULLABLE_PROTOCOL_SINCE else ""
    return {
        "throttle_time": 0,
        "error_code": answer.error,
        "generation_id": answer.generation,
        "protocol_type": answer.protocol_type,
        "protocol_name": answer.protocol or no_protocol,
        "leader": answer.leader,
        "skip_assignment": answer.skip_assignment,
        "member_id": answer.member_id,
        "members": [
            {"member_id": member.member_id, "group_instance_id": member.instance_id, "metadata": member.metadata}
            for member in answer.members
        ],
    }
