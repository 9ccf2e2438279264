"""Other people's consumers, and ours, read a compacted topic over its gaps."""

import time
from collections.abc import Iterator
from random import Random
from typing import NamedTuple

import pytest
from confluent_kafka import Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

import gomq
from tests.interop import test_aiokafka, test_confluent_kafka, test_kafka_java, test_kafka_python
from tests.interop.clients import CODECS, ServedBroker
from tests.support.brokers import broker_process
from tests.support.dumping import as_json, as_text, findings_in, inspect, inspect_as_kafka, paths_of
from tests.support.kafka import dump_log_segments, require_kafka
from tests.support.running import BUSY

TOPIC = "compacted"
MESSAGES_PER_CODEC = 200
KEYS = 7
DEADLINE_SECONDS = 20
CONFIGS = {
    "cleanup.policy": "compact",
    "segment.bytes": "10000",
    "min.cleanable.dirty.ratio": "0.01",
    "file.delete.delay.ms": "0",
}

Stored = tuple[int, bytes | None, bytes | None]
"""Offset, key and value."""


class Compacted(NamedTuple):
    """A compacted topic and what is left in it."""

    broker: ServedBroker
    stored: list[Stored]

    @property
    def end(self) -> int:
        """The offset behind the last message."""
        return self.stored[-1][0] + 1


def value_of(codec: str, number: int) -> bytes | None:
    """Make a value that hardly gets shorter, or none."""
    return None if number % 50 == 0 else Random(f"{codec} {number}").randbytes(60).hex().encode()


def publish(address: str) -> None:
    admin = AdminClient({"bootstrap.servers": address})
    admin.create_topics([NewTopic(TOPIC, 1, 1, config=CONFIGS)])[TOPIC].result(DEADLINE_SECONDS)
    for codec in CODECS:
        producer = Producer({"bootstrap.servers": address, "compression.type": codec, "batch.num.messages": 10})
        for number in range(MESSAGES_PER_CODEC):
            key = b"key %d" % (number % KEYS)
            producer.produce(TOPIC, value_of(codec, number), key, 0, headers=[("codec", codec.encode())])
        assert producer.flush(DEADLINE_SECONDS) == 0


def stored(message: Message) -> Stored:
    return message.offset(), message.key(), message.value()


def read_when_compacted(broker: ServedBroker) -> list[Stored]:
    """Read the topic until below its active segment no key is there twice."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while time.monotonic() < deadline:
        found = [stored(message) for message in test_confluent_kafka.read_all(broker.address, TOPIC)]
        active = max(int(path.stem) for path in broker.partition(TOPIC).glob("*.log"))
        old = [key for offset, key, _ in found if offset < active]
        if len(old) == len(set(old)):
            return found
    pytest.fail("the topic has not been compacted")


@pytest.fixture(scope="module")
def compacted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Compacted]:
    data = tmp_path_factory.mktemp("compacted") / "data"
    with broker_process(data, command=BUSY) as process:
        broker = ServedBroker(process.address, data)
        publish(process.address)
        yield Compacted(broker, read_when_compacted(broker))


def test_of_each_key_the_last_message_is_left_at_its_offset(compacted: Compacted):
    offsets = [offset for offset, _, _ in compacted.stored]
    assert len(offsets) < MESSAGES_PER_CODEC
    assert offsets == sorted(set(offsets))
    assert compacted.end == len(CODECS) * MESSAGES_PER_CODEC
    last = {key: value for _, key, value in compacted.stored}
    numbers = range(MESSAGES_PER_CODEC - KEYS, MESSAGES_PER_CODEC)
    assert last == {b"key %d" % (number % KEYS): value_of(CODECS[-1], number) for number in numbers}


def test_our_inspector_and_kafkas_find_the_files_sound(compacted: Compacted):
    items = inspect(compacted.broker.partition(TOPIC), records=True)
    assert [finding for finding in findings_in(items) if finding.is_damage] == []
    found = [each["offset"] for each in as_json(items) if each["type"] == "record"]
    assert found == [offset for offset, _, _ in compacted.stored]
    require_kafka()
    items = inspect_as_kafka(compacted.broker.partition(TOPIC), records=True)
    theirs = dump_log_segments(paths_of(items), records=True)
    assert theirs.exit_code == 0
    assert as_text(items) == theirs.stdout


async def test_our_consumer_reads_it(compacted: Compacted):
    found: list[Stored] = []
    async with gomq.Consumer(compacted.broker.address, TOPIC, replay=True) as consumer:
        async for message in consumer:
            found.append((message.offset, message.key, message.value))
            if message.offset == compacted.end - 1:
                break
    assert found == compacted.stored


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_aiokafka_reads_it(compacted: Compacted):
    found = await test_aiokafka.read_all(compacted.broker.address, TOPIC)
    assert [(each.offset, each.key, each.value) for each in found] == compacted.stored


def test_kafka_python_reads_it(compacted: Compacted):
    found = test_kafka_python.read_all(compacted.broker.address, TOPIC)
    assert [(each.offset, each.key, each.value) for each in found] == compacted.stored


def test_librdkafka_starts_anywhere_in_a_gap(compacted: Compacted):
    for offset in range(0, compacted.end, 37):
        with test_confluent_kafka.consumer(compacted.broker.address, TopicPartition(TOPIC, 0, offset)) as source:
            found = [stored(message) for message in test_confluent_kafka.read_to_end(source)]
        assert found == [each for each in compacted.stored if each[0] >= offset]


def test_kafkas_own_programs_read_it(compacted: Compacted):
    require_kafka()
    address = compacted.broker.address
    assert test_kafka_java.offsets(address, TOPIC, "earliest") == [f"{TOPIC}:0:0"]
    assert test_kafka_java.offsets(address, TOPIC, "latest") == [f"{TOPIC}:0:{compacted.end}"]
    printed = [line.split("\t") for line in test_kafka_java.consume(address, TOPIC, len(compacted.stored))]
    assert [int(fields[2].removeprefix("Offset:")) for fields in printed] == [each[0] for each in compacted.stored]
    assert [fields[-1] for fields in printed] == [(value or b"null").decode() for _, _, value in compacted.stored]
