"""A broker in a thread of its own, for clients that have no event loop."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from anyio.from_thread import start_blocking_portal

import gomq
from tests.client.blocking.broker import eventually


@pytest.fixture
def address(data: Path) -> Iterator[str]:
    """Where a broker listens."""
    broker = gomq.Broker(data=data, listen="127.0.0.1:0")
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(broker):
        yield broker.address


@pytest.fixture
def left_over(address: str) -> Iterator[None]:  # noqa: ARG001 - its threads are there before and after
    """Fail where a test leaves a thread behind."""
    before = set(threading.enumerate())
    yield
    eventually(lambda: not set(threading.enumerate()) - before)  # anyio tells its worker threads to end, and goes on
