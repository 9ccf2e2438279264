"""What all tests share: both event loops, and a broker of their own."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

import gomq


@pytest.fixture(
    params=[pytest.param(("asyncio", {"debug": True}), id="asyncio"), pytest.param(("trio", {}), id="trio")]
)
def anyio_backend(request: pytest.FixtureRequest) -> Any:
    """Every asynchronous test runs on both."""
    return request.param


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data directory that is not there yet."""
    return tmp_path / "data"


@pytest.fixture
async def broker(data: Path) -> AsyncIterator[gomq.Broker]:
    """An embedded broker on the test's event loop, with the default settings, on a free port."""
    async with gomq.Broker(data=data, listen="127.0.0.1:0") as running:
        yield running
