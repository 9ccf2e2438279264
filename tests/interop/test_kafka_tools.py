"""Apache Kafka's command line tools for administrators and testers, against our broker."""

import json
import re

import pytest

from tests.interop.clients import ServedBroker
from tests.support.kafka import (
    ACLS,
    API_VERSIONS,
    CLIENT_METRICS,
    CLUSTER,
    CONFIGS,
    CONSOLE_CONSUMER,
    CONSUMER_GROUPS,
    CONSUMER_PERFORMANCE,
    END_TO_END_LATENCY,
    FEATURES,
    GROUPS,
    LEADER_ELECTION,
    LOG_DIRS,
    METADATA_QUORUM,
    PRODUCER_PERFORMANCE,
    REASSIGN_PARTITIONS,
    SHARE_GROUPS,
    STREAMS_GROUPS,
    STREAMS_RESET,
    TOPICS,
    TRANSACTIONS,
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


@pytest.mark.timeout(180)
def test_what_tools_for_administrators_ask_is_answered(served: ServedBroker, topic: str):
    run(PRODUCER_PERFORMANCE, served.address, *_perf_test(topic))
    one = ("--topic", topic, "--partition", "0")

    def said(program: str, *arguments: str) -> str:
        return run(program, served.address, *arguments).stdout

    assert "Produce(0): 0 to 13 [usable: 13]" in said(API_VERSIONS)
    described = json.loads(said(LOG_DIRS, "--describe", "--topic-list", topic).splitlines()[-1])
    (partition,) = described["brokers"][0]["logDirs"][0]["partitions"]
    assert (partition["partition"], partition["size"] > 0) == (f"{topic}-0", True)
    assert "already elected" in said(LEADER_ELECTION, "--election-type", "preferred", *one)
    assert "No partition reassignments found" in said(REASSIGN_PARTITIONS, "--list")
    assert len(said(TRANSACTIONS, "find-hanging", "--broker-id", "1").splitlines()) == 1
    assert len(said(TRANSACTIONS, "describe-producers", *one).splitlines()) == 2
    assert said(CLIENT_METRICS, "--list").strip() == ""
    assert "Avg latency" in said(
        END_TO_END_LATENCY,
        *("--topic", topic, "--num-records", "5", "--producer-acks", "all", "--record-size", "100"),
    )
    measured = said(CONSUMER_PERFORMANCE, "--topic", topic, "--num-records", str(MESSAGES), "--group", topic)
    assert int(measured.splitlines()[1].split(", ")[4]) >= MESSAGES
    assert [topic, "Classic", "consumer"] in [line.split() for line in said(GROUPS, "--list").splitlines()]
    assert said(CONFIGS, "--describe", "--entity-type", "groups", "--entity-name", topic).splitlines()[1:] == []
    reset = said(STREAMS_RESET, "--application-id", topic, "--input-topics", topic)
    assert f"Topic: {topic} Partition: 0 Offset: 0" in reset


def test_kafka_cluster_tells_the_clusters_id_and_where_its_broker_is(served: ServedBroker):
    told = run_in_one_jvm(CLUSTER, "cluster-id", "--bootstrap-server", served.address)
    assert re.fullmatch(r"Cluster ID: \S{22}", told.stdout.strip())
    told = run_in_one_jvm(CLUSTER, "list-endpoints", "--bootstrap-server", served.address)
    assert ["1", *served.address.split(":"), "null", "unfenced", "broker"] in map(str.split, told.stdout.splitlines())


@pytest.mark.parametrize(
    ("program", "arguments", "says"),
    [
        (ACLS, ("--list",), "this broker has no ACLs"),
        (ACLS, ("--remove", "--allow-principal", "User:x", "--topic", "x", "--force"), "this broker has no ACLs"),
        (CLIENT_METRICS, ("--alter", "--name", "x", "--interval", "1000"), "have no configs here"),
        (CONFIGS, ("--alter", "--entity-type", "groups", "--entity-name", "x", "--add-config", "a=1"), "no configs"),
        (CONFIGS, ("--describe", "--entity-type", "users"), "does not support DESCRIBE_CLIENT_QUOTAS"),
        (FEATURES, ("upgrade", "--release-version", "4.0"), "does not support UPDATE_FEATURES"),
        (METADATA_QUORUM, ("describe", "--status"), "does not support DESCRIBE_QUORUM"),
        (SHARE_GROUPS, ("--describe", "--group", "x"), "does not support SHARE_GROUP_DESCRIBE"),
        (STREAMS_GROUPS, ("--describe", "--group", "x"), "does not support STREAMS_GROUP_DESCRIBE"),
        (TRANSACTIONS, ("list",), "does not support LIST_TRANSACTIONS"),
    ],
)
def test_a_tool_for_what_is_not_there_says_so(
    served: ServedBroker, program: str, arguments: tuple[str, ...], says: str
):
    told = run_in_one_jvm(program, "--bootstrap-server", served.address, *arguments)
    assert says in told.stdout + told.stderr
