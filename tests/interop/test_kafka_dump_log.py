"""Apache Kafka's dump tool and ours say the same, of Kafka's files and of ours."""

import base64
import os
import shutil
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, KafkaException, Producer
from confluent_kafka.admin import AdminClient, NewTopic

from gomq_dump.decoders.choosing import KAFKAS_OPTIONS
from tests.support.dumping import as_json, as_text, findings_in, inspect, inspect_as_kafka, paths_of, problems
from tests.support.kafka import Kafka, dump_log_segments, require_kafka
from tests.support.segment_files import varied_records, write_varied_partition

pytestmark = pytest.mark.timeout(120)

CODECS = ("none", "gzip", "snappy", "lz4", "zstd")
MESSAGES_PER_CODEC = 2000
INTERNAL_TOPICS = {
    "offsets": "__consumer_offsets-0",
    "transactions": "__transaction_state-0",
    "cluster": "__cluster_metadata-0",
}


def records_in(path: Path) -> list[dict[str, Any]]:
    return [each for each in as_json(inspect(path, records=True)) if each["type"] == "record"]


def real_complaints(complaints: list[str]) -> list[str]:
    """Drop what Kafka 4.3's tool says of every segment that does not start at offset 0."""
    return [line for line in complaints if not line.startswith(("Non-consecutive offsets in ", "  -1 is followed by "))]


@pytest.fixture(scope="module")
def our_partition(tmp_path_factory: pytest.TempPathFactory) -> Path:
    require_kafka()
    return write_varied_partition(tmp_path_factory.mktemp("ours") / "orders-0")


@pytest.mark.parametrize("records", [False, True], ids=["batches", "records"])
def test_kafka_reads_them_without_complaint_and_prints_what_we_print(our_partition: Path, *, records: bool):
    items = inspect_as_kafka(our_partition, records=records)

    theirs = dump_log_segments(paths_of(items), records=records)

    assert theirs.exit_code == 0
    assert real_complaints(theirs.complaints) == []
    assert as_text(items) == theirs.stdout
    assert findings_in(items) == []
    assert len(paths_of(items)) > 6
    assert {Path(path).suffix for path in paths_of(items)} == {".log", ".index", ".timeindex", ".snapshot"}
    assert {b"none", b"gzip", b"snappy", b"lz4", b"zstd"} <= set(theirs.stdout.split())


def test_a_torn_tail_is_counted_alike(our_partition: Path, tmp_path: Path):
    copy = tmp_path / "00000000000000000000.log"
    copy.write_bytes((our_partition / copy.name).read_bytes()[:-7])

    items = inspect(copy)

    assert as_text(items) == dump_log_segments([copy]).stdout
    assert b"invalid bytes at the end of 00000000000000000000.log\n" in as_text(items)
    assert problems(items) == ["torn-tail"]


def test_a_batch_whose_crc_does_not_hold_is_shown_alike(our_partition: Path, tmp_path: Path):
    copy = tmp_path / "00000000000000000000.log"
    data = bytearray((our_partition / copy.name).read_bytes())
    data[70] ^= 1
    copy.write_bytes(data)

    items = inspect(copy)

    assert as_text(items) == dump_log_segments([copy]).stdout
    assert b"isvalid: false" in as_text(items)
    assert problems(items) == ["crc"]


def publish(kafka: Kafka, topic: str, codec: str, *, idempotent: bool) -> None:
    producer = Producer({
        "bootstrap.servers": kafka.address,
        "compression.type": codec,
        "linger.ms": 5,
        "enable.idempotence": idempotent,
        "max.in.flight": 1,  # or what a new topic's leader refuses at first comes behind what follows
    })  # fmt: skip
    producer.list_topics(topic, 30)  # or what it takes before it knows the partition comes behind what it takes after
    for record in varied_records(MESSAGES_PER_CODEC):
        producer.produce(topic, record.value, record.key, 0, timestamp=record.timestamp, headers=list(record.headers))
        producer.poll(0)
    assert producer.flush(30) == 0


def retry(action: Callable[[], object]) -> None:
    """Do what a broker that has just started may not be ready for yet."""
    for _ in range(50):
        try:
            action()
        except KafkaException as error:
            if not error.args[0].retriable():
                raise
            time.sleep(0.1)
        else:
            return
    pytest.fail("Kafka does not get ready")


def run_transactions(kafka: Kafka, topic: str) -> None:
    producer = Producer({"bootstrap.servers": kafka.address, "transactional.id": "dump"})
    retry(lambda: producer.init_transactions(30))
    for end in (producer.commit_transaction, producer.abort_transaction):
        producer.begin_transaction()
        for number in range(10):
            producer.produce(topic, b"%d" % number, partition=0)
        assert producer.flush(30) == 0  # else an abort would drop what is not yet sent
        end(30)


def commit_offsets(kafka: Kafka, topic: str) -> None:
    """Commit offsets as a member of a classic group, and of one of KIP-848's."""
    for protocol in ("classic", "consumer"):
        settings = {"group.id": f"dump-{protocol}", "group.protocol": protocol, "auto.offset.reset": "earliest"}
        consumer = Consumer({"bootstrap.servers": kafka.address, **settings})
        consumer.subscribe([topic])
        assert len(consumer.consume(100, 30)) == 100
        commit = partial(consumer.commit, asynchronous=False)
        retry(commit)
        consumer.close()


def publish_until_compacted(kafka: Kafka, topic: str) -> None:
    """Write the same keys again and again, over more than one segment, until the cleaner has been there."""
    producer = Producer({"bootstrap.servers": kafka.address})
    for number in range(3000):
        producer.produce(topic, os.urandom(500), b"key %d" % (number % 7), 0)
        producer.poll(0)
    assert producer.flush(30) == 0
    partition = kafka.data / f"{topic}-0"
    deadline = time.monotonic() + 20
    while not is_compacted(partition):
        assert time.monotonic() < deadline, "Kafka has not compacted the topic"
        time.sleep(0.05)


def is_compacted(partition: Path) -> bool:
    """Whether the first segment has been replaced by a small one, its indexes too."""
    if any(path.suffix in {".cleaned", ".swap"} for path in partition.iterdir()):
        return False
    try:
        return (partition / "00000000000000000000.log").stat().st_size < 100_000
    except FileNotFoundError:
        return False  # it is being replaced


def copy_files(source: Path, target: Path) -> None:
    """Copy files from under a running broker, without other tests' topics: of an empty one its tool says no.

    Indexes come first, as the broker writes them last.
    """
    for pattern in ("*.timeindex", "*.index", "*.txnindex", "*.snapshot", "*.checkpoint", "*.log"):
        for file in sorted([*source.glob(f"dump.*-*/{pattern}"), *source.glob(f"__*-*/{pattern}")]):
            copy = target / file.relative_to(source)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, copy)


@pytest.fixture(scope="module")
def kafka_data(kafka_broker: Kafka, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what a running broker has on disk."""
    compact = {"cleanup.policy": "compact", "min.cleanable.dirty.ratio": "0.01"}
    small = {"segment.bytes": "1048576", "index.interval.bytes": "512"}
    topics = [
        NewTopic("dump.codecs", 1, 1, config=small),
        NewTopic("dump.appendtime", 1, 1, config=small | {"message.timestamp.type": "LogAppendTime"}),
        NewTopic("dump.transactions", 1, 1, config=small),
        NewTopic("dump.compacted", 1, 1, config=small | compact),
        NewTopic("dump.empty", 1, 1, config=small),
    ]  # fmt: skip
    admin = AdminClient({"bootstrap.servers": kafka_broker.address})
    for created in admin.create_topics(topics).values():
        created.result(30)
    for codec in CODECS:
        publish(kafka_broker, "dump.codecs", codec, idempotent=codec == "zstd")
    publish(kafka_broker, "dump.appendtime", "snappy", idempotent=False)
    run_transactions(kafka_broker, "dump.transactions")
    commit_offsets(kafka_broker, "dump.codecs")
    publish_until_compacted(kafka_broker, "dump.compacted")
    copy = tmp_path_factory.mktemp("theirs")
    copy_files(kafka_broker.data, copy)
    return copy


@pytest.mark.parametrize("records", [False, True], ids=["batches", "records"])
def test_all_of_a_brokers_files_are_sound_and_print_alike(kafka_data: Path, *, records: bool):
    items = [
        item
        for directory in sorted(kafka_data.iterdir())
        if directory.name != "dump.empty-0"
        for item in inspect_as_kafka(directory, records=records)
    ]

    theirs = dump_log_segments(paths_of(items), records=records)

    # it complains about entries of zeros in the indexes that the broker still writes
    assert theirs.exit_code == 0, theirs.complaints
    assert as_text(items) == theirs.stdout
    assert [finding for finding in findings_in(items) if finding.is_damage] == []
    names = {Path(path).parent.name for path in paths_of(items)}
    assert {"dump.codecs-0", "dump.compacted-0", "__consumer_offsets-0", "__cluster_metadata-0"} <= names
    assert {".txnindex", ".snapshot", ".checkpoint"} <= {Path(path).suffix for path in paths_of(items)}
    assert len([path for path in paths_of(items) if path.endswith(".log")]) > len(names)


@pytest.mark.parametrize("choice", INTERNAL_TOPICS)
def test_a_brokers_internal_topics_are_decoded_alike(kafka_data: Path, choice: str):
    items = inspect_as_kafka(kafka_data / INTERNAL_TOPICS[choice], records=True)
    (option,) = [option for option, name in KAFKAS_OPTIONS.items() if name == choice]

    theirs = dump_log_segments(paths_of(items), decoder=option)

    assert theirs.exit_code == 0, theirs.complaints
    assert as_text(items, decode=choice) == theirs.stdout


def test_each_record_of_a_brokers_internal_topics_is_understood(kafka_data: Path):
    objects = [each for name in INTERNAL_TOPICS.values() for each in as_json(inspect(kafka_data / name, records=True))]
    decoded = [each["decoded"] for each in objects if "decoded" in each]

    assert [each for each in decoded if "error" in each] == []
    kinds = {each["kind"] for each in decoded}
    assert {"OffsetCommit", "GroupMetadata", "ConsumerGroupMetadata", "TransactionLog", "TopicRecord"} <= kinds


def test_every_record_comes_out_as_it_went_in(kafka_data: Path):
    found = records_in(kafka_data / "dump.codecs-0")

    assert [each["offset"] for each in found] == list(range(len(CODECS) * MESSAGES_PER_CODEC))
    for each, sent in zip(found, varied_records(MESSAGES_PER_CODEC) * len(CODECS), strict=True):
        assert each["timestamp"] == sent.timestamp
        assert bytes_of(each, "key") == sent.key
        assert bytes_of(each, "value") == sent.value
        assert tuple((header["name"], bytes_of(header, "value")) for header in each["headers"]) == sent.headers


def test_the_ends_of_transactions_are_read(kafka_data: Path):
    found = records_in(kafka_data / "dump.transactions-0")

    assert [each["control"]["kind"] for each in found if "control" in each] == ["COMMIT", "ABORT"]


def test_a_compacted_topic_is_sound(kafka_data: Path):
    items = inspect(kafka_data / "dump.compacted-0", records=True)
    offsets = [each["offset"] for each in records_in(kafka_data / "dump.compacted-0")]

    assert [finding for finding in findings_in(items) if finding.is_damage] == []
    assert offsets == sorted(offsets)
    assert len(offsets) < offsets[-1]


def test_a_topic_without_messages_is_sound(kafka_data: Path):
    # Of its files Kafka's own tool prints a traceback: the index is there at its full size, the log is empty.
    assert problems(inspect(kafka_data / "dump.empty-0", records=True)) == []


def bytes_of(fields: dict[str, Any], name: str) -> bytes | None:
    """Take bytes out of a JSON object, as its reader has to."""
    if f"{name}_base64" in fields:
        return base64.b64decode(fields[f"{name}_base64"])
    value = fields[name]
    return None if value is None else value.encode()
