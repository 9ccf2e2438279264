"""DeleteGroups, versions 0-2.  v2 flexible.  A group without members goes, with all that it has committed."""

from kio.schema.errors import ErrorCode

from gomq.broker.context import Request, Result, State
from gomq.broker.groups.group_log import GroupLogError


async def handle(state: State, request: Request) -> Result:
    """Delete groups, each for itself."""
    group_ids = dict.fromkeys(request.body.groups_names)
    results = [{"group_id": group_id, "error_code": await _delete(state, group_id)} for group_id in group_ids]
    return {"throttle_time": 0, "results": results}


async def _delete(state: State, group_id: str) -> ErrorCode:
    if error := state.group_log.refusal(group_id) or state.groups.check_delete(group_id):
        return error
    try:
        await state.offsets.forget_group(group_id)
    except GroupLogError as failure:
        return failure.code
    return ErrorCode.none
