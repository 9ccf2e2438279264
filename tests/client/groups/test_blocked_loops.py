"""Whoever blocks the event loop keeps signs of life back: that is said, with what to do.

Whether the session is over then is for the coordinator to say.
"""

import logging
import time

import anyio
import pytest

from gomq.protocol.api import Api
from tests.support.fake_broker import Exchange, FakeCluster, stays_silent
from tests.support.fake_group import FakeGroup
from tests.support.joining import joining
from tests.support.waiting import until

SESSION = 1.2


@pytest.fixture(autouse=True)
def group(fake: FakeCluster, monkeypatch: pytest.MonkeyPatch) -> FakeGroup:
    monkeypatch.setattr("gomq.client.groups.alive._LATE_SECONDS", 0.1)
    return FakeGroup(fake)


def block(seconds: float) -> None:
    """Do what no handler should: nothing else has its turn meanwhile."""
    time.sleep(seconds)


async def beat_again(fake: FakeCluster) -> None:
    beats = len(fake.asked(Api.HEARTBEAT))
    await until(lambda: len(fake.asked(Api.HEARTBEAT)) >= beats + 3)


async def test_signs_of_life_that_are_late_are_told_time_and_again(fake: FakeCluster, caplog: pytest.LogCaptureFixture):
    async with joining(fake, heartbeat_interval=0.05, session_timeout=20.0) as member:
        await member.membership.join()
        for expected in (1, 2):
            while len(caplog.records) < expected:  # not told where one was on its way just then
                await beat_again(fake)
                block(0.4)
                await beat_again(fake)
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


async def test_a_member_that_stood_still_for_longer_than_its_session_asks_before_it_gives_anything_up(
    fake: FakeCluster, group: FakeGroup
):
    async with joining(fake, heartbeat_interval=0.05, session_timeout=SESSION) as member:
        await member.membership.join()
        await beat_again(fake)
        block(1.2 * SESSION)
        await beat_again(fake)
        assert member.reader.events == ["assigned"]
        assert member.membership.generation == group.generation == 1


async def test_an_answer_that_came_while_the_member_stood_still_is_in_time(fake: FakeCluster, group: FakeGroup):
    async def answers_meanwhile(exchange: Exchange) -> None:
        await group.answer(exchange)
        block(1.2 * SESSION)

    async with joining(fake, heartbeat_interval=0.05, session_timeout=SESSION) as member:
        await member.membership.join()
        fake.next(Api.HEARTBEAT, answers_meanwhile)
        await beat_again(fake)
        assert member.reader.events == ["assigned"]


async def test_a_member_that_is_out_after_it_stood_still_is_told_so(fake: FakeCluster, group: FakeGroup):
    async with joining(fake, heartbeat_interval=0.05, session_timeout=SESSION) as member:
        await member.membership.join()
        group.fail(Api.HEARTBEAT, 25)
        block(1.2 * SESSION)
        await until(lambda: member.reader.events == ["assigned", "lost", "assigned"])


async def test_where_nobody_answers_after_it_stood_still_the_member_gives_everything_up(fake: FakeCluster):
    async with joining(fake, heartbeat_interval=0.05, session_timeout=SESSION) as member:
        await member.membership.join()
        fake.always(Api.HEARTBEAT, stays_silent)
        block(1.2 * SESSION)
        await until(lambda: member.reader.events[:2] == ["assigned", "lost"])
