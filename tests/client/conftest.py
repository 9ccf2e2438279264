"""What the client's tests share."""

from collections.abc import AsyncIterator
from inspect import iscoroutinefunction
from typing import Any

import pytest

from tests.support.crashes import failing_with_its_fakes
from tests.support.fake_broker import FakeCluster, fake_cluster


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> None:
    """Have a fake that crashes fail the test that uses it."""
    if iscoroutinefunction(pyfuncitem.obj) and not hasattr(pyfuncitem.obj, "hypothesis"):
        pyfuncitem.obj = failing_with_its_fakes(pyfuncitem.obj)


@pytest.fixture(
    params=[
        pytest.param(("asyncio", {}), id="asyncio"),
        pytest.param(("asyncio", {"use_uvloop": True}), id="uvloop"),
        pytest.param(("trio", {}), id="trio"),
    ]
)
def anyio_backend(request: pytest.FixtureRequest) -> Any:
    """Every asynchronous test of the client runs on asyncio's two loops and on trio."""
    return request.param


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
