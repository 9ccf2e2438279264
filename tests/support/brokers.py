"""Brokers for tests that are not asynchronous: on an event loop in a thread, or as a process of their own."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from anyio.from_thread import start_blocking_portal

import gomq

STOP_SECONDS = 30
GOMQ = (
    sys.executable,
    "-c",
    "import sys; sys.modules['hypothesis'] = None; from gomq.cli.main import main; sys.exit(main())",
)
"""The command ``gomq`` as its users have it: without Hypothesis, which kio imports where it is, and is half a start."""


@contextmanager
def broker_in_thread(data: Path, *, backend: str = "asyncio", **settings: Any) -> Iterator[gomq.Broker]:
    """Run an embedded broker on an event loop in a thread until the block ends."""
    broker = gomq.Broker(data=data, listen="127.0.0.1:0", **settings)
    with start_blocking_portal(backend) as portal, portal.wrap_async_context_manager(broker) as running:
        yield running


class BrokerProcess:
    """A running ``gomq serve``."""

    def __init__(self, process: subprocess.Popen[bytes], address: str) -> None:
        self.process = process
        self.address = address

    def kill(self) -> None:
        """Kill it the hard way, and wait until it is gone."""
        self.process.kill()
        self.process.wait(STOP_SECONDS)

    def terminate(self) -> int:
        """Ask it to stop, wait, and return its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(STOP_SECONDS)


@contextmanager
def broker_process(
    data: Path, *options: str, listen: str = "127.0.0.1:0", command: Sequence[str] = ()
) -> Iterator[BrokerProcess]:
    """Run ``gomq serve`` as a process of its own; killed at the end of the block, where it still runs.

    Args:
        data: its data directory.
        options: more command line options.
        listen: HOST:PORT.
        command: what to put in front, such as a program that sets limits.
    """
    arguments = [*command, *GOMQ, "serve", "--data", str(data), "--listen", listen, *options]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GOMQ_")}
    errors = data.with_name(data.name + ".stderr")
    with errors.open("ab") as stderr:
        process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=stderr, env=environment)
    try:
        assert process.stdout is not None
        line = process.stdout.readline().decode()
        assert line.startswith("BROKERS="), f"gomq serve said {line!r}; {errors.read_text()}"
        yield BrokerProcess(process, line.strip().removeprefix("BROKERS="))
    finally:
        process.kill()
        process.wait(STOP_SECONDS)
        if process.stdout is not None:
            process.stdout.close()
