"""Kafka Connect on our broker, with its three compacted topics, and MirrorMaker 2 between it and a real Kafka."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic

from tests.interop.clients import ServedBroker
from tests.support.kafka import Kafka, free_ports
from tests.support.kafka_applications import Application, require_applications, run_application
from tests.support.polling import wait_until

CONNECT = "org.apache.kafka.connect.cli.ConnectDistributed"
MIRROR_MAKER = "org.apache.kafka.connect.mirror.MirrorMaker"
SECONDS = 120
LINES = 500
QUIET = {"log_level": 0}
OURS, KAFKAS = "ours", "kafkas"
"""What MirrorMaker 2 calls the two."""

pytestmark = [pytest.mark.soak, pytest.mark.timeout(600)]


@pytest.fixture(autouse=True)
def _applications() -> None:
    require_applications()


class Connect:
    """A worker's REST interface."""

    def __init__(self, url: str) -> None:
        self._url = url

    def is_up(self) -> bool:
        try:
            return isinstance(self.ask("GET", "/connectors"), list)
        except OSError:  # such as HTTPError, while it joins its group
            return False

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        raw = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(self._url + path, raw, headers, method=method)
        with urllib.request.urlopen(request, timeout=SECONDS) as answer:
            return json.loads(answer.read() or b"null")


@contextmanager
def connect_worker(address: str, directory: Path) -> Iterator[tuple[Connect, Application]]:
    """Run a worker, which keeps all that it knows on the broker."""
    (port,) = free_ports(1)
    settings = {
        "bootstrap.servers": address,
        "group.id": "connect-cluster",
        "key.converter": "org.apache.kafka.connect.json.JsonConverter",
        "value.converter": "org.apache.kafka.connect.json.JsonConverter",
        **{f"{kind}.storage.topic": f"connect-{kind}" for kind in ("offset", "config", "status")},
        **{f"{kind}.storage.replication.factor": 1 for kind in ("offset", "config", "status")},
        "offset.flush.interval.ms": 200,
        "session.timeout.ms": 6000,
        "heartbeat.interval.ms": 500,
        "scheduled.rebalance.max.delay.ms": 0,
        "listeners": f"HTTP://127.0.0.1:{port}",
        "plugin.discovery": "service_load",
    }
    with run_application(directory / "connect.out", CONNECT, str(properties(directory, settings))) as application:
        worker = Connect(f"http://127.0.0.1:{port}")
        wait_until(worker.is_up, within=SECONDS)
        yield worker, application


def properties(directory: Path, settings: dict[str, Any]) -> Path:
    path = directory / "settings.properties"
    path.write_text("".join(f"{name} = {value}\n" for name, value in settings.items()))
    return path


def test_connect_copies_a_file_line_by_line_over_a_stop_and_a_kill_of_its_worker(served: ServedBroker, tmp_path: Path):
    source, sink, sent = tmp_path / "source.txt", tmp_path / "sink.txt", 0

    def append_and_wait() -> None:
        nonlocal sent
        with source.open("a") as lines:
            lines.writelines(f"line {number}\n" for number in range(sent, sent + LINES))
        sent += LINES
        wait_until(lambda: sink.exists() and len(sink.read_text().splitlines()) >= sent, within=SECONDS)

    connectors = {
        "source": {
            "connector.class": "FileStreamSource",
            "file": str(source),
            "topic": "connect-lines",
            "topic.creation.default.partitions": 1,
            "topic.creation.default.replication.factor": -1,
        },
        "sink": {"connector.class": "FileStreamSink", "file": str(sink), "topics": "connect-lines"},
    }
    with connect_worker(served.address, tmp_path) as (worker, application):
        for name, config in connectors.items():
            worker.ask("PUT", f"/connectors/{name}/config", config)
        append_and_wait()
        wait_until(lambda: offsets_of(worker) == (source.stat().st_size, sent), within=SECONDS)
        application.terminate()
    with connect_worker(served.address, tmp_path) as (worker, application):
        append_and_wait()
        wait_until(lambda: offsets_of(worker) == (source.stat().st_size, sent), within=SECONDS)
        application.kill()
    with connect_worker(served.address, tmp_path) as (worker, application):
        append_and_wait()
        assert application.errors() == []

    assert sink.read_text() == source.read_text()


def offsets_of(worker: Connect) -> tuple[int, int] | None:
    """How far the source is in its file, and the sink in its topic, as committed."""
    try:
        found = [worker.ask("GET", f"/connectors/{name}/offsets")["offsets"] for name in ("source", "sink")]
    except urllib.error.HTTPError:  # while it rebalances
        return None
    (position,), (offset,) = found if all(found) else ([{"offset": {"position": 0}}], [{"offset": {"kafka_offset": 0}}])
    return position["offset"]["position"], offset["offset"]["kafka_offset"]


def test_mirror_maker_2_carries_topics_and_groups_both_ways(served: ServedBroker, kafka_broker: Kafka, tmp_path: Path):
    addresses = {OURS: served.address, KAFKAS: kafka_broker.address}
    for name, address in addresses.items():
        fill(address, f"mirrored-from-{name}")
    settings = {
        "clusters": f"{OURS}, {KAFKAS}",
        **{f"{name}.bootstrap.servers": address for name, address in addresses.items()},
        **{f"{OURS}->{KAFKAS}.{name}": value for name, value in (("enabled", "true"), ("topics", f".*from-{OURS}"))},
        **{f"{KAFKAS}->{OURS}.{name}": value for name, value in (("enabled", "true"), ("topics", f".*from-{KAFKAS}"))},
        "replication.factor": 1,
        **{f"{kind}.topic.replication.factor": 1 for kind in ("checkpoints", "heartbeats", "offset-syncs")},
        **{f"{kind}.storage.replication.factor": 1 for kind in ("offset", "config", "status")},
        "sync.group.offsets.enabled": "true",
        **{
            f"{what}.interval.seconds": 1
            for what in ("sync.group.offsets", "emit.checkpoints", "refresh.topics", "refresh.groups")
        },
        **{f"sync.topic.{what}.interval.seconds": 1 for what in ("configs", "acls")},
        "offset.lag.max": 0,
    }
    with run_application(tmp_path / "mirror.out", MIRROR_MAKER, str(properties(tmp_path, settings))) as application:
        for source, target in ((KAFKAS, OURS), (OURS, KAFKAS)):
            topic = f"mirrored-from-{source}"
            arrived = Mirrored(addresses[target], topic, f"{source}.{topic}")
            wait_until(arrived.is_complete, within=SECONDS)
            assert arrived.values() == [f"{number}".encode() for number in range(LINES)]
            assert arrived.retention() == "86400000"
        assert application.errors() == []  # later ones are of requests that its end has cut off
        application.terminate()


def fill(address: str, topic: str) -> None:
    """Make a topic, and a group that has consumed all of it."""
    client = {"bootstrap.servers": address, **QUIET}
    admin = AdminClient(client)
    admin.create_topics([NewTopic(topic, 1, 1, config={"retention.ms": "86400000"})])[topic].result(SECONDS)
    producer = Producer({**client, "compression.type": "zstd"})
    for number in range(LINES):
        producer.produce(topic, f"{number}", headers={"trace": b"1"})
    assert producer.flush(SECONDS) == 0
    with Consumer({**client, "group.id": topic}) as consumer:
        consumer.commit(offsets=[TopicPartition(topic, 0, LINES)], asynchronous=False)


class Mirrored:
    """The copy of a topic and of its group."""

    def __init__(self, address: str, group: str, topic: str) -> None:
        self._client = {"bootstrap.servers": address, "group.id": group, **QUIET}
        self._topic = topic

    def is_complete(self) -> bool:
        """Whether the group has been told that it has consumed all of the copy."""
        with Consumer(self._client) as consumer:
            (committed,) = consumer.committed([TopicPartition(self._topic, 0)], timeout=SECONDS)
            return bool(committed.offset == LINES)

    def values(self) -> list[bytes | None]:
        with Consumer({**self._client, "enable.auto.commit": False}) as consumer:
            consumer.assign([TopicPartition(self._topic, 0, 0)])
            values: list[bytes | None] = []
            while len(values) < LINES:
                values += [message.value() for message in consumer.consume(LINES, SECONDS) if not message.error()]
            return values

    def retention(self) -> str:
        """The copy's retention.ms, which MirrorMaker copies too."""
        resource = ConfigResource("topic", self._topic)
        admin = AdminClient({name: value for name, value in self._client.items() if name != "group.id"})
        configs = admin.describe_configs([resource])[resource].result(SECONDS)
        return str(configs["retention.ms"].value)
