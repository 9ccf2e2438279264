"""Heartbeat, versions 0-4.  v3 static members; v4 flexible."""

from gomq.broker.context import Request, Result, State


async def handle(state: State, request: Request) -> Result:
    """Take a member's sign of life, and tell it whether it has to join again."""
    body = request.body
    error = state.groups.heartbeat(
        body.group_id,
        member_id=body.member_id,
        instance_id=getattr(body, "group_instance_id", None),
        generation=body.generation_id,
    )
    return {"throttle_time": 0, "error_code": error}
