"""Ctrl-C where something is to be finished first."""

import os
import signal

import anyio

from gomq.cli.interrupts import interruptible


async def test_the_first_signal_asks_to_stop_and_the_second_stops_at_once():
    stopped: list[bool] = []
    async with interruptible(grace=60) as interruption:
        with interruption.scope:
            interruption.stop = lambda: stopped.append(True)
            os.kill(os.getpid(), signal.SIGINT)
            await interruption.asked.wait()
            assert stopped == [True]
            os.kill(os.getpid(), signal.SIGINT)
            await anyio.sleep_forever()
    assert interruption.scope.cancelled_caught
    assert stopped == [True]
    assert interruption.exit_code == 130


async def test_who_does_not_stop_within_the_time_of_grace_is_stopped():
    async with interruptible(grace=0.01) as interruption:
        with interruption.scope:
            interruption.stop = lambda: None
            os.kill(os.getpid(), signal.SIGTERM)
            await anyio.sleep_forever()
    assert interruption.exit_code == 143


async def test_where_nothing_is_to_be_finished_the_first_signal_is_enough():
    async with interruptible(grace=60) as interruption:
        with interruption.scope:
            os.kill(os.getpid(), signal.SIGINT)
            await anyio.sleep_forever()
    assert interruption.exit_code == 130


async def test_without_a_signal_nothing_is_said():
    async with interruptible(grace=60) as interruption:
        with interruption.scope:
            await anyio.lowlevel.checkpoint()
    assert (interruption.exit_code, interruption.asked.is_set()) == (0, False)
