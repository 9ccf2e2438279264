"""Answers of a scripted broker, of the tests' own choice."""

from collections.abc import Callable
from typing import Any

from gomq.protocol.api import Api
from tests.support.fake_broker import Exchange, FakeCluster, Fault


def answers_with(make: Callable[[Exchange], dict[str, Any]]) -> Fault:
    """Answers with values of the test's own choice."""

    async def fault(exchange: Exchange) -> None:
        await exchange.stream.send(exchange.frame({"throttle_time": 0, **make(exchange)}))

    return fault


def coordinator_is(node: int, *, error_code: int = 0) -> Fault:
    """Says which node is the coordinator of whatever group is asked about, or why there is none."""

    def make(exchange: Exchange) -> dict[str, Any]:
        keys = getattr(exchange.body, "coordinator_keys", None) or (exchange.body.key,)
        port = exchange.cluster.answers.ports.get(node, 1)
        found = {
            "error_code": error_code,
            "error_message": None,
            "node_id": -1 if error_code else node,
            "host": "" if error_code else "127.0.0.1",
            "port": -1 if error_code else port,
        }
        return {**found, "coordinators": [{"key": key, **found} for key in keys]}

    return answers_with(make)


def group_is(state: str, *, error_code: int = 0, members: int = 0, protocol: str = "range") -> Fault:
    """Describes whatever group is asked about."""

    def make(exchange: Exchange) -> dict[str, Any]:
        member = {
            "member_id": "m", "group_instance_id": None, "client_id": "c", "client_host": "/h",
            "member_metadata": b"", "member_assignment": b"",
        }  # fmt: skip
        group = {
            "error_code": error_code, "error_message": None, "group_state": state, "protocol_type": "consumer",
            "protocol_data": protocol, "members": [member] * members, "authorized_operations": -(2**31),
        }  # fmt: skip
        return {"groups": [{"group_id": name, **group} for name in exchange.body.groups]}

    return answers_with(make)


def nodes_asked(cluster: FakeCluster, api: Api) -> list[int]:
    """Which nodes were asked, in order."""
    return [exchange.node for exchange in cluster.asked(api)]
