"""ListGroups, versions 0-5.  v3 flexible; v4 filter by state; v5 filter by type (KIP-848).

All groups are classic ones. Filters do not mind upper and lower case, as in Kafka. As long as groups are still being
read, who asks is told to come again, and none are listed: it could not know that some are missing.
"""

from typing import Final

from kio.schema.errors import ErrorCode

from gomq.broker.context import Request, Result, State

_TYPE: Final = "classic"


async def handle(state: State, request: Request) -> Result:
    """List the groups that there are, or those in some states."""
    states = {name.strip().lower() for name in getattr(request.body, "states_filter", ())}
    types = {name.strip().lower() for name in getattr(request.body, "types_filter", ())}
    is_loading = state.group_log.is_loading
    if is_loading or (types and _TYPE not in types):
        groups = []
    else:
        groups = [group for group in state.groups.groups() if not states or group.state.lower() in states]
    return {
        "throttle_time": 0,
        "error_code": ErrorCode.coordinator_load_in_progress if is_loading else ErrorCode.none,
        "groups": [
            {
                "group_id": group.id,
                "protocol_type": group.protocol_type or "",
                "group_state": str(group.state),
                "group_type": _TYPE,
            }
            for group in groups
        ],
    }
