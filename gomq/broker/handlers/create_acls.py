"""CreateAcls, versions 1-3.  v2 flexible; v3 the user resource.  None is created: see ``describe_acls.py``."""

from gomq.broker.context import Request, Result, State
from gomq.broker.handlers.describe_acls import NO_ACLS


async def handle(state: State, request: Request) -> Result:  # noqa: ARG001 - a handler's form
    """Refuse each ACL."""
    return {"throttle_time": 0, "results": [NO_ACLS for _ in request.body.creations]}
