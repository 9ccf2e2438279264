"""DescribeAcls, versions 1-3.  v2 flexible; v3 the user resource.

As Kafka answers where no authorizer is configured (``AclApis``): MirrorMaker 2 then stops asking for ACLs to copy.
"""

from typing import Any, Final

from kio.schema.errors import ErrorCode

from gomq.broker.context import Request, Result, State

NO_ACLS: Final[dict[str, Any]] = {
    "error_code": ErrorCode.security_disabled,
    "error_message": "this broker has no ACLs: whoever reaches it may do everything",
}


async def handle(state: State, request: Request) -> Result:  # noqa: ARG001 - a handler's form
    """Say that there are no ACLs."""
    return {"throttle_time": 0, **NO_ACLS, "resources": ()}
