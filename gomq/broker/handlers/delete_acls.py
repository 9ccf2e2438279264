"""DeleteAcls, versions 1-3.  v2 flexible; v3 the user resource.  There is none: see ``describe_acls.py``."""

from gomq.broker.context import Request, Result, State
from gomq.broker.handlers.describe_acls import NO_ACLS


async def handle(state: State, request: Request) -> Result:  # noqa: ARG001 - a handler's form
    """Refuse each filter."""
    return {"throttle_time": 0, "filter_results": [{**NO_ACLS, "matching_acls": ()} for _ in request.body.filters]}
