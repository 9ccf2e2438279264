"""ListPartitionReassignments, version 0 (KIP-455): none, as there is no other broker to move a replica to."""

from kio.schema.errors import ErrorCode

from gomq.broker.context import Request, Result, State


async def handle(state: State, request: Request) -> Result:  # noqa: ARG001 - a handler's form
    """List no reassignments."""
    return {"throttle_time": 0, "error_code": ErrorCode.none, "error_message": None, "topics": ()}
