"""FindCoordinator, versions 0-6.  v1 key type, error message; v3 flexible; v4 several keys; v6 share groups.

There is one broker, so it coordinates every group. Transactions and share groups are not supported.
"""

from typing import Any, Final

from kio.schema.errors import ErrorCode

from gomq.broker.context import Request, Result, State

_GROUP: Final = 0
_NO_NODE: Final = {"node_id": -1, "host": "", "port": -1}


async def handle(state: State, request: Request) -> Result:
    """Say that this broker is the coordinator."""
    key_type = getattr(request.body, "key_type", _GROUP)
    keys = request.body.coordinator_keys if request.version >= 4 else (request.body.key,)
    coordinators = [_coordinator(state, request, key, key_type) for key in keys]
    return {"throttle_time": 0, "coordinators": coordinators, **(coordinators[0] if coordinators else {})}


def _coordinator(state: State, request: Request, key: str, key_type: int) -> dict[str, Any]:
    if key_type != _GROUP:
        message = "transactions and share groups are not supported"
        return {"key": key, "error_code": ErrorCode.invalid_request, "error_message": message, **_NO_NODE}
    host, port = request.reached_at
    node = {"node_id": state.config.node_id, "host": host, "port": port}
    return {"key": key, "error_code": 0, "error_message": None, **node}
