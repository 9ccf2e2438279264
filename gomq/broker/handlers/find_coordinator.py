"""FindCoordinator, versions 0-6.  v1 key type, error message; v3 flexible; v4 several keys; v6 share groups.

There is one broker, so it coordinates every group, but for those of a partition of ``__consumer_offsets`` that cannot
be read. The topic is made where it is not there yet; Kafka tells the client to come again then, which would cost it
its retry backoff. Transactions and share groups are not supported.
"""

from typing import Any, Final

from kio.schema.errors import ErrorCode

from gomq.broker.context import Request, Result, State
from gomq.broker.groups.group_log import GroupLogError

_GROUP: Final = 0
_SEVERAL_KEYS_SINCE: Final = 4
_NO_NODE: Final = {"node_id": -1, "host": "", "port": -1}


async def handle(state: State, request: Request) -> Result:
    """Say that this broker is the coordinator."""
    body = request.body
    keys = body.coordinator_keys if request.version >= _SEVERAL_KEYS_SINCE else (body.key,)
    if getattr(body, "key_type", _GROUP) != _GROUP:
        message = "transactions and share groups are not supported"
        coordinators = [_refused(key, ErrorCode.invalid_request, message) for key in keys]
    else:
        coordinators = await _coordinators(state, request, keys)
    return {"throttle_time": 0, "coordinators": coordinators, **(coordinators[0] if coordinators else {})}


async def _coordinators(state: State, request: Request, group_ids: tuple[str, ...]) -> list[dict[str, Any]]:
    try:
        await state.group_log.ready()
    except GroupLogError as error:
        return [_refused(group_id, error.code, str(error)) for group_id in group_ids]
    host, port = request.reached_at
    node = {"error_code": ErrorCode.none, "error_message": None, "node_id": state.config.node_id}
    return [
        _refused(group_id, ErrorCode.coordinator_not_available, "what groups have committed cannot be read")
        if state.group_log.refusal(group_id) is ErrorCode.not_coordinator
        else {"key": group_id, "host": host, "port": port, **node}
        for group_id in group_ids
    ]


def _refused(key: str, code: ErrorCode, message: str) -> dict[str, Any]:
    return {"key": key, "error_code": code, "error_message": message, **_NO_NODE}
