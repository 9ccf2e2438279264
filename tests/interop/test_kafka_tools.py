"""Apache Kafka's command line tools for administrators and testers, against our broker."""

import json

import pytest

from tests.interop.clients import ServedBroker
from tests.support.kafka import (
    CONSOLE_CONSUMER,
    CONSUMER_GROUPS,
    PRODUCER_PERFORMANCE,
    TOPICS,
    VERIFIABLE_CONSUMER,
    VERIFIABLE_PRODUCER,
    Ran,
    require_kafka,
    run_tool,
)
from tests.support.kafka_tools import run_in_one_jvm

MESSAGES = 200


@pytest.fixture(autouse=True)
def _kafka() -> None:
    require_kafka()


def run(program: str, address: str, *arguments: str) -> Ran:
    """Run one of Kafka's programs, which must end well."""
    run_it = run_tool if program in {VERIFIABLE_CONSUMER, VERIFIABLE_PRODUCER} else run_in_one_jvm
    done = run_it(program, "--bootstrap-server", address, *arguments)
    assert done.code == 0, done.stdout + done.stderr
    return done


def table(text: str) -> list[dict[str, str]]:
    """Read what kafka-consumer-groups prints: columns under a line of headings."""
    lines = [line.split() for line in text.splitlines() if line.strip()]
    start = next(number for number, words in enumerate(lines) if words[0] == "GROUP")
    return [dict(zip(lines[start], words, strict=False)) for words in lines[start + 1 :]]


@pytest.mark.timeout(120)
def test_a_verifiable_consumer_commits_all_that_a_verifiable_producer_had_acknowledged(
    served: ServedBroker, topic: str
):
    run(TOPICS, served.address, "--create", "--topic", topic, "--partitions", "3")

    produced = run(
        VERIFIABLE_PRODUCER, served.address, "--topic", topic, "--max-messages", str(MESSAGES), "--acks", "-1"
    )
    events = [json.loads(line) for line in produced.stdout.splitlines()]
    acknowledged = [event["value"] for event in events if event["name"] == "producer_send_success"]
    assert sorted(map(int, acknowledged)) == list(range(MESSAGES))

    consumed = run(
        VERIFIABLE_CONSUMER,
        served.address,
        *("--topic", topic, "--group-id", topic, "--max-messages", str(MESSAGES), "--reset-policy", "earliest"),
    )
    events = [json.loads(line) for line in consumed.stdout.splitlines()]
    names = [event["name"] for event in events]
    assert names.index("partitions_assigned") < names.index("records_consumed") < names.index("offsets_committed")
    assert sum(event["count"] for event in events if event["name"] == "records_consumed") == MESSAGES
    assert all(event["success"] for event in events if event["name"] == "offsets_committed")

    described = table(run(CONSUMER_GROUPS, served.address, "--describe", "--group", topic).stdout)
    assert sum(int(row["CURRENT-OFFSET"]) for row in described) == MESSAGES
    assert {row["LAG"] for row in described} == {"0"}


@pytest.mark.timeout(180)
def test_kafka_consumer_groups_lists_resets_and_deletes(served: ServedBroker, topic: str):
    run(PRODUCER_PERFORMANCE, served.address, *_perf_test(topic))
    consume = ("--topic", topic, "--group", topic, "--from-beginning", "--max-messages", str(MESSAGES))
    run(CONSOLE_CONSUMER, served.address, *consume)
    group = ("--group", topic)

    listed = run(CONSUMER_GROUPS, served.address, "--list", "--state").stdout
    assert [line.split()[-1] for line in listed.splitlines() if line.split()[0] == topic] == ["Empty"]
    state = table(run(CONSUMER_GROUPS, served.address, "--describe", "--state", *group).stdout)
    assert [(row["STATE"], row["#MEMBERS"]) for row in state if row["GROUP"] == topic] != []

    reset = ("--reset-offsets", "--topic", topic, "--to-offset", "50")
    planned = table(run(CONSUMER_GROUPS, served.address, *group, *reset, "--dry-run").stdout)
    assert [row["NEW-OFFSET"] for row in planned] == ["50"]
    (still,) = table(run(CONSUMER_GROUPS, served.address, "--describe", *group).stdout)
    assert (still["CURRENT-OFFSET"], still["LAG"]) == (str(MESSAGES), "0")
    run(CONSUMER_GROUPS, served.address, *group, *reset, "--execute")
    (moved,) = table(run(CONSUMER_GROUPS, served.address, "--describe", *group).stdout)
    assert (moved["CURRENT-OFFSET"], moved["LAG"]) == ("50", str(MESSAGES - 50))

    assert "Successful" in run(CONSUMER_GROUPS, served.address, "--delete-offsets", "--topic", topic, *group).stdout
    assert "successful" in run(CONSUMER_GROUPS, served.address, "--delete", *group).stdout
    assert topic not in run(CONSUMER_GROUPS, served.address, "--list").stdout.split()


@pytest.mark.timeout(120)
def test_kafka_topics_adds_partitions_and_describes_them(served: ServedBroker, topic: str):
    run(TOPICS, served.address, "--create", "--topic", topic, "--partitions", "2", "--config", "segment.bytes=1048576")
    run(TOPICS, served.address, "--alter", "--topic", topic, "--partitions", "5")

    described = run(TOPICS, served.address, "--describe", "--topic", topic).stdout
    assert "PartitionCount: 5" in described
    assert "segment.bytes=1048576" in described
    assert described.count("Leader: 1") == 5
    run(TOPICS, served.address, "--delete", "--topic", topic)
    assert topic not in run(TOPICS, served.address, "--list").stdout.split()


def _perf_test(topic: str) -> tuple[str, ...]:
    return ("--topic", topic, "--num-records", str(MESSAGES), "--record-size", "100", "--throughput", "-1")
