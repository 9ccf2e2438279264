"""A broker that stood still itself ends nobody's session: signs of life that came meanwhile are still to be read."""

import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

import gomq
from gomq.broker.groups import coordinator as module
from tests.support.grouping import grouping_broker
from tests.support.membership import heartbeat, stable
from tests.support.waiting import until
from tests.support.wire import connect

SESSION_MS = 600
UNKNOWN_MEMBER_ID = 25


@pytest.fixture(
    params=[
        pytest.param(("asyncio", {}), id="asyncio"),
        pytest.param(("asyncio", {"use_uvloop": True}), id="uvloop"),
        pytest.param(("trio", {}), id="trio"),
    ]
)
def anyio_backend(request: pytest.FixtureRequest) -> object:
    return request.param


@pytest.fixture
async def broker(data: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[gomq.Broker]:
    monkeypatch.setattr(module, "_TICK_MS", 20)
    async with grouping_broker(data) as running:
        yield running


def stand_still(broker: gomq.Broker, seconds: float) -> None:
    """Let nobody have a turn, and timers have the first one, as they have on some loops and after some pauses."""
    time.sleep(seconds)
    assert broker._state is not None
    broker._state.groups.end_timers()


async def test_a_sign_of_life_is_in_time_though_the_broker_stood_still_for_longer_than_a_session(broker: gomq.Broker):
    async with connect(broker.address) as wire:
        (member,) = await stable("group", wire, session_timeout=SESSION_MS)
        stand_still(broker, 1.2 * SESSION_MS / 1000)
        assert await heartbeat(wire, "group", member, 1) == 0


async def test_who_stays_silent_afterwards_is_out(broker: gomq.Broker):
    async with connect(broker.address) as wire:
        (member,) = await stable("group", wire, session_timeout=SESSION_MS)
        stand_still(broker, 1.2 * SESSION_MS / 1000)
        assert broker._state is not None
        group = broker._state.groups.group("group")
        assert group is not None
        assert member in group.roster
        await until(lambda: member not in group.roster)
        assert await heartbeat(wire, "group", member, 1) == UNKNOWN_MEMBER_ID
