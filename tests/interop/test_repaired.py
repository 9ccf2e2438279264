"""Everybody's clients read a repaired data directory: every message that survived, at its own offset."""

import warnings
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from gomq_dump.cli import main
from gomq_storage.batch import walk
from tests.support.brokers import broker_in_thread
from tests.support.kafka import dump_log_segments, require_kafka

with warnings.catch_warnings():  # it reads its schemas, as it is imported, in a way that Python has deprecated
    warnings.simplefilter("ignore", DeprecationWarning)
    from kafka import KafkaConsumer, TopicPartition as KafkaTopicPartition

COUNT = 60
TOPIC = "orders"
LOST = {10, 11, 12, 13, 14}
SECONDS = 40

pytestmark = pytest.mark.timeout(120)


def publish(address: str, first: int, end: int) -> None:
    producer = Producer({"bootstrap.servers": address, "linger.ms": 50, "enable.idempotence": True})
    for batch in range(first, end, 5):  # five messages a batch
        for number in range(batch, batch + 5):
            producer.produce(TOPIC, value=f"value {number}".encode(), key=b"key", partition=0)
        assert producer.flush(SECONDS) == 0


def damage(data: Path) -> None:
    """Damage the third batch, tear the last one, and spoil files of the data directory."""
    log = data / f"{TOPIC}-0" / "00000000000000000000.log"
    content = bytearray(log.read_bytes())
    positions = {header.base_offset: position for position, header in walk(bytes(content))}
    content[positions[10] + 90] ^= 1
    log.write_bytes(content[:-4])
    (data / "recovery-point-offset-checkpoint").write_bytes(b"nonsense")
    (data / f"{TOPIC}-0" / "leader-epoch-checkpoint").write_bytes(b"nonsense")


@pytest.fixture(scope="module")
def repaired(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("repaired")
    with broker_in_thread(directory / "data") as broker:
        publish(broker.address, 0, COUNT)
    damage(directory / "data")
    assert main(["repair", str(directory / "data"), "--to", str(directory / "mended"), "--execute"]) == 0
    assert main(["--verify", str(directory / "mended")]) == 0
    return directory / "mended"


@pytest.fixture(scope="module")
def address(repaired: Path) -> Iterator[str]:
    with broker_in_thread(repaired) as broker:
        publish(broker.address, COUNT - 5, COUNT)  # where the torn tail was, new messages go
        yield broker.address


SURVIVORS = [(number, f"value {number}".encode()) for number in range(COUNT) if number not in LOST]


def test_librdkafka(address: str) -> None:
    consumer = Consumer({"bootstrap.servers": address, "group.id": "rd", "enable.auto.commit": False})
    consumer.assign([TopicPartition(TOPIC, 0, 0)])
    found: list[tuple[int, Any]] = []
    while len(found) < len(SURVIVORS):
        message = consumer.poll(SECONDS)
        assert message is not None
        found.append((message.offset(), message.value()))
    consumer.close()
    assert found == SURVIVORS


def test_librdkafka_from_an_offset_that_is_gone(address: str) -> None:
    consumer = Consumer({"bootstrap.servers": address, "group.id": "rd", "enable.auto.commit": False})
    consumer.assign([TopicPartition(TOPIC, 0, 12)])
    message = consumer.poll(SECONDS)
    assert message is not None
    assert message.offset() == 15
    consumer.close()


def test_kafka_python(address: str) -> None:
    consumer = KafkaConsumer(bootstrap_servers=address, consumer_timeout_ms=SECONDS * 1000)
    consumer.assign([KafkaTopicPartition(TOPIC, 0)])
    consumer.seek(KafkaTopicPartition(TOPIC, 0), 0)
    found = [(each.offset, each.value) for _, each in zip(SURVIVORS, consumer, strict=False)]
    consumer.close()
    assert found == SURVIVORS


@pytest.fixture
async def aiokafka_consumer(address: str) -> AsyncIterator[object]:
    aiokafka = pytest.importorskip("aiokafka")
    consumer = aiokafka.AIOKafkaConsumer(bootstrap_servers=address, enable_auto_commit=False)
    await consumer.start()
    consumer.assign([aiokafka.TopicPartition(TOPIC, 0)])
    consumer.seek(aiokafka.TopicPartition(TOPIC, 0), 0)
    yield consumer
    await consumer.stop()


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_aiokafka(aiokafka_consumer) -> None:
    found: list[tuple[int, bytes]] = []
    with anyio.fail_after(SECONDS):
        while len(found) < len(SURVIVORS):
            message = await aiokafka_consumer.getone()
            found.append((message.offset, message.value))
    assert found == SURVIVORS


def test_kafkas_tool_reads_it_and_sees_that_messages_are_missing(repaired: Path) -> None:
    require_kafka()
    directory = repaired / f"{TOPIC}-0"
    theirs = dump_log_segments([*directory.glob("*.log"), *directory.glob("*.*index")], records=True)
    assert theirs.exit_code == 0
    assert [line.split(" in ")[0].strip() for line in theirs.complaints] == [
        "Non-consecutive offsets",
        "9 is followed by 15",
    ]
    assert b"baseOffset: 10 lastOffset: 14 count: 0" in theirs.stdout
