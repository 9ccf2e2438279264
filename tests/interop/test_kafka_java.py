"""Apache Kafka's own programs, which are its Java clients, against our broker."""

from collections.abc import Iterable

import pytest

from tests.interop.clients import CODECS, ServedBroker, assert_kafka_prints_the_same, batches_in, records_in
from tests.support.kafka import (
    CONSOLE_CONSUMER,
    CONSOLE_PRODUCER,
    OFFSETS,
    PRODUCER_PERFORMANCE,
    TOPICS,
    Ran,
    require_kafka,
)
from tests.support.kafka_tools import run_in_one_jvm

MESSAGES_PER_CODEC = 2000
TIMEOUT = ("--timeout-ms", "20000")


@pytest.fixture(autouse=True)
def _kafka() -> None:
    require_kafka()


def run(program: str, *arguments: str, stdin: str = "") -> Ran:
    """Run one of Kafka's programs, which must end well."""
    done = run_in_one_jvm(program, *arguments, stdin=stdin)
    assert done.code == 0, done.stdout + done.stderr
    return done


def topics(address: str, *arguments: str) -> Ran:
    return run_in_one_jvm(TOPICS, "--bootstrap-server", address, *arguments)


def produce(address: str, topic: str, lines: Iterable[str], *options: str) -> None:
    """Send lines of headers, key and value; a value of NULL is none."""
    properties = {"parse.headers": "true", "parse.key": "true", "null.marker": "NULL"}
    run(
        CONSOLE_PRODUCER,
        *("--bootstrap-server", address, "--topic", topic),
        *(text for name, value in properties.items() for text in ("--reader-property", f"{name}={value}")),
        *options,
        stdin="".join(f"{line}\n" for line in lines),
    )


def consume(address: str, topic: str, count: int, *options: str) -> list[str]:
    """Print messages with all there is to them."""
    printed = ("timestamp", "partition", "offset", "headers", "key", "value")
    done = run(
        CONSOLE_CONSUMER,
        *("--bootstrap-server", address, "--topic", topic, "--max-messages", str(count), *TIMEOUT),
        *(text for name in printed for text in ("--formatter-property", f"print.{name}=true")),
        *(options or ("--partition", "0", "--offset", "earliest")),
    )
    return done.stdout.splitlines()


def lines(count: int, *, first: int = 0) -> list[str]:
    values = ("plain", "grüße 😀", "NULL", "", "x" * 300)
    return [f"trace:{number},kind:ü\tkey {number % 7}\t{values[number % 5]}" for number in range(first, first + count)]


def offsets(address: str, topic: str, time: str) -> list[str]:
    done = run(OFFSETS, "--bootstrap-server", address, "--topic", topic, "--time", time)
    return done.stdout.splitlines()


@pytest.mark.timeout(120)
def test_messages_of_the_console_producer_come_back_in_the_console_consumer(served: ServedBroker, topic: str):
    sent = [lines(MESSAGES_PER_CODEC, first=MESSAGES_PER_CODEC * number) for number in range(len(CODECS))]

    for codec, of_codec in zip(CODECS, sent, strict=True):
        produce(served.address, topic, of_codec, "--compression-codec", codec)

    printed = [line.split("\t") for line in consume(served.address, topic, MESSAGES_PER_CODEC * len(CODECS))]
    assert ["\t".join(fields[3:]).replace("null", "NULL") for fields in printed] == [
        line for of_codec in sent for line in of_codec
    ]
    assert [fields[2] for fields in printed] == [f"Offset:{number}" for number in range(len(printed))]
    assert {fields[1] for fields in printed} == {"Partition:0"}
    assert all(fields[0].startswith("CreateTime:") for fields in printed)
    batches = batches_in(served.partition(topic))
    assert {batch["codec"] for batch in batches} == set(CODECS)
    assert len({batch["producer_id"] for batch in batches} - {-1}) == len(CODECS)
    assert_kafka_prints_the_same(served.partition(topic))


def test_topics_are_created_listed_and_deleted(served: ServedBroker, topic: str):
    options = ("--partitions", "3", "--config", "segment.bytes=1048576")
    created = topics(served.address, "--create", "--topic", topic, *options)
    listed = topics(served.address, "--list")
    again = topics(served.address, "--create", "--topic", topic)
    deleted = topics(served.address, "--delete", "--topic", topic)

    assert (created.code, listed.code, deleted.code) == (0, 0, 0)
    assert topic in listed.stdout.split()
    assert again.code == 1
    assert f"topic '{topic}' already exists" in again.stdout
    assert not served.partition(topic).exists()


def test_the_load_generator_runs_and_offsets_are_printed(served: ServedBroker, topic: str):
    done = run(
        PRODUCER_PERFORMANCE,
        *("--topic", topic, "--num-records", "20000", "--record-size", "100", "--throughput", "-1"),
        *("--bootstrap-server", served.address, "--command-property", "compression.type=lz4"),
    )

    assert "20000 records sent" in done.stdout
    assert offsets(served.address, topic, "latest") == [f"{topic}:0:20000"]
    newest = max(each["timestamp"] for each in records_in(served.partition(topic)))
    (printed,) = offsets(served.address, topic, "max-timestamp")
    at = int(printed.removeprefix(f"{topic}:0:"))
    assert records_in(served.partition(topic))[at]["timestamp"] == newest


def test_a_consumer_of_an_unknown_topic_gets_nothing_and_does_not_create_it(served: ServedBroker, topic: str):
    options = ("--partition", "0", "--offset", "earliest", "--timeout-ms", "500")
    done = run_in_one_jvm(
        CONSOLE_CONSUMER,
        *("--bootstrap-server", served.address, "--topic", topic),
        *("--command-property", "allow.auto.create.topics=false"),
        *options,
    )

    assert done.stdout == ""
    assert not served.partition(topic).exists()
