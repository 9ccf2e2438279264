"""What the client's tests share."""

from collections.abc import AsyncIterator

import pytest

from tests.support.fake_broker import FakeCluster, fake_cluster


@pytest.fixture
async def fake() -> AsyncIterator[FakeCluster]:
    """A scriptable broker, node 1, alone in its cluster."""
    async with fake_cluster() as cluster:
        yield cluster


@pytest.fixture
async def pair() -> AsyncIterator[FakeCluster]:
    """Two scriptable brokers, nodes 1 and 2."""
    async with fake_cluster(nodes=2) as cluster:
        yield cluster
