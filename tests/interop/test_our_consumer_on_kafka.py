"""Our consumer against a real Apache Kafka: transactions that are aborted, times, deleted records, new partitions."""

import re
from datetime import UTC, datetime, timedelta

import anyio
import pytest
from anyio import to_thread
from confluent_kafka import Producer

import gomq
from gomq.client.cluster.settings import ConnectionSettings
from gomq.client.consuming.settings import ConsumerSettings
from gomq.errors import OffsetOutOfRangeError
from gomq_storage.layout import TopicPartition
from tests.support.kafka import Kafka

pytestmark = pytest.mark.timeout(120)

SECONDS = 30
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def publish_in_transactions(address: str, topic: str) -> None:
    """Every third transaction is aborted; each has 50 messages in several batches, on two partitions."""
    producer = Producer({"bootstrap.servers": address, "transactional.id": topic, "batch.num.messages": 20})
    producer.init_transactions(SECONDS)
    for number in range(9):
        producer.begin_transaction()
        for message in range(50):
            producer.produce(topic, b"%d %d" % (number, message), partition=message % 2)
        producer.flush(SECONDS)
        if number % 3 == 2:
            producer.abort_transaction(SECONDS)
        else:
            producer.commit_transaction(SECONDS)


async def test_of_transactions_only_those_that_are_committed_come(kafka_broker: Kafka, topic: str):
    async with gomq.Admin(kafka_broker.address) as admin:
        await admin.create_topic(topic, partitions=2)
    await to_thread.run_sync(publish_in_transactions, kafka_broker.address, topic)
    found: dict[str, list[bytes | None]] = {}
    for isolation in ("read_committed", "read_uncommitted"):
        with anyio.fail_after(SECONDS):
            async with gomq.Consumer(kafka_broker.address, topic, replay=True, isolation=isolation) as consumer:
                ends = await consumer.end_offsets()
                found[isolation] = [message.value async for batch in consumer.batches(until=ends) for message in batch]
                assert await consumer.lag() == dict.fromkeys(consumer.partitions, 0)

    every = {b"%d %d" % (number, message) for number in range(9) for message in range(50)}
    assert set(found["read_uncommitted"]) == every
    assert set(found["read_committed"]) == {value for value in every if int(value.split()[0]) % 3 != 2}
    assert (len(found["read_uncommitted"]), len(found["read_committed"])) == (450, 300)


async def test_an_open_transaction_is_waited_for(kafka_broker: Kafka, topic: str):
    async with gomq.Admin(kafka_broker.address) as admin:
        await admin.create_topic(topic)
    producer = Producer({"bootstrap.servers": kafka_broker.address, "transactional.id": topic})
    await to_thread.run_sync(producer.init_transactions, SECONDS)
    producer.begin_transaction()
    producer.produce(topic, b"open")
    await to_thread.run_sync(producer.flush, SECONDS)
    with anyio.fail_after(SECONDS):
        async with gomq.Consumer(kafka_broker.address, topic, replay=True, isolation="read_committed") as consumer:
            assert set((await consumer.end_offsets()).values()) == {0}
            assert await consumer.take(timeout=0.3) == []
            await to_thread.run_sync(producer.commit_transaction, SECONDS)
            assert (await anext(consumer)).value == b"open"


async def test_times_and_deleted_records(kafka_broker: Kafka, topic: str):
    async with gomq.Producer(kafka_broker.address) as producer, gomq.Admin(kafka_broker.address) as admin:
        await producer.create_topic(topic)
        for minute in range(5):
            timestamp = round((NOON + timedelta(minutes=minute)).timestamp() * 1000)
            await producer.publish(topic, b"%d" % minute, timestamp=timestamp)
        partition = TopicPartition(topic, 0)
        with anyio.fail_after(SECONDS):
            async with gomq.Consumer(kafka_broker.address, topic, start=NOON + timedelta(minutes=3)) as consumer:
                assert (await anext(consumer)).value == b"3"
                later = NOON + timedelta(minutes=9)
                assert await consumer.offsets_for_times(later) == {partition: None}
                await consumer.seek(0, NOON + timedelta(minutes=1))
                assert (await anext(consumer)).value == b"1"
            await admin.delete_records(topic, {0: 2})
            async with gomq.Consumer(kafka_broker.address, topic, start=1) as consumer:
                with pytest.raises(OffsetOutOfRangeError, match="has no offset 1: it has 2 to 4"):
                    await anext(consumer)
            async with gomq.Consumer(kafka_broker.address, topic, start=1, out_of_range="earliest") as consumer:
                assert (await anext(consumer)).value == b"2"


async def test_new_topics_and_partitions_are_read_from_their_first_message(kafka_broker: Kafka, topic: str):
    settings = ConsumerSettings(connection=ConnectionSettings(metadata_max_age=0.2))
    pattern = re.compile(re.escape(topic) + r"\..*")
    with anyio.fail_after(SECONDS):
        async with (
            gomq.Producer(kafka_broker.address) as producer,
            gomq.Consumer(kafka_broker.address, pattern, settings=settings) as consumer,
        ):
            assert consumer.partitions == []
            await producer.create_topic(f"{topic}.a")
            await producer.publish(f"{topic}.a", b"1")
            assert (await anext(consumer)).value == b"1"
            assert consumer.partitions == [TopicPartition(f"{topic}.a", 0)]
