"""A real Kafka that is stopped and started again, so that its files can be looked at, and changed, in between."""

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.kafka import (
    CLUSTER_ID,
    JARS,
    READY_SECONDS,
    STOP_SECONDS,
    Kafka,
    free_ports,
    java,
    server_properties,
    wait_until_it_listens,
)

LOGGING_JARS = JARS.with_name("logging")
"""Where ``slf4j-simple`` is, without which Kafka says nothing; it is not beside the others, as it would talk always."""


class KafkaLives:
    """A broker alone in its cluster, formatted and not running.

    Args:
        directory: its data is in ``data`` below.
    """

    def __init__(self, directory: Path) -> None:
        self.data = directory / "data"
        self._directory = directory
        self._properties = directory / "server.properties"
        self._port, controller_port = free_ports(2)
        self._lives = 0
        self._properties.write_text(server_properties(self.data, self._port, controller_port))
        arguments = ("format", "--standalone", "--cluster-id", CLUSTER_ID, "--config", str(self._properties))
        command = java("kafka.tools.StorageTool", *arguments)
        subprocess.run(command, check=True, capture_output=True, timeout=READY_SECONDS)

    @contextmanager
    def life(self, *java_options: str) -> Iterator[Kafka]:
        """Run the broker until the block ends, and let it stop in order."""
        self._lives += 1
        with self._output.open("wb") as output:
            command = java("kafka.Kafka", str(self._properties), heap="512m")
            command[1:1] = java_options
            command[command.index("-cp") + 1] += f":{LOGGING_JARS}/*"
            process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, cwd=self._directory)
            try:
                wait_until_it_listens(process, self._port, self._output)
                yield Kafka(f"127.0.0.1:{self._port}", self.data)
                process.send_signal(signal.SIGTERM)
                process.wait(STOP_SECONDS)
            finally:
                process.kill()
                process.wait(STOP_SECONDS)

    def said(self) -> list[str]:
        """List the lines that it logged in its last life; none where it has no logging library."""
        return [line for line in self._output.read_text(errors="replace").splitlines() if not line.startswith("SLF4J")]

    @property
    def _output(self) -> Path:
        return self._directory / f"life-{self._lives}.out"
