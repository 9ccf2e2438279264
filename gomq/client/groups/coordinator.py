"""The broker that coordinates a group: finding it, and asking it."""

from typing import Any

import anyio

from gomq.client.cluster.cluster import Cluster, Purpose
from gomq.client.cluster.coordinators import find_coordinator
from gomq.errors import UnsupportedVersionError, error_for
from gomq.protocol.api import Api


class GroupCoordinator:
    """Knows, once it has been found, which broker it is.

    Args:
        cluster: the brokers.
        group_id: the group's name.
    """

    def __init__(self, cluster: Cluster, group_id: str) -> None:
        self._cluster = cluster
        self._group_id = group_id
        self._node: int | None = None
        self._finding = anyio.Lock()

    def use(self, cluster: Cluster) -> None:
        """Ask over other connections from now on."""
        self._cluster = cluster
        self._node = None

    def forget(self) -> None:
        """Have it looked up again before the next request."""
        self._node = None

    async def find(self) -> None:
        """Find it and connect to it, unless that was done already.

        Raises:
            BrokerError: there is none now, or this client may not know; ``retriable`` tells.
            ConnectionFailedError: no broker can be reached, or not the coordinator.
        """
        async with self._finding:
            if self._node is None:
                self._node = await find_coordinator(self._cluster, self._group_id)

    async def ask(
        self,
        api: Api,
        values: dict[str, Any],
        *,
        purpose: Purpose = Purpose.CONTROL,
        timeout: float | None = None,  # noqa: ASYNC109 - the connection's, that is given up then
        since: int = 0,
    ) -> Any:  # noqa: ANN401 - one class an API and version
        """Ask the coordinator, which is found first where it is not known.

        Args:
            api: what to ask.
            values: the request's fields; the group's name is put in.
            purpose: which connection to use.
            timeout: seconds for the answer; None for the connection's own.
            since: the version that has what is asked for.

        Raises:
            UnsupportedVersionError: the broker does not know that.
        """
        await self.find()
        node = self._node
        if node is None:  # it was forgotten in the meantime
            raise error_for(15, f"the coordinator of group {self._group_id!r} was lost")
        connection = await self._cluster.connect(node, purpose)
        if connection.version_of(api) < since:
            raise UnsupportedVersionError(
                f"{connection.address} serves {api.name} up to version {connection.version_of(api)}, and {since} is "
                f"needed: it may be too old for instance_id"
            )
        return await connection.ask(api, {"group_id": self._group_id, **values}, timeout=timeout)
