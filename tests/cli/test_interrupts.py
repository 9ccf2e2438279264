"""Ctrl-C where something is to be finished first."""

import os
import signal
import subprocess
import sys

import anyio
import pytest

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


STARTING = """
import sys

class Interrupting:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            raise KeyboardInterrupt

sys.meta_path.insert(0, Interrupting())
from {program}.__main__ import main
sys.exit(main())
"""


@pytest.mark.parametrize(("program", "module"), [("gomq", "gomq.cli.main"), ("gomq_dump", "gomq_dump.cli")])
def test_ctrl_c_while_a_command_is_imported_ends_it_without_a_traceback(program: str, module: str):
    script = STARTING.format(program=program, module=module)

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=False)

    assert (done.returncode, done.stdout, done.stderr) == (130, b"", b"")
