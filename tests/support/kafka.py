"""A real Apache Kafka: its dump tool, and a broker of its own, from the jars that `make interop-kafka` fetches."""

import os
import random
import shutil
import socket
import subprocess
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
JARS = REPOSITORY / ".interop" / "kafka" / "libs"
ARCHIVE = JARS.with_name("classes.jsa")
"""Kafka's classes as Java has them once they are loaded; with it a Kafka starts in half of the time."""

ACLS = "org.apache.kafka.tools.AclCommand"
API_VERSIONS = "org.apache.kafka.tools.BrokerApiVersionsCommand"
CLIENT_METRICS = "org.apache.kafka.tools.ClientMetricsCommand"
CLUSTER = "org.apache.kafka.tools.ClusterTool"
CONSOLE_CONSUMER = "org.apache.kafka.tools.consumer.ConsoleConsumer"
CONSOLE_PRODUCER = "org.apache.kafka.tools.ConsoleProducer"
CONFIGS = "kafka.admin.ConfigCommand"
CONSUMER_GROUPS = "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand"
CONSUMER_PERFORMANCE = "org.apache.kafka.tools.ConsumerPerformance"
DELETE_RECORDS = "org.apache.kafka.tools.DeleteRecordsCommand"
END_TO_END_LATENCY = "org.apache.kafka.tools.EndToEndLatency"
FEATURES = "org.apache.kafka.tools.FeatureCommand"
GROUPS = "org.apache.kafka.tools.GroupsCommand"
LEADER_ELECTION = "org.apache.kafka.tools.LeaderElectionCommand"
LOG_DIRS = "org.apache.kafka.tools.LogDirsCommand"
METADATA_QUORUM = "org.apache.kafka.tools.MetadataQuorumCommand"
OFFSETS = "org.apache.kafka.tools.GetOffsetShell"
PRODUCER_PERFORMANCE = "org.apache.kafka.tools.ProducerPerformance"
REASSIGN_PARTITIONS = "org.apache.kafka.tools.reassign.ReassignPartitionsCommand"
SHARE_GROUPS = "org.apache.kafka.tools.consumer.group.ShareGroupCommand"
STREAMS_GROUPS = "org.apache.kafka.tools.streams.StreamsGroupCommand"
STREAMS_RESET = "org.apache.kafka.tools.StreamsResetter"
TOPICS = "org.apache.kafka.tools.TopicCommand"
TRANSACTIONS = "org.apache.kafka.tools.TransactionsCommand"
VERIFIABLE_CONSUMER = "org.apache.kafka.tools.VerifiableConsumer"
VERIFIABLE_PRODUCER = "org.apache.kafka.tools.VerifiableProducer"

READY_SECONDS = 60
STOP_SECONDS = 20
CLUSTER_ID = "R29NUSBpbnRlcm9wIHRlc3"
_JAVA_OPTIONS = (
    *("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xlog:disable"),
    *("-Dfile.encoding=UTF-8", "-Dsun.stdout.encoding=UTF-8"),
)


def require_kafka() -> None:
    """Skip the test where there is no Java, or no Kafka."""
    if shutil.which("java") is None:
        pytest.skip("no java on this machine")
    if not any(JARS.glob("kafka_*.jar")):
        pytest.skip("no Apache Kafka: `make interop-kafka` did not or could not fetch it")


def java(main_class: str, *arguments: str, heap: str = "256m") -> list[str]:
    """Make the command that runs one of Kafka's programs."""
    archive = [f"-XX:SharedArchiveFile={ARCHIVE}"] if ARCHIVE.exists() else []  # that of another Java is not used
    return ["java", f"-Xmx{heap}", *_JAVA_OPTIONS, *archive, "-cp", f"{JARS}/*", main_class, *arguments]


@dataclass(frozen=True, slots=True)
class Ran:
    """How one of Kafka's programs ended."""

    stdout: str
    stderr: str
    """Without the lines of its logging library."""
    code: int


def run_tool(main_class: str, *arguments: str, stdin: str = "", timeout: float = 50) -> Ran:
    """Run one of Kafka's programs to its end; ``CONSUMER_GROUPS`` and the like name them."""
    command = java(main_class, *arguments)
    done = subprocess.run(command, input=stdin, capture_output=True, check=False, timeout=timeout, encoding="utf-8")
    said = [line for line in done.stderr.splitlines(keepends=True) if not line.startswith("SLF4J")]
    return Ran(done.stdout, "".join(said), done.returncode)


@dataclass(frozen=True, slots=True)
class Dump:
    """What Kafka's dump tool printed."""

    exit_code: int
    stdout: bytes
    complaints: list[str]
    """Lines of its stderr, without those of its logging library."""


def dump_log_segments(paths: Iterable[str | Path], *, records: bool = False, decoder: str | None = None) -> Dump:
    """Run Kafka's DumpLogSegments over files; a decoder is an option of its, such as ``--offsets-decoder``."""
    options = [decoder] if decoder is not None else ["--print-data-log"] if records else []
    command = java("org.apache.kafka.tools.DumpLogSegments", "--files", ",".join(map(str, paths)), *options)
    done = subprocess.run(command, capture_output=True, check=False, timeout=60)
    lines = done.stderr.decode().splitlines()
    return Dump(done.returncode, done.stdout, [line for line in lines if not line.startswith("SLF4J")])


@dataclass(frozen=True, slots=True)
class Kafka:
    """A running broker, alone in its cluster."""

    address: str
    data: Path


@contextmanager
def run_kafka(directory: Path) -> Iterator[Kafka]:
    """Run a broker in KRaft mode on free ports until the block ends; its data goes to ``directory``/data."""
    data = directory / "data"
    port, controller_port = free_ports(2)
    properties = directory / "server.properties"
    properties.write_text(server_properties(data, port, controller_port))
    format_storage = java(
        "kafka.tools.StorageTool", "format", "--standalone", "--cluster-id", CLUSTER_ID, "--config", str(properties)
    )
    subprocess.run(format_storage, check=True, capture_output=True, timeout=READY_SECONDS)
    with (directory / "kafka.out").open("wb") as output:
        process = subprocess.Popen(
            java("kafka.Kafka", str(properties), heap="512m"), stdout=output, stderr=subprocess.STDOUT, cwd=directory
        )
        try:
            wait_until_it_listens(process, port, directory / "kafka.out")
            yield Kafka(f"127.0.0.1:{port}", data)
        finally:
            process.kill()
            process.wait(STOP_SECONDS)


def server_properties(data: Path, port: int, controller_port: int) -> str:
    """Write the settings of a broker that is its own controller."""
    settings = {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.bootstrap.servers": f"127.0.0.1:{controller_port}",
        "controller.listener.names": "CONTROLLER",
        "listeners": f"PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}",
        "advertised.listeners": f"PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}",
        "log.dirs": str(data),
        "log.index.size.max.bytes": "65536",
        "log.cleaner.backoff.ms": "100",
        "offsets.topic.replication.factor": "1",
        "offsets.topic.num.partitions": "1",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "transaction.state.log.num.partitions": "1",
        "group.initial.rebalance.delay.ms": "0",
    }
    return "".join(f"{name}={value}\n" for name, value in settings.items())


def free_ports(count: int) -> list[int]:
    """Find ports that nobody uses; Kafka cannot choose them itself.

    They lie below those that systems give to outgoing connections, so that none of these takes one before Kafka does.
    """
    ports: list[int] = []
    for port in random.sample(range(15_000, 30_000), 1000):
        try:
            socket.create_server(("127.0.0.1", port)).close()
        except OSError:
            continue
        ports.append(port)
        if len(ports) == count:
            return ports
    raise RuntimeError("no free ports")


def wait_until_it_listens(process: subprocess.Popen[bytes], port: int, output: Path) -> None:
    """Return once a broker takes connections; raise with what it printed where it does not."""
    deadline = time.monotonic() + READY_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    ended = "ended" if process.poll() is not None else f"does not listen after {READY_SECONDS} s"
    raise RuntimeError(f"Kafka {ended}:{os.linesep}{output.read_text(errors='replace')[-4000:]}")
