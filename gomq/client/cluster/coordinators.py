"""Which broker coordinates a group."""

from typing import Any, Final

from gomq.client.cluster.cluster import Cluster, Purpose
from gomq.errors import ConnectionFailedError, ProtocolError, error_for
from gomq.protocol.api import Api

_GROUP: Final = 0
"""The kind of key that a group's name is."""


async def find_coordinator(cluster: Cluster, group_id: str) -> int:
    """Ask who coordinates a group, connect to it, and return its node id.

    Raises:
        BrokerError: there is none now, or this client may not know; ``retriable`` tells.
        ConnectionFailedError: no broker can be reached, or not the coordinator.
        ProtocolError: the answer is about something else.
    """
    values = {"key": group_id, "key_type": _GROUP, "coordinator_keys": (group_id,)}
    response = await cluster.ask(Api.FIND_COORDINATOR, values)
    # before version 4 a request had one key, and its answer was the whole response
    found = [each for each in getattr(response, "coordinators", (response,)) if _key(each) in {None, group_id}]
    if not found:
        raise ProtocolError(f"the answer to FIND_COORDINATOR does not mention group {group_id!r}")
    if code := found[0].error_code:
        why = getattr(found[0], "error_message", None) or code.name.replace("_", " ")
        raise error_for(int(code), f"group {group_id!r} has no coordinator that can be asked: {why}")
    node = int(found[0].node_id)
    await reach(cluster, node)
    return node


async def reach(cluster: Cluster, node: int) -> None:
    """Connect to a node, which the cluster may have got just now."""
    try:
        await cluster.connect(node, Purpose.CONTROL)
    except ConnectionFailedError:
        await cluster.refresh([])
        await cluster.connect(node, Purpose.CONTROL)


def _key(coordinator: Any) -> str | None:  # noqa: ANN401 - one class a version
    return getattr(coordinator, "key", None)
