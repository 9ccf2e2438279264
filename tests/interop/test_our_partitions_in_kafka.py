"""Partitions that our broker wrote are put into a Kafka's data directory: it serves them, and goes on with them."""

import shutil
import subprocess
from collections.abc import Collection, Mapping
from pathlib import Path
from random import Random
from typing import Final, NamedTuple

import pytest
from confluent_kafka import OFFSET_BEGINNING, Message, Producer, TopicPartition as Assigned
from confluent_kafka.admin import AdminClient, NewTopic

from gomq_storage.checkpoint_text import decode_offsets, encode_offsets
from gomq_storage.config import CleanupPolicy, LogConfig
from gomq_storage.layout import (
    CLEAN_SHUTDOWN_FILE_NAME,
    CLEANER_OFFSET_FILE_NAME,
    LOG_START_FILE_NAME,
    PARTITION_METADATA_FILE_NAME,
    RECOVERY_POINT_FILE_NAME,
    TopicPartition,
)
from gomq_storage.log import Log
from tests.interop.clients import CODECS
from tests.interop.test_confluent_kafka import consumer, read_to_end
from tests.support.brokers import broker_process
from tests.support.dumping import findings_in, inspect
from tests.support.kafka import java, require_kafka
from tests.support.kafka_lives import KafkaLives
from tests.support.log_batches import whole_batches
from tests.support.running import BUSY

pytestmark = pytest.mark.timeout(180)

COMPACT: Final = {"cleanup.policy": "compact", "min.cleanable.dirty.ratio": "0.01"}
SMALL: Final = {"segment.bytes": "20000", "index.interval.bytes": "200", "file.delete.delay.ms": "0"}
TOPICS: Final[Mapping[str, Mapping[str, str]]] = {"plain": {}, "shortened": {}, "compacted": COMPACT}
DEADLINE_SECONDS: Final = 30
DELETED: Final = 333
MESSAGES_PER_CODEC: Final = 150
ALL_INDEXES: Final = (".index", ".timeindex")
COMPLAINTS: Final = ("ndex timestamp:", "ndex offset:", "orrupt", "isvalid: false", "Exception", "failed", "invalid")
HIGH_WATERMARK_FILE_NAME: Final = "replication-offset-checkpoint"
CHECKPOINTS: Final = (RECOVERY_POINT_FILE_NAME, LOG_START_FILE_NAME, CLEANER_OFFSET_FILE_NAME)

Stored = tuple[int, bytes | None, bytes | None, tuple[tuple[str, bytes | None], ...]]
"""Offset, key, value and headers."""


class Moved(NamedTuple):
    """Our files, and what became of them with Kafka."""

    ours: Path
    """Our data directory, as it was copied."""
    lives: KafkaLives
    stored: dict[str, list[Stored]]
    """What our broker served."""
    served: list[dict[str, list[Stored]]]
    """What Kafka served of it: after a stop in order, and after one that it took for a crash."""
    said: list[list[str]]
    """What Kafka printed meanwhile."""
    appended: dict[str, int]
    """How many messages Kafka added."""


def publish(address: str, topic: str, *, seed: int, idempotently: Collection[str] = ("none", "zstd")) -> int:
    """Send messages in all codecs, in some of them idempotently; their number."""
    random = Random(seed)
    for codec in CODECS:
        producer = Producer({
            "bootstrap.servers": address,
            "compression.type": codec,
            "batch.num.messages": 10,
            "enable.idempotence": codec in idempotently,
        })  # fmt: skip
        for number in range(MESSAGES_PER_CODEC):
            value = None if number % 50 == 0 else random.randbytes(100)
            headers = [("codec", codec.encode()), ("empty", None)]
            producer.produce(topic, value, b"key %d" % (number % 17), 0, headers=headers)
        assert producer.flush(DEADLINE_SECONDS) == 0
    return len(CODECS) * MESSAGES_PER_CODEC


def create(address: str, configs: Mapping[str, str], more: Mapping[str, str]) -> None:
    admin = AdminClient({"bootstrap.servers": address})
    topics = [NewTopic(name, 1, 1, config={**configs, **own, **more}) for name, own in TOPICS.items()]
    for created in admin.create_topics(topics).values():
        created.result(DEADLINE_SECONDS)


def stored(message: Message) -> Stored:
    return message.offset(), message.key(), message.value(), tuple(message.headers() or ())


def read(address: str) -> dict[str, list[Stored]]:
    found = {}
    for topic in TOPICS:
        with consumer(address, Assigned(topic, 0, OFFSET_BEGINNING)) as source:
            found[topic] = [stored(message) for message in read_to_end(source)]
    return found


def write_ours(data: Path) -> dict[str, list[Stored]]:
    """Write with a broker that compacts and is killed, then with one that is not; what is there in the end."""
    with broker_process(data, command=BUSY) as broker:
        create(broker.address, SMALL, {})
        for topic in TOPICS:
            publish(broker.address, topic, seed=1)
        admin = AdminClient({"bootstrap.servers": broker.address})
        place = Assigned("shortened", 0, DELETED)
        admin.delete_records([place])[place].result(DEADLINE_SECONDS)
        broker.kill()
    with broker_process(data) as broker:
        for topic in TOPICS:
            publish(broker.address, topic, seed=2)
        found = read(broker.address)
        assert broker.terminate() == 0
    return found


def put_in_place(ours: Path, kafkas: Path) -> None:
    """Put our partitions' files in the place of Kafka's, and what our checkpoints say of them into Kafka's."""
    for topic in TOPICS:
        folder = kafkas / f"{topic}-0"
        for path in folder.iterdir():
            if path.name != PARTITION_METADATA_FILE_NAME:
                path.unlink()
        for path in (ours / folder.name).iterdir():
            if path.name != PARTITION_METADATA_FILE_NAME:
                shutil.copyfile(path, folder / path.name)
    for name in CHECKPOINTS:
        told = offsets_in(ours / name)
        write_offsets(kafkas / name, {place: told[place] for place in told if place.topic in TOPICS})
    ends = offsets_in(ours / RECOVERY_POINT_FILE_NAME)
    write_offsets(kafkas / HIGH_WATERMARK_FILE_NAME, {place: ends[place] for place in ends if place.topic in TOPICS})


def offsets_in(path: Path) -> dict[TopicPartition, int]:
    return dict(decode_offsets(path.read_bytes())) if path.exists() else {}


def write_offsets(path: Path, offsets: dict[TopicPartition, int]) -> None:
    """Put offsets into a checkpoint file beside those of other partitions."""
    path.write_bytes(encode_offsets(offsets_in(path) | offsets))


@pytest.fixture(scope="module")
def moved(tmp_path_factory: pytest.TempPathFactory) -> Moved:
    require_kafka()
    directory = tmp_path_factory.mktemp("moved")
    ours = directory / "ours"
    expected = write_ours(ours)
    lives = KafkaLives(directory)
    served: list[dict[str, list[Stored]]] = []
    said: list[list[str]] = []
    appended: dict[str, int] = {}
    with lives.life() as kafka:
        create(kafka.address, {"segment.bytes": "1048576"}, {"min.cleanable.dirty.ratio": "1"})
    put_in_place(ours, lives.data)
    for is_clean in (True, False):
        if not is_clean:  # so that it looks at all there is
            (lives.data / CLEAN_SHUTDOWN_FILE_NAME).unlink()
            (lives.data / RECOVERY_POINT_FILE_NAME).write_bytes(encode_offsets({}))
        with lives.life() as kafka:
            served.append(read(kafka.address))
            if not is_clean:  # not idempotently: Kafka, too, hands out producer ids from 0 on
                appended = {topic: publish(kafka.address, topic, seed=3, idempotently=()) for topic in TOPICS}
        said.append(lives.said())
    return Moved(ours, lives, expected, served, said, appended)


def log_files(partition: Path, *suffixes: str) -> list[Path]:
    return sorted(path for path in partition.iterdir() if path.suffix in suffixes)


def test_our_files_have_all_there_is_to_have(moved: Moved):
    for topic in TOPICS:
        partition = moved.ours / f"{topic}-0"
        assert len(log_files(partition, ".log")) > 3
        assert len(log_files(partition, ".snapshot")) > 1
        assert (partition / "leader-epoch-checkpoint").read_text().splitlines()[1] == "2"
    assert moved.stored["shortened"][0][0] == DELETED
    assert len(moved.stored["compacted"]) < len(moved.stored["plain"])


@pytest.mark.parametrize("life", [0, 1], ids=["stopped", "crashed"])
def test_kafka_serves_every_record(moved: Moved, life: int):
    assert moved.served[life] == moved.stored


@pytest.mark.parametrize("life", [0, 1], ids=["stopped", "crashed"])
def test_kafka_complains_of_nothing(moved: Moved, life: int):
    if not moved.said[life]:
        pytest.skip("this Kafka has no logging library: it says nothing")
    for topic in TOPICS:
        about_it = [line for line in moved.said[life] if f"{topic}-0" in line]
        assert [line for line in about_it if " INFO " not in line] == []
        recovered = [line for line in about_it if "Recovering unflushed segment" in line]
        assert bool(recovered) == (life == 1)


@pytest.mark.parametrize("option", ["--index-sanity-check", "--verify-index-only", "--deep-iteration"])
@pytest.mark.parametrize("topic", list(TOPICS))
def test_kafkas_dump_tool_and_ours_find_all_our_files_sound(moved: Moved, topic: str, option: str):
    partition = moved.ours / f"{topic}-0"
    suffixes = (".index", ".timeindex") if option == "--index-sanity-check" else (".log", *ALL_INDEXES, ".snapshot")
    files = ",".join(map(str, log_files(partition, *suffixes)))
    command = java("org.apache.kafka.tools.DumpLogSegments", "--files", files, option)
    done = subprocess.run(command, capture_output=True, check=False, timeout=60, text=True)
    assert done.returncode == 0
    said = (done.stdout + done.stderr).splitlines()
    complaints = [line for line in said if any(word in line for word in COMPLAINTS)]
    # Of a batch that compaction left without records it does not see the time; its own are indexed as well.
    assert [line for line in complaints if not line.endswith("log timestamp: -1")] == []
    assert complaints == [] or topic == "compacted"
    assert [finding for finding in findings_in(inspect(partition, records=True)) if finding.is_damage] == []


def test_what_kafka_went_on_with_is_ours_again(moved: Moved, tmp_path: Path):
    for topic in TOPICS:
        partition = tmp_path / topic
        shutil.copytree(moved.lives.data / f"{topic}-0", partition)
        policy = CleanupPolicy.COMPACT if topic == "compacted" else CleanupPolicy.DELETE
        log = Log.open(partition, LogConfig(cleanup_policy=policy))
        found = [header for header, _ in whole_batches(log) if header.record_count]
        assert (log.recovery.truncated_bytes, log.recovery.kept_aside) == (0, None)
        assert log.log_end == moved.stored[topic][-1][0] + 1 + moved.appended[topic]
        assert found[-1].next_offset == log.log_end
        epochs = [entry.epoch for entry in log.epochs.entries]
        assert epochs == sorted(set(epochs))
        log.close()
        assert [finding for finding in findings_in(inspect(partition, records=True)) if finding.is_damage] == []
