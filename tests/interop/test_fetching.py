"""Other people's consumers and how they fetch: in sessions, only what was committed, many partitions fairly."""

import asyncio
import shutil
import warnings
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition as AioPartition
from confluent_kafka import OFFSET_BEGINNING, IsolationLevel, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic, OffsetSpec

from tests.interop.clients import ServedBroker
from tests.interop.test_confluent_kafka import consumer, read_to_end
from tests.support.brokers import broker_in_thread
from tests.support.kafka import CONSOLE_CONSUMER, Kafka, require_kafka
from tests.support.kafka_tools import run_in_one_jvm

with warnings.catch_warnings():  # it reads its schemas, as it is imported, in a way that Python has deprecated
    warnings.simplefilter("ignore", DeprecationWarning)
    from kafka import KafkaConsumer, TopicPartition as PyPartition

SECONDS = 30
PARTITIONS = 60
TRANSACTIONS = "fetching.transactions"


def create(address: str, topic: str, partitions: int, **configs: str) -> None:
    new = NewTopic(topic, partitions, 1, config={name.replace("_", "."): value for name, value in configs.items()})
    admin = AdminClient({"bootstrap.servers": address})
    admin.create_topics([new])[topic].result(SECONDS)


def fill(address: str, topic: str, partitions: int, messages: int, *, size: int = 1000) -> None:
    producer = Producer({"bootstrap.servers": address, "linger.ms": 5, "batch.num.messages": 4})
    for number in range(messages):
        for partition in range(partitions):
            producer.produce(topic, (b"%d/%d" % (partition, number)).ljust(size, b"."), partition=partition)
        producer.poll(0)
    assert producer.flush(SECONDS) == 0


def expected(partitions: int, messages: int) -> dict[int, list[bytes]]:
    return {
        partition: [b"%d/%d" % (partition, number) for number in range(messages)] for partition in range(partitions)
    }


def test_kafka_python_goes_on_with_its_session_and_reads_everything(served: ServedBroker, topic: str):
    create(served.address, topic, PARTITIONS)
    fill(served.address, topic, PARTITIONS, 30)
    assigned = [PyPartition(topic, index) for index in range(PARTITIONS)]
    options = {"bootstrap_servers": served.address, "enable_auto_commit": False, "fetch_max_wait_ms": 20}
    with closing(KafkaConsumer(auto_offset_reset="earliest", fetch_max_bytes=20_000, **options)) as source:
        source.assign(assigned)
        found: dict[int, list[bytes]] = {index: [] for index in range(PARTITIONS)}
        for _ in range(2000):
            for partition, messages in source.poll(timeout_ms=200).items():
                found[partition.partition] += [message.value.rstrip(b".") for message in messages]
            if sum(map(len, found.values())) >= 30 * PARTITIONS:
                break
        assert found == expected(PARTITIONS, 30)
        (handler,) = source._fetcher._session_handlers.values()
        assert handler.next_metadata.session_id > 0
        assert handler.next_metadata.epoch > 3


def test_a_small_limit_gives_every_partition_its_turn(served: ServedBroker, topic: str):
    create(served.address, topic, PARTITIONS)
    fill(served.address, topic, PARTITIONS, 40)
    assigned = [TopicPartition(topic, index, OFFSET_BEGINNING) for index in range(PARTITIONS)]
    limits = {"fetch_max_bytes": 30_000, "message_max_bytes": 30_000, "max_partition_fetch_bytes": 10_000}
    with consumer(served.address, *assigned, **limits) as source:
        messages = read_to_end(source, partitions=PARTITIONS)
    found: dict[int, list[bytes]] = {index: [] for index in range(PARTITIONS)}
    first_seen: dict[int, int] = {}
    for place, message in enumerate(messages):
        partition, value = message.partition(), message.value()
        assert partition is not None
        assert isinstance(value, bytes)
        found[partition].append(value.rstrip(b"."))
        first_seen.setdefault(partition, place)
    assert found == expected(PARTITIONS, 40)
    assert max(first_seen.values()) < len(messages) * 3 // 4  # none had to wait until the others were done


def test_javas_consumer_reads_many_partitions_within_its_session(served: ServedBroker, topic: str):
    require_kafka()
    create(served.address, topic, 20)
    fill(served.address, topic, 20, 10, size=20)
    options = ("--from-beginning", "--max-messages", "200", "--timeout-ms", "20000")
    limits = ("--command-property", "fetch.max.bytes=2000", "--command-property", "group.protocol=classic")
    done = run_in_one_jvm(CONSOLE_CONSUMER, "--bootstrap-server", served.address, "--topic", topic, *options, *limits)
    assert done.code == 0, done.stdout + done.stderr
    values = sorted(line.rstrip(".") for line in done.stdout.splitlines())
    assert values == sorted(f"{partition}/{number}" for partition in range(20) for number in range(10))


class Committed(NamedTuple):
    """A partition of Kafka's with transactions, and what its own broker says of it."""

    folder: Path
    values: list[bytes]
    last_stable_offset: int
    end: int


def stable_and_end(address: str) -> tuple[int, int]:
    """Ask for the latest offset as a reader of committed messages, and of all."""
    admin, partition = AdminClient({"bootstrap.servers": address}), TopicPartition(TRANSACTIONS, 0)
    asked = {partition: OffsetSpec.latest()}
    levels = (IsolationLevel.READ_COMMITTED, IsolationLevel.READ_UNCOMMITTED)
    stable, end = (
        admin.list_offsets(asked, isolation_level=level)[partition].result(SECONDS).offset for level in levels
    )
    return stable, end


def read_committed(address: str) -> list[bytes]:
    start = TopicPartition(TRANSACTIONS, 0, OFFSET_BEGINNING)
    limits = {"fetch_max_bytes": 200_000, "message_max_bytes": 200_000}
    with consumer(address, start, isolation_level="read_committed", **limits) as source:
        return [value for message in read_to_end(source) if isinstance(value := message.value(), bytes)]


@pytest.fixture(scope="module")
def committed(kafka_broker: Kafka) -> Committed:
    """Have Kafka write transactions that overlap, over several segments; one is not done."""
    create(kafka_broker.address, TRANSACTIONS, 1, segment_bytes="1048576")
    producers = [
        Producer({"bootstrap.servers": kafka_broker.address, "transactional.id": f"fetching.{number}", "log_level": 0})
        for number in range(3)
    ]
    for producer in producers:
        producer.init_transactions(SECONDS)
        producer.begin_transaction()
    for number in range(12):
        for each, producer in enumerate(producers):
            producer.produce(TRANSACTIONS, (b"%d/%d" % (each, number)).ljust(60_000, b"."), partition=0)
            assert producer.flush(SECONDS) == 0
        producer = producers[number % 2]  # the third one never ends
        (producer.abort_transaction if number % 3 == 1 else producer.commit_transaction)(SECONDS)
        producer.begin_transaction()
        if number == 5:
            producers[2].commit_transaction(SECONDS)
            producers[2].begin_transaction()
    values, (stable, end) = read_committed(kafka_broker.address), stable_and_end(kafka_broker.address)
    assert stable < end
    return Committed(kafka_broker.data / f"{TRANSACTIONS}-0", values, stable, end)


@pytest.fixture(params=["with indexes", "without indexes"])
def address(request: pytest.FixtureRequest, committed: Committed, tmp_path: Path) -> Iterator[str]:
    """A broker of ours that has Kafka's partition, perhaps without the indexes of what was aborted."""
    data = tmp_path / "data"
    with broker_in_thread(data) as broker:
        create(broker.address, TRANSACTIONS, 1, segment_bytes="1048576")
    folder = data / f"{TRANSACTIONS}-0"
    for path in committed.folder.iterdir():
        if path.name != "partition.metadata":
            shutil.copy(path, folder)
    indexes = list(folder.glob("*.txnindex"))
    assert indexes
    if request.param == "without indexes":
        for path in indexes:
            path.unlink()
    with broker_in_thread(data) as broker:
        yield broker.address


def test_the_last_stable_offset_is_kafkas(committed: Committed, address: str):
    assert stable_and_end(address) == (committed.last_stable_offset, committed.end)


def test_librdkafka_reads_what_was_committed(committed: Committed, address: str):
    assert read_committed(address) == committed.values


async def read_with_aiokafka(address: str, end: int) -> list[bytes]:
    partition = AioPartition(TRANSACTIONS, 0)
    options = {"isolation_level": "read_committed", "auto_offset_reset": "earliest", "fetch_max_wait_ms": 20}
    async with AIOKafkaConsumer(bootstrap_servers=address, enable_auto_commit=False, **options) as source:
        source.assign([partition])
        values: list[bytes] = []
        while await source.position(partition) < end:
            for messages in (await source.getmany(timeout_ms=100)).values():
                values += [message.value for message in messages]
        return values


def test_aiokafka_reads_what_was_committed(committed: Committed, address: str):
    reading = read_with_aiokafka(address, committed.last_stable_offset)
    assert asyncio.run(asyncio.wait_for(reading, SECONDS)) == committed.values


def test_kafka_python_reads_what_was_committed(committed: Committed, address: str):
    partition = PyPartition(TRANSACTIONS, 0)
    options = {"isolation_level": "read_committed", "auto_offset_reset": "earliest", "fetch_max_wait_ms": 20}
    with closing(KafkaConsumer(bootstrap_servers=address, enable_auto_commit=False, **options)) as source:
        source.assign([partition])
        values: list[bytes] = []
        for _ in range(500):
            for messages in source.poll(timeout_ms=100).values():
                values += [message.value for message in messages]
            if source.position(partition) >= committed.last_stable_offset:
                break
    assert values == committed.values
