"""What runs on Kafka and is not a tool: Streams, Connect and MirrorMaker 2, from the jars that `make soak` fetches."""

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.kafka import JARS, java, require_kafka
from tests.support.kafka_lives import LOGGING_JARS

APPLICATION_JARS = JARS.with_name("applications")
STOP_SECONDS = 60


def require_applications() -> None:
    """Skip the test where there is no Kafka, or no such jars."""
    require_kafka()
    if not any(APPLICATION_JARS.glob("kafka-streams-*.jar")):
        pytest.skip("no Kafka Streams and Connect: `tests/interop/fetch-kafka applications` did not fetch them")


class Application:
    """A running program, and what it said."""

    def __init__(self, process: subprocess.Popen[bytes], output: Path) -> None:
        self._process = process
        self._output = output

    @property
    def is_running(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    def errors(self) -> list[str]:
        """List the errors that it logged."""
        return [line for line in self._output.read_text(errors="replace").splitlines() if " ERROR " in line]

    def kill(self) -> None:
        """Kill it the hard way, and wait until it is gone."""
        self._process.kill()
        self._process.wait(STOP_SECONDS)

    def terminate(self) -> None:
        """Ask it to stop, and wait until it has."""
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(STOP_SECONDS)


@contextmanager
def run_application(output: Path, main_class: str, *arguments: str) -> Iterator[Application]:
    """Run a program, whose output goes to a file, until the block ends; killed there, where it still runs."""
    command = java(main_class, *arguments, heap="512m")
    command[command.index("-cp") + 1] += f":{APPLICATION_JARS}/*:{LOGGING_JARS}/*"
    command[1:1] = ["-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"]
    with output.open("ab") as stdout:
        process = subprocess.Popen(command, stdout=stdout, stderr=subprocess.STDOUT, cwd=output.parent)
    try:
        yield Application(process, output)
    finally:
        process.kill()
        process.wait(STOP_SECONDS)
