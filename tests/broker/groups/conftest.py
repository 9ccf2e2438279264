"""What tests of groups share: a second member's connection, the coordinator, and the hands of its clock."""

from collections.abc import AsyncIterator

import pytest

import gomq
from gomq.broker.groups.coordinator import GroupCoordinator
from gomq.broker.groups.waiting import Clock
from tests.support.wire import Wire, connect


class Hands:
    """Moves the clock that all timers of groups go by."""

    def __init__(self) -> None:
        self.ms = 0

    def forward(self, coordinator: GroupCoordinator, ms: int) -> None:
        """Let time pass, and what is due happen."""
        self.ms += ms
        coordinator.end_timers()


@pytest.fixture
def hands(monkeypatch: pytest.MonkeyPatch) -> Hands:
    """Time stands still until a test moves it."""
    hands = Hands()
    monkeypatch.setattr(Clock, "timer_ms", lambda _: hands.ms)
    return hands


@pytest.fixture
async def other(broker: gomq.Broker) -> AsyncIterator[Wire]:
    """A second connection."""
    async with connect(broker.address) as connection:
        yield connection


@pytest.fixture
def groups(broker: gomq.Broker) -> GroupCoordinator:
    """The coordinator of the embedded broker."""
    assert broker._state is not None
    return broker._state.groups
