"""What all tests share: both event loops, and a broker of their own."""

import gc
import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

import gomq

MEMORY: Path = Path("/dev/shm")
MEMORY_BYTES = 4 << 30


def pytest_configure(config: pytest.Config) -> None:
    """Keep the tests' files in memory where there is enough of it: they sync a lot, and a sync costs nothing there.

    What is lost with the power is found out over ``MemoryFiles``; a kill leaves files in memory as it does those on a
    disk. The long tests write too much for that. PYTEST_DEBUG_TEMPROOT names another place.
    """
    has_room = MEMORY.is_dir() and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free >= MEMORY_BYTES
    if has_room and "soak" not in config.option.markexpr.replace("not soak", ""):
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))


def pytest_collection_finish() -> None:
    """Have the garbage collector pass over ten thousand tests: it takes half a second to look at them, each time."""
    gc.collect()
    gc.freeze()


@pytest.fixture(params=[pytest.param(("asyncio", {}), id="asyncio"), pytest.param(("trio", {}), id="trio")])
def anyio_backend(request: pytest.FixtureRequest) -> Any:
    """Every asynchronous test runs on both; with PYTHONASYNCIODEBUG=1 in asyncio's slow and watchful way."""
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
