"""GetTelemetrySubscriptions, version 0 (KIP-714), which ApiVersions does not list: see ``telemetry.py``."""

import uuid

from kio.schema.errors import ErrorCode

from gomq.broker.context import Request, Result, State
from gomq.broker.telemetry import ACCEPTED_CODECS, MAX_BYTES, PUSH_INTERVAL_MS, subscription_id


async def handle(state: State, request: Request) -> Result:  # noqa: ARG001 - a handler's form
    """Say that no metrics are wanted."""
    client_instance_id = request.body.client_instance_id or uuid.uuid4()
    return {
        "throttle_time": 0,
        "error_code": ErrorCode.none,
        "client_instance_id": client_instance_id,
        "subscription_id": subscription_id(client_instance_id),
        "accepted_compression_types": ACCEPTED_CODECS,
        "push_interval": PUSH_INTERVAL_MS,
        "telemetry_max_bytes": MAX_BYTES,
        "delta_temporality": True,
        "requested_metrics": (),
    }
