"""Partitions that Apache Kafka wrote are ours to go on with: transactions, compaction, all codecs."""

import shutil
from pathlib import Path
from typing import NamedTuple

import pytest
from confluent_kafka import OFFSET_BEGINNING, Message, TopicPartition as Assigned
from confluent_kafka.admin import AdminClient, NewTopic

from gomq_dump.cli import main as gomq_dump
from gomq_storage.config import CleanupPolicy, LogConfig
from gomq_storage.directory import LogDirectory
from gomq_storage.layout import TopicPartition
from gomq_storage.log import Log
from gomq_storage.record import Record, decode_batch
from tests.interop.clients import CODECS
from tests.interop.test_confluent_kafka import consumer, read_to_end
from tests.interop.test_kafka_dump_log import publish, publish_until_compacted, run_transactions
from tests.support.dumping import findings_in, inspect
from tests.support.kafka import require_kafka
from tests.support.kafka_lives import KafkaLives
from tests.support.log_batches import numbered, whole_batches

pytestmark = pytest.mark.timeout(120)

COMPACT = {"cleanup.policy": "compact", "min.cleanable.dirty.ratio": "0.01"}
SMALL = {"segment.bytes": "1048576", "index.interval.bytes": "512"}
TOPICS = {
    "codecs": {},
    "append-time": {"message.timestamp.type": "LogAppendTime"},
    "transactions": {},
    "compacted": COMPACT,
    "empty": {},
}


class Written(NamedTuple):
    """What a Kafka that has stopped has on disk, and what its consumers had read."""

    data: Path
    read: dict[str, list[Record]]


def as_record(message: Message) -> Record:
    headers = tuple(message.headers() or ())
    return Record(message.offset(), message.timestamp()[1], message.key(), message.value(), headers)


def read(address: str, topic: str) -> list[Record]:
    start = Assigned(topic, 0, OFFSET_BEGINNING)
    with consumer(address, start, isolation_level="read_uncommitted") as source:
        return [as_record(message) for message in read_to_end(source)]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Written:
    require_kafka()
    lives = KafkaLives(tmp_path_factory.mktemp("kafka"))
    with lives.life() as kafka:
        admin = AdminClient({"bootstrap.servers": kafka.address})
        topics = [NewTopic(name, 1, 1, config=SMALL | configs) for name, configs in TOPICS.items()]
        for created in admin.create_topics(topics).values():
            created.result(30)
        for codec in CODECS:
            publish(kafka, "codecs", codec, idempotent=codec == "zstd")
        publish(kafka, "append-time", "lz4", idempotent=True)
        run_transactions(kafka, "transactions")
        publish_until_compacted(kafka, "compacted")
        found = {topic: read(kafka.address, topic) for topic in TOPICS}
    return Written(lives.data, found)


def test_all_that_kafka_keeps_is_sound(written: Written, capsys: pytest.CaptureFixture[str]):
    assert gomq_dump(["--deep", str(written.data)]) == 0

    *notes, summed = capsys.readouterr().out.splitlines()
    assert all(note.startswith("note: ") and "compacted-0" in note for note in notes)
    assert "sound" in summed


def records_of(log: Log) -> list[Record]:
    """Read what consumers see: no markers."""
    return [
        record
        for header, batch in whole_batches(log)
        if not header.is_control
        for record in decode_batch(batch, header)
    ]


def config_of(topic: str) -> LogConfig:
    policy = CleanupPolicy.COMPACT if topic == "compacted" else CleanupPolicy.DELETE
    return LogConfig(cleanup_policy=policy, segment_bytes=1 << 20)


@pytest.fixture(params=list(TOPICS))
def topic(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def partition(written: Written, topic: str, tmp_path: Path) -> Path:
    """A copy of a topic's only partition."""
    shutil.copytree(written.data / f"{topic}-0", tmp_path / "partition")
    return tmp_path / "partition"


def test_every_record_is_what_kafkas_consumer_read(written: Written, topic: str, partition: Path):
    log = Log.open(partition, config_of(topic))
    assert records_of(log) == written.read[topic]
    assert (topic == "empty") == (not written.read[topic])
    log.close()


def test_it_is_gone_on_with_and_stays_sound(written: Written, topic: str, partition: Path):
    for number in range(2):
        log = Log.open(partition, config_of(topic))
        end = log.log_end
        assert log.append(numbered(number, size=300_000)).base_offset == end
        log.close()
    log = Log.open(partition, config_of(topic))
    assert log.recovery.was_clean
    records = records_of(log)
    assert records[:-6] == written.read[topic]
    assert [record.offset for record in records[-6:]] == list(range(log.log_end - 6, log.log_end))
    log.close()
    assert [finding for finding in findings_in(inspect(partition, records=True)) if finding.is_damage] == []


def test_its_data_directory_is_opened_with_its_checkpoints(written: Written, tmp_path: Path):
    shutil.copytree(written.data, tmp_path / "data")
    for _ in range(2):
        directory = LogDirectory.open(tmp_path / "data")
        assert directory.checkpoints.unreadable == []
        assert directory.checkpoints.was_clean
        ends = {}
        for topic, found in written.read.items():
            # whatever the policy is now, the cleaner's checkpoint tells that there may be gaps
            log = directory.open_log(TopicPartition(topic, 0), config=LogConfig(segment_bytes=1 << 20))
            assert records_of(log) == found
            assert (log.recovery.truncated_bytes, log.recovery.kept_aside) == (0, None)
            end = log.close()
            assert end is not None
            ends[log.name] = end
        directory.close(ends)


def test_producers_are_known_as_kafka_knew_them(written: Written, tmp_path: Path):
    shutil.copytree(written.data / "transactions-0", tmp_path / "partition")
    log = Log.open(tmp_path / "partition", config_of("transactions"))
    (producer,) = log.active_producers()
    assert producer.txn_first_offset == -1
    assert producer.coordinator_epoch >= 0
    log.close()
