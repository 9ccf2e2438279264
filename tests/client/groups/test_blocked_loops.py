"""Whoever blocks the event loop keeps signs of life back: that is said, each time, with what to do."""

import logging
import time

import anyio
import pytest

from gomq.protocol.api import Api
from tests.support.fake_broker import FakeCluster
from tests.support.fake_group import FakeGroup
from tests.support.joining import joining
from tests.support.waiting import until


@pytest.fixture(autouse=True)
def group(fake: FakeCluster, monkeypatch: pytest.MonkeyPatch) -> FakeGroup:
    monkeypatch.setattr("gomq.client.groups.alive._LATE_SECONDS", 0.1)
    return FakeGroup(fake)


def block(seconds: float) -> None:
    """Do what no handler should: nothing else has its turn meanwhile."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass


async def test_each_time_that_a_sign_of_life_is_late_is_told(fake: FakeCluster, caplog: pytest.LogCaptureFixture):
    async with joining(fake, heartbeat_interval=0.05, session_timeout=20.0) as member:
        await member.membership.join()
        for _ in range(2):
            beats = len(fake.asked(Api.HEARTBEAT))
            await until(lambda beats=beats: len(fake.asked(Api.HEARTBEAT)) > beats)  # type: ignore[misc]
            told_before = len(caplog.records)
            block(0.4)
            await until(lambda told=told_before: len(caplog.records) > told)  # type: ignore[misc]
    told = caplog.records[0]
    assert (told.name, told.levelno) == ("gomq.client", logging.WARNING)
    assert "group 'group': a sign of life is 0." in told.getMessage()
    assert "anyio.to_thread.run_sync" in told.getMessage()


async def test_what_takes_its_time_without_blocking_is_no_news(
    fake: FakeCluster, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    late_seconds = 1.0  # a busy machine may let nobody have a turn for some tenths
    monkeypatch.setattr("gomq.client.groups.alive._LATE_SECONDS", late_seconds)
    async with joining(fake, heartbeat_interval=0.05, session_timeout=20.0) as member:
        await member.membership.join()
        await anyio.to_thread.run_sync(time.sleep, late_seconds + 0.2)
    assert not caplog.records
