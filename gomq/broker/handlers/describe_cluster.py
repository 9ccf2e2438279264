"""DescribeCluster, versions 0-2.  v1 endpoint types (KIP-919); v2 fenced brokers, of which there are none.

Kafka: ``AuthHelper.computeDescribeClusterResponse``. The one broker is its own controller; there is no endpoint for
talking to controllers (type 2).
"""

from typing import Any, Final

from kio.schema.errors import ErrorCode

from gomq.broker.context import Request, Result, State
from gomq.broker.operations import NOT_ASKED, ON_CLUSTER

_BROKERS: Final = 1
_CONTROLLERS: Final = 2


async def handle(state: State, request: Request) -> Result:
    """Describe the cluster of one broker."""
    endpoint_type = getattr(request.body, "endpoint_type", _BROKERS)
    if endpoint_type == _CONTROLLERS:
        return _refused(ErrorCode.mismatched_endpoint_type, "this is a broker's endpoint, not a controller's")
    if endpoint_type != _BROKERS:
        return _refused(ErrorCode.unsupported_endpoint_type, f"there is no endpoint of type {endpoint_type}")
    node_id = state.config.node_id
    host, port = request.reached_at
    return _answer(
        cluster_id=state.cluster_id,
        controller_id=node_id,
        brokers=({"broker_id": node_id, "host": host, "port": port, "rack": None, "is_fenced": False},),
        cluster_authorized_operations=ON_CLUSTER if request.body.include_cluster_authorized_operations else NOT_ASKED,
    )


def _refused(code: ErrorCode, message: str) -> Result:
    return _answer(error_code=code, error_message=message)


def _answer(**known: Any) -> Result:  # noqa: ANN401 - fields of the answer
    return {
        "throttle_time": 0,
        "error_code": ErrorCode.none,
        "error_message": None,
        "endpoint_type": _BROKERS,
        "cluster_id": "",
        "controller_id": -1,
        "brokers": (),
        "cluster_authorized_operations": NOT_ASKED,
        **known,
    }
