"""Apache Kafka as a contestant: the jars that ``make interop-kafka`` fetches, started as its own scripts start it."""

import shutil
import subprocess
from pathlib import Path
from typing import Final

from benchmarks.processes import BrokerSpec, free_port
from benchmarks.results import MeasurementError

KAFKA: Final = "Apache Kafka"
_JARS: Final = Path(__file__).resolve().parents[2] / ".interop" / "kafka" / "libs"
_CLUSTER_ID: Final = "R29NUSBpbnRlcm9wIHRlc3"
_SERVER_JVM: Final = (
    "-Xms1G",
    "-Xmx1G",
    "-server",
    "-XX:+UseG1GC",
    "-XX:MaxGCPauseMillis=20",
    "-XX:InitiatingHeapOccupancyPercent=35",
    "-XX:+ExplicitGCInvokesConcurrent",
    "-Djava.awt.headless=true",
)
"""What kafka-server-start gives the JVM."""
_FORMAT_TIMEOUT_S: Final = 60


def kafka() -> BrokerSpec | None:
    """Return Kafka, broker and controller in one process, or None where it or Java is not there."""
    if shutil.which("java") is None or not any(_JARS.glob("kafka_*.jar")):
        return None
    return BrokerSpec(
        name=KAFKA, command=java(*_SERVER_JVM, "kafka.Kafka", "{data}.properties"), prepare=_format_storage
    )


def java(*arguments: str) -> tuple[str, ...]:
    """Make the command that runs Java with Kafka's classes."""
    return ("java", "-cp", f"{_JARS}/*", *arguments)


def _format_storage(data: Path, port: int) -> None:
    """Write the settings down and format the data directory; all settings that speed depends on are Kafka's own."""
    properties = data.with_name(f"{data.name}.properties")
    listeners = f"PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{(controller := free_port())}"
    settings = {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.bootstrap.servers": f"127.0.0.1:{controller}",
        "controller.listener.names": "CONTROLLER",
        "listeners": listeners,
        "advertised.listeners": listeners,
        "log.dirs": str(data),
        "offsets.topic.replication.factor": "1",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "group.initial.rebalance.delay.ms": "0",
    }
    properties.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
    command = java(
        "kafka.tools.StorageTool", "format", "--standalone", "--cluster-id", _CLUSTER_ID, "--config", str(properties)
    )
    done = subprocess.run(command, capture_output=True, text=True, timeout=_FORMAT_TIMEOUT_S, check=False)
    if done.returncode != 0:
        raise MeasurementError(f"Kafka's storage cannot be formatted: {done.stderr.strip()[-200:]}")
