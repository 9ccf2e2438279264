"""LeaveGroup, versions 0-5.  v3 several members, static ones by their name; v4 flexible; v5 reason."""

from typing import Any, Final

from gomq.broker.context import Request, Result, State
from gomq.broker.groups.members import Identity

_BATCH_SINCE: Final = 3


async def handle(state: State, request: Request) -> Result:
    """Let members leave their group, each for itself."""
    body = request.body
    if request.version >= _BATCH_SINCE:
        identities = [Identity(member.member_id, member.group_instance_id) for member in body.members]
    else:
        identities = [Identity(body.member_id)]
    error, left = await state.groups.leave(body.group_id, identities)
    if request.version < _BATCH_SINCE and left:
        error = error or left[0].error
    members: list[dict[str, Any]] = [
        {"member_id": identity.member_id, "group_instance_id": identity.instance_id, "error_code": each}
        for identity, each in left
    ]
    return {"throttle_time": 0, "error_code": error, "members": members}
