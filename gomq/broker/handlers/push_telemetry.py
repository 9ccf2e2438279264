"""PushTelemetry, version 0 (KIP-714), which ApiVersions does not list: see ``telemetry.py``."""

from typing import Any, Final
from uuid import UUID

from kio.schema.errors import ErrorCode

from gomq.broker.context import Request, Result, State
from gomq.broker.telemetry import MAX_BYTES, subscription_id
from gomq_storage.compression import Codec

_RESERVED: Final = frozenset({None, UUID(int=0), UUID(int=1)})


async def handle(state: State, request: Request) -> Result:  # noqa: ARG001 - a handler's form
    """Check a client's metrics, and throw them away."""
    return {"throttle_time": 0, "error_code": _judge(request.body)}


def _judge(body: Any) -> ErrorCode:  # noqa: ANN401 - kio's class
    if body.client_instance_id in _RESERVED:
        return ErrorCode.invalid_request
    if body.subscription_id != subscription_id(body.client_instance_id):
        return ErrorCode.unknown_subscription_id
    if body.compression_type not in set(Codec):
        return ErrorCode.unsupported_compression_type
    return ErrorCode.telemetry_too_large if len(body.metrics) > MAX_BYTES else ErrorCode.none
