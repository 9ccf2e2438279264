"""A cluster as producers, consumers and admins have it, without any of them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio

from gomq.client.cluster.cluster import Cluster
from gomq.client.cluster.settings import ConnectionSettings


@asynccontextmanager
async def reached(address: str, settings: ConnectionSettings | None = None) -> AsyncIterator[Cluster]:
    """Have a cluster whose connections end with the block."""
    async with anyio.create_task_group() as group:
        cluster = Cluster(address, settings or ConnectionSettings(), group, owner="test")
        try:
            yield cluster
        finally:
            cluster.close()
            group.cancel_scope.cancel()


def open_connections(cluster: Cluster) -> int:
    """How many there are."""
    return sum(connection.is_open for connection in cluster._connections.values())
