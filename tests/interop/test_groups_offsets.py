"""What other people's clients commit is there for them: after a restart, for their admin tools, from Kafka's files."""

import shutil
import time
import warnings
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition as AioPartition
from aiokafka.admin import AIOKafkaAdminClient
from confluent_kafka import (
    Consumer,
    ConsumerGroupTopicPartitions,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient

from gomq.broker.groups.topic import OFFSETS_TOPIC
from tests.interop.clients import ServedBroker, assert_kafka_prints_the_same
from tests.support.brokers import broker_process
from tests.support.kafka import require_kafka
from tests.support.kafka_lives import KafkaLives

with warnings.catch_warnings():  # it reads its schemas, as it is imported, in a way that Python has deprecated
    warnings.simplefilter("ignore", DeprecationWarning)
    from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition as PythonPartition
    from kafka.errors import CoordinatorLoadInProgressError
    from kafka.structs import OffsetAndMetadata as PythonOffset

SECONDS = 40
COUNT = 10


def fill(address: str, topic: str) -> None:
    producer = Producer({"bootstrap.servers": address})
    for number in range(COUNT):
        producer.produce(topic, b"%d" % number, partition=0)
    assert producer.flush(SECONDS) == 0


@contextmanager
def confluent(address: str, group: str, **settings: Any) -> Iterator[Consumer]:
    options = {"enable.auto.commit": False, "auto.offset.reset": "earliest", **settings}
    consumer = Consumer({"bootstrap.servers": address, "group.id": group, **options})
    try:
        yield consumer
    finally:
        consumer.close()


def take(consumer: Consumer, count: int) -> list[bytes | None]:
    """Consume so many messages."""
    messages: list[bytes | None] = []
    deadline = time.monotonic() + SECONDS
    while len(messages) < count:
        assert time.monotonic() < deadline
        if (message := consumer.poll(0.5)) is not None and message.error() is None:
            messages.append(message.value())
    return messages


def values(start: int, end: int = COUNT) -> list[bytes]:
    return [b"%d" % number for number in range(start, end)]


def test_confluent_kafka_goes_on_where_it_was_after_a_restart_and_after_a_kill(data: Path):
    for start, killed in ((0, False), (3, True), (6, False)):
        with broker_process(data) as broker:
            if start == 0:
                fill(broker.address, "orders")
            with confluent(broker.address, "readers") as consumer:
                consumer.subscribe(["orders"])
                assert take(consumer, 3) == values(start, start + 3)
                wanted = TopicPartition("orders", 0, start + 3, metadata=f"at {start}", leader_epoch=0)
                consumer.commit(offsets=[wanted], asynchronous=False)
                (found,) = consumer.committed([TopicPartition("orders", 0)], timeout=SECONDS)
                # confluent_kafka also sends the zero that ends a string in C
                assert (found.offset, found.metadata.rstrip("\0")) == (start + 3, f"at {start}")
            broker.kill() if killed else broker.terminate()


def test_a_confluent_kafka_consumer_outlives_a_restart_of_the_broker(data: Path, kept_address: str):
    with broker_process(data, listen=kept_address) as broker:
        fill(broker.address, "orders")
        with confluent(broker.address, "readers") as consumer:
            consumer.subscribe(["orders"])
            assert take(consumer, 3) == values(0, 3)
            consumer.commit(offsets=[TopicPartition("orders", 0, 3)], asynchronous=False)
            broker.kill()
            with broker_process(data, listen=kept_address) as again:
                (found,) = consumer.committed([TopicPartition("orders", 0)], timeout=SECONDS)
                assert found.offset == 3
                fill(again.address, "orders")
                assert take(consumer, 2 * COUNT - 3) == [*values(3), *values(0)]
                consumer.commit(offsets=[TopicPartition("orders", 0, 9)], asynchronous=False)


def test_confluent_kafkas_admin_lists_alters_and_deletes(served: ServedBroker, topic: str):
    fill(served.address, topic)
    admin = AdminClient({"bootstrap.servers": served.address})
    wanted = ConsumerGroupTopicPartitions(topic, [TopicPartition(topic, 0, 4)])

    (altered,) = admin.alter_consumer_group_offsets([wanted]).values()
    assert altered.result(SECONDS).topic_partitions[0].error is None
    for asked in (None, [TopicPartition(topic, 0)]):
        (listed,) = admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(topic, asked)]).values()
        (found,) = listed.result(SECONDS).topic_partitions
        assert (found.topic, found.partition, found.offset) == (topic, 0, 4)
    with confluent(served.address, topic) as consumer:
        consumer.subscribe([topic])
        assert take(consumer, COUNT - 4) == values(4)
        (refused,) = admin.alter_consumer_group_offsets([wanted]).values()
        assert refused.result(SECONDS).topic_partitions[0].error.name() == "UNKNOWN_MEMBER_ID"

    (deleted,) = admin.delete_consumer_groups([topic]).values()
    deleted.result(SECONDS)
    (listed,) = admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(topic, None)]).values()
    assert listed.result(SECONDS).topic_partitions == []


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_aiokafka_goes_on_where_it_was(data: Path):
    where = AioPartition("orders", 0)
    for start, killed in ((0, True), (3, False)):
        with broker_process(data) as broker:
            if start == 0:
                async with AIOKafkaProducer(bootstrap_servers=broker.address) as producer:
                    for value in values(0):
                        await producer.send_and_wait("orders", value, partition=0)
            consumer = AIOKafkaConsumer(
                "orders",
                bootstrap_servers=broker.address,
                group_id="readers",
                auto_offset_reset="earliest",
                enable_auto_commit=False,
            )
            async with consumer:
                with anyio.fail_after(SECONDS):
                    assert [(await consumer.getone()).value for _ in range(3)] == values(start, start + 3)
                await consumer.commit({where: (start + 3, "m")})
                assert await consumer.committed(where) == start + 3
            admin = AIOKafkaAdminClient(bootstrap_servers=broker.address)
            await admin.start()
            found = await admin.list_consumer_group_offsets("readers")
            await admin.close()
            assert {key: (each.offset, each.metadata) for key, each in found.items()} == {where: (start + 3, "m")}
            broker.kill() if killed else broker.terminate()


def test_kafka_python_goes_on_where_it_was(data: Path):
    where = PythonPartition("orders", 0)
    for start, killed in ((0, True), (3, False)):
        with broker_process(data) as broker:
            if start == 0:
                fill(broker.address, "orders")
            consumer = KafkaConsumer(
                "orders",
                bootstrap_servers=broker.address,
                group_id="readers",
                auto_offset_reset="earliest",
                enable_auto_commit=False,
                max_poll_records=3,
                consumer_timeout_ms=SECONDS * 1000,
            )
            with closing(consumer):
                assert [next(consumer).value for _ in range(3)] == values(start, start + 3)
                consumer.commit({where: PythonOffset(start + 3, "m", -1)})
                assert consumer.committed(where) == start + 3
            broker.kill() if killed else broker.terminate()


def test_kafka_pythons_admin_lists_alters_and_deletes(served: ServedBroker, topic: str):
    fill(served.address, topic)
    where = PythonPartition(topic, 0)
    with closing(KafkaAdminClient(bootstrap_servers=served.address)) as admin:
        admin.alter_group_offsets(topic, {where: PythonOffset(5, "m", -1)})
        found = admin.list_group_offsets([topic])
        assert {key: (each.offset, each.metadata) for key, each in found[topic].items()} == {where: (5, "m")}
        admin.delete_group_offsets(topic, [where])
        assert admin.list_group_offsets([topic])[topic] == {}
        admin.delete_groups([topic])
        assert topic not in {each["group_id"] for each in admin.list_groups()}


def commit_to_kafka(address: str) -> None:
    """Commit as a member, as nobody's member, and within transactions, of which one is given up."""
    fill(address, "orders")
    with confluent(address, "members") as consumer:
        consumer.subscribe(["orders"])
        take(consumer, 3)
        for offset in (1, 2, 3):
            consumer.commit(offsets=[TopicPartition("orders", 0, offset, metadata="m")], asynchronous=False)
    with confluent(address, "nobody") as consumer:
        consumer.commit(offsets=[TopicPartition("orders", 0, 7)], asynchronous=False)
        producer = Producer({"bootstrap.servers": address, "transactional.id": "t"})
        producer.init_transactions(SECONDS)
        for number, is_given_up in enumerate((False, True)):
            producer.begin_transaction()
            producer.produce("orders", b"in a transaction")
            with confluent(address, "transactions") as other:
                where = [TopicPartition("orders", 0, 4 + number)]
                producer.send_offsets_to_transaction(where, other.consumer_group_metadata(), SECONDS)
            (producer.abort_transaction if is_given_up else producer.commit_transaction)(SECONDS)


def copy_segments(source: Path, target: Path) -> None:
    """Replace the segments of one partition by those of another, and nothing else."""
    for path in target.glob("0*"):
        path.unlink()
    for path in source.glob("0*"):
        shutil.copy(path, target)


def listed(address: str, *groups: str) -> dict[str, int | None]:
    """How far each group got in a topic's only partition; asked until all is loaded, as Kafka serves before that."""
    where = PythonPartition("orders", 0)
    with closing(KafkaAdminClient(bootstrap_servers=address)) as admin:
        deadline = time.monotonic() + SECONDS
        while True:
            try:
                found = admin.list_group_offsets(list(groups))
            except CoordinatorLoadInProgressError:
                assert time.monotonic() < deadline
            else:
                return {group: each[where].offset if where in each else None for group, each in found.items()}


@pytest.mark.soak
@pytest.mark.timeout(180)
def test_a_kafkas_groups_are_there_when_its_files_are_taken_over_and_ours_when_they_are_given_back(tmp_path: Path):
    require_kafka()
    lives, data = KafkaLives(tmp_path), tmp_path / "gomq"
    theirs, ours = (folder / f"{OFFSETS_TOPIC}-0" for folder in (lives.data, data))
    with lives.life() as kafka:
        commit_to_kafka(kafka.address)
    with broker_process(data) as broker:
        fill(broker.address, "orders")
        with confluent(broker.address, "nobody") as consumer:
            consumer.commit(offsets=[TopicPartition("orders", 0, 1)], asynchronous=False)
        broker.kill()
    copy_segments(theirs, ours)
    with broker_process(data) as broker:
        found = listed(broker.address, "members", "nobody", "transactions")
        assert found == {"members": 3, "nobody": 7, "transactions": 4}
        with confluent(broker.address, "members") as consumer:
            consumer.subscribe(["orders"])
            assert take(consumer, 2) == values(3, 5)
            consumer.commit(offsets=[TopicPartition("orders", 0, 5)], asynchronous=False)
        with confluent(broker.address, "ours") as consumer:
            consumer.commit(offsets=[TopicPartition("orders", 0, 9)], asynchronous=False)
        admin = AdminClient({"bootstrap.servers": broker.address})
        (deleted,) = admin.delete_consumer_groups(["nobody"]).values()
        deleted.result(SECONDS)
        assert broker.terminate() == 0
    assert_kafka_prints_the_same(ours)
    copy_segments(ours, theirs)
    with lives.life() as kafka:
        found = listed(kafka.address, "members", "nobody", "transactions", "ours")
        assert found == {"members": 5, "nobody": None, "transactions": 4, "ours": 9}
