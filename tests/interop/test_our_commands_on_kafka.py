"""`gomq group`, `cluster`, `config` and `bench` against a real Kafka, beside Kafka's own tools."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer

import gomq.blocking
from gomq.cli.main import main
from tests.support.kafka import CONSUMER_GROUPS, Kafka
from tests.support.kafka_tools import run_in_one_jvm
from tests.support.polling import wait_until

pytestmark = pytest.mark.timeout(120)

TARGETS = (
    ("--to-earliest",),
    ("--to-latest",),
    ("--to-offset", "7"),
    ("--to-current",),
    ("--shift-by", "-2"),
    ("--to-datetime", "2026-01-01T03:30:00.000Z"),
)


def ours(capfd: pytest.CaptureFixture[str], kafka: Kafka, *arguments: str) -> str:
    capfd.readouterr()
    assert main([*arguments, "-b", kafka.address]) == 0, capfd.readouterr()
    return capfd.readouterr().out


def theirs(kafka: Kafka, *arguments: str) -> str:
    return run_in_one_jvm(CONSUMER_GROUPS, "--bootstrap-server", kafka.address, *arguments).stdout


def rows(text: str, group: str) -> list[list[str]]:
    return sorted(line.split() for line in text.splitlines() if line.startswith(f"{group} "))


def plan(text: str) -> list[str]:
    return sorted(line.replace('"', "") for line in text.splitlines() if line.strip())


@pytest.fixture
def group(kafka_broker: Kafka, topic: str) -> str:
    """A group at 5 and 2 of a topic with 10 messages, an hour apart and two of them deleted, and 4."""
    with gomq.blocking.Admin(kafka_broker.address) as admin, gomq.blocking.Producer(kafka_broker.address) as producer:
        admin.create_topic(topic, partitions=2)
        for hour in range(10):
            producer.publish(topic, b"x", partition=0, timestamp=1_767_225_600_000 + hour * 3_600_000)
        producer.publish_many(topic, [b"x"] * 4, partition=1)
        admin.delete_records(topic, {0: 2})
        wanted = {gomq.TopicPartition(topic, 0): 5, gomq.TopicPartition(topic, 1): 2}
        admin.reset_offsets(admin.plan_reset(topic, to=wanted))
    return topic


def test_groups_are_described_and_reset_as_kafka_consumer_groups_does(
    kafka_broker: Kafka, group: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
):
    mine = ours(capfd, kafka_broker, "group", "describe", group)
    assert rows(mine, group) == rows(theirs(kafka_broker, "--describe", "--group", group), group)
    assert [row[:6] for row in rows(mine, group)] == [
        [group, group, "0", "5", "10", "5"],
        [group, group, "1", "2", "4", "2"],
    ]
    reset = ("--reset-offsets", "--group", group, "--export", "--dry-run")
    for target in TARGETS:
        exported = ours(capfd, kafka_broker, "group", "reset-offsets", group, group, *target, "--export")
        assert plan(exported) == plan(theirs(kafka_broker, *reset, "--topic", group, *target)), target

    file = tmp_path / "plan.csv"
    file.write_text(ours(capfd, kafka_broker, "group", "reset-offsets", group, "--to-offset", "3", "--export"))
    assert plan(theirs(kafka_broker, *reset, "--from-file", str(file))) == plan(file.read_text())
    file.write_text(theirs(kafka_broker, *reset, "--topic", group, "--to-latest"))
    ours(capfd, kafka_broker, "group", "reset-offsets", group, "--from-file", str(file), "--execute")
    assert json.loads(ours(capfd, kafka_broker, "group", "describe", group, "--format", "json"))["lag"] == 0


def test_a_member_is_described_as_kafka_consumer_groups_does(
    kafka_broker: Kafka, group: str, capfd: pytest.CaptureFixture[str]
):
    with gomq.blocking.Consumer(kafka_broker.address, group, group=group, auto_commit=False):
        for option in ((), ("--members",)):
            mine = rows(ours(capfd, kafka_broker, "group", "describe", group, *option), group)
            told = rows(theirs(kafka_broker, "--describe", "--group", group, *option), group)
            if option:  # theirs has no column for names of static members where there are none, nor what they read
                mine = [[*row[:2], *row[3:6]] for row in mine]
            assert mine == told
        listed = ours(capfd, kafka_broker, "group", "list", "-l", "--state", "Stable", "-r", group)
        assert [row[:4] for row in rows(listed, group)] == [[group, "classic", "Stable", "consumer"]]


@contextmanager
def member_of_the_newer_protocol(kafka: Kafka, group: str) -> Iterator[None]:
    """A consumer of KIP-848 that commits nothing, for as long as the block takes.

    It is alone: a second one would wait for the next heartbeat of the first, which is five seconds.
    """
    settings = {"bootstrap.servers": kafka.address, "group.id": group, "group.protocol": "consumer"}
    consumer = Consumer({**settings, "client.id": "newer", "enable.auto.commit": False})
    try:
        consumer.subscribe([group])
        wait_until(lambda: consumer.poll(0.05) is not None or len(consumer.assignment()) == 2, within=30)
        yield
    finally:
        consumer.close()


def test_a_member_of_the_newer_protocol_is_described_as_kafka_consumer_groups_does(
    kafka_broker: Kafka, group: str, capfd: pytest.CaptureFixture[str]
):
    def described() -> dict[str, Any]:
        fields: dict[str, Any] = json.loads(ours(capfd, kafka_broker, "group", "describe", group, "--format", "json"))
        return fields

    def of_both(*option: str) -> tuple[list[list[str]], list[list[str]]]:
        mine = rows(ours(capfd, kafka_broker, "group", "describe", group, *option), group)
        return mine, rows(theirs(kafka_broker, "--describe", "--group", group, *option), group)

    with member_of_the_newer_protocol(kafka_broker, group):
        wait_until(lambda: described()["state"] == "Stable")
        mine, told = of_both()
        assert mine == told
        assert [row[8] for row in mine] == ["newer", "newer"]
        mine, told = of_both("--members")
        assert [[*row[:2], *row[3:6]] for row in mine] == told
        assert [row[5:] for row in mine] == [["2", f"{group}(0,1)"]]
        mine, told = of_both("--state")
        assert [row[2:5] for row in mine] == [row[3:6] for row in told] == [["uniform", "Stable", "1"]]

        fields = described()
        assert (fields["type"], fields["protocol_type"], fields["lag"]) == ("consumer", "consumer", 7)
        assert [each["topics"] for each in fields["members"]] == [[group]]
        assert ours(capfd, kafka_broker, "group", "lag", group).split()[-1] == "7"
        ours(capfd, kafka_broker, "group", "remove-member", group, "--all")  # which it takes no note of so soon

    mine, told = of_both()
    assert mine == told
    assert (described()["state"], described()["members"]) == ("Empty", [])


def test_a_kafka_is_described_changed_and_measured(kafka_broker: Kafka, capfd: pytest.CaptureFixture[str]):
    found = json.loads(ours(capfd, kafka_broker, "cluster", "info", "--apis", "--format", "json"))
    (broker,) = found["brokers"]
    assert f"{broker['host']}:{broker['port']}" == kafka_broker.address
    assert kafka_broker.address in broker["listeners"]
    assert [each["path"] for each in found["log_dirs"]] == [str(kafka_broker.data)]
    assert {"produce", "fetch", "share_fetch"} <= {each["name"] for each in found["apis"]}

    def cleaner_threads() -> tuple[str, str]:
        entry = json.loads(ours(capfd, kafka_broker, "config", "get", "log.cleaner.threads", "--format", "json"))
        return entry["value"], entry["source"]

    ours(capfd, kafka_broker, "config", "set", "log.cleaner.threads=2")
    wait_until(lambda: cleaner_threads() == ("2", "dynamic_broker"))  # a Kafka hears of it from its controller
    ours(capfd, kafka_broker, "config", "unset", "log.cleaner.threads")
    wait_until(lambda: cleaner_threads() == ("1", "default"))

    measured = json.loads(ours(capfd, kafka_broker, "bench", "latency", "--count", "20", "--format", "json"))
    assert measured["messages"] == 20
