"""ListConfigResources, versions 0-1 (KIP-1142).  v0 is KIP-714's list of subscriptions to clients' metrics: none here.

v1 lists what DescribeConfigs can be asked about: topics and the broker. Loggers and groups have no configs here, and
their types are known all the same. An empty list of types asks for all.
"""

from collections.abc import Iterable
from typing import Any

from kio.schema.errors import ErrorCode

from gomq.broker.context import Request, Result, State
from gomq.protocol.configs import ResourceType


async def handle(state: State, request: Request) -> Result:
    """List what has configs."""
    wanted = set(getattr(request.body, "resource_types", (ResourceType.CLIENT_METRICS,)) or ResourceType)
    if not wanted <= set(ResourceType):
        return {"throttle_time": 0, "error_code": ErrorCode.unsupported_version, "config_resources": ()}
    names: dict[ResourceType, Iterable[str]] = {
        ResourceType.BROKER: (str(state.config.node_id),),
        ResourceType.TOPIC: (topic.name for topic in state.topics),
    }
    resources: list[dict[str, Any]] = [
        {"resource_name": name, "resource_type": kind}
        for kind, found in names.items()
        if kind in wanted
        for name in found
    ]
    return {"throttle_time": 0, "error_code": ErrorCode.none, "config_resources": resources}
