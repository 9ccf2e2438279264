"""aiokafka against our broker."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import (
    InvalidReplicationFactorError,
    MessageSizeTooLargeError,
    TopicAlreadyExistsError,
    UnknownTopicOrPartitionError,
)

from gomq_storage.record import NewRecord
from tests.interop.clients import (
    CODECS,
    MESSAGES,
    ServedBroker,
    assert_compressed,
    assert_kafka_prints_the_same,
    at_offsets,
    batches_in,
    records,
    sound_items,
)
from tests.support.kafka import require_kafka
from tests.support.segment_files import FIRST_TIMESTAMP

SECONDS = 40


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """It knows no other event loop."""
    return "asyncio"


async def publish(
    address: str, topic: str, sent: Iterable[NewRecord], *, partition: int | None = 0, **settings: Any
) -> list[Any]:
    """Produce records and return each one's metadata, or what went wrong with it."""
    options = {"linger_ms": 5, "acks": "all", **settings}
    async with AIOKafkaProducer(bootstrap_servers=address, **options) as producer:
        pending = [
            await producer.send(
                topic,
                record.value,
                record.key,
                partition=partition,
                timestamp_ms=record.timestamp,
                headers=list(record.headers),
            )
            for record in sent
        ]
        return await asyncio.wait_for(asyncio.gather(*pending, return_exceptions=True), SECONDS)


@asynccontextmanager
async def consumer(address: str, topic: str, *, partitions: int = 1) -> AsyncIterator[AIOKafkaConsumer]:
    opened = AIOKafkaConsumer(bootstrap_servers=address, auto_offset_reset="earliest")
    opened.assign([TopicPartition(topic, index) for index in range(partitions)])
    async with opened:
        yield opened


async def read_to_end(source: AIOKafkaConsumer) -> list[ConsumerRecord]:
    """Consume until the present end of all assigned partitions is reached."""
    ends = await source.end_offsets(source.assignment())
    messages: list[ConsumerRecord] = []
    for partition, end in ends.items():
        while await source.position(partition) < end:
            messages += (await source.getmany(partition, timeout_ms=1000)).get(partition, [])
    return messages


async def read_all(address: str, topic: str, *, partitions: int = 1) -> list[ConsumerRecord]:
    async with consumer(address, topic, partitions=partitions) as source:
        return await read_to_end(source)


def as_record(message: ConsumerRecord) -> tuple[int, NewRecord]:
    return message.offset, NewRecord(message.value, message.key, tuple(message.headers), message.timestamp)


@pytest.mark.parametrize("codec", CODECS)
async def test_messages_come_back_as_they_were_sent(served: ServedBroker, topic: str, codec: str):
    sent = records(MESSAGES)

    stored = await publish(served.address, topic, sent, compression_type=None if codec == "none" else codec)

    assert [metadata.offset for metadata in stored] == list(range(MESSAGES))
    assert [as_record(message) for message in await read_all(served.address, topic)] == at_offsets(sent)
    assert_compressed(served.partition(topic), codec)


@pytest.mark.parametrize("acks", [0, 1, "all"])
async def test_every_kind_of_acknowledgement_works(served: ServedBroker, topic: str, acks: Any):
    sent = records(500)
    await create_topic(served.address, topic)

    await publish(served.address, topic, sent, acks=acks)

    async with consumer(served.address, topic) as source:
        messages = [await asyncio.wait_for(source.getone(), SECONDS) for _ in sent]
    assert [as_record(message) for message in messages] == at_offsets(sent)


async def test_an_idempotent_producer_has_an_id_of_its_own_and_numbers_its_messages(served: ServedBroker, topic: str):
    sent = records(1000)

    await publish(served.address, topic, sent, enable_idempotence=True)
    await publish(served.address, topic, sent, enable_idempotence=True)

    assert [as_record(message) for message in await read_all(served.address, topic)] == at_offsets([*sent, *sent])
    batches = batches_in(served.partition(topic))
    producers = {batch["producer_id"] for batch in batches}
    assert len(producers) == 2
    assert min(producers) >= 0
    numbered = [number for batch in batches for number in range(batch["base_sequence"], batch["last_sequence"] + 1)]
    assert numbered == 2 * list(range(1000))


async def test_a_consumer_of_the_end_gets_only_what_is_sent_from_then_on(served: ServedBroker, topic: str):
    sent = records(200)
    await publish(served.address, topic, sent[:100])

    async with consumer(served.address, topic) as source:
        await source.seek_to_end()
        assert await source.position(TopicPartition(topic, 0)) == 100
        await publish(served.address, topic, sent[100:])
        messages = await read_to_end(source)

    assert [as_record(message) for message in messages] == at_offsets(sent[100:], first=100)


async def test_a_consumer_that_waits_gets_a_message_when_it_is_sent(served: ServedBroker, topic: str):
    (sent,) = records(1)
    await create_topic(served.address, topic)

    async with consumer(served.address, topic) as source:
        waiting = asyncio.create_task(source.getone())
        await publish(served.address, topic, [sent])
        message = await asyncio.wait_for(waiting, SECONDS)

    assert as_record(message) == (0, sent)


async def test_a_consumer_starts_at_any_offset_even_within_a_batch(served: ServedBroker, topic: str):
    sent = records(1000)
    await publish(served.address, topic, sent, compression_type="lz4", max_batch_size=1 << 20)
    assert len(batches_in(served.partition(topic))) < 10

    async with consumer(served.address, topic) as source:
        source.seek(TopicPartition(topic, 0), 777)
        messages = await read_to_end(source)

    assert [as_record(message) for message in messages] == at_offsets(sent[777:], first=777)


async def test_messages_with_one_key_stay_in_one_partition_and_in_order(served: ServedBroker, topic: str):
    await create_topic(served.address, topic, partitions=4)
    keys = [b"key %d" % (number % 50) for number in range(2000)]
    sent = [NewRecord(b"%d" % number, key, (), FIRST_TIMESTAMP) for number, key in enumerate(keys)]

    await publish(served.address, topic, sent, partition=None)

    messages = await read_all(served.address, topic, partitions=4)
    assert len(messages) == 2000
    assert {message.partition for message in messages} == {0, 1, 2, 3}
    for key in set(keys):
        of_key = [message for message in messages if message.key == key]
        assert len({message.partition for message in of_key}) == 1
        assert [message.value for message in of_key] == [record.value for record in sent if record.key == key]


async def test_offsets_are_found_by_time(served: ServedBroker, topic: str):
    sent = records(1000)
    await publish(served.address, topic, sent, max_batch_size=1000)
    partition = TopicPartition(topic, 0)

    async with consumer(served.address, topic) as source:
        found = await source.offsets_for_times({partition: sent[640].timestamp})
        none = await source.offsets_for_times({partition: FIRST_TIMESTAMP + 10**9})
        beginning = await source.beginning_offsets([partition])
        end = await source.end_offsets([partition])

    assert (found[partition].offset, found[partition].timestamp) == (640, sent[640].timestamp)
    assert none == {partition: None}
    assert (beginning, end) == ({partition: 0}, {partition: 1000})


@asynccontextmanager
async def admin(address: str) -> AsyncIterator[AIOKafkaAdminClient]:
    client = AIOKafkaAdminClient(bootstrap_servers=address)
    await client.start()
    try:
        yield client
    finally:
        await client.close()


async def create_topic(address: str, topic: str, *, partitions: int = 1, replicas: int = 1) -> int:
    """Create a topic and return the error code."""
    async with admin(address) as client:
        response = await client.create_topics([NewTopic(topic, partitions, replicas)])
    ((_, code, *_),) = response.topic_errors
    return int(code)


async def delete_topic(address: str, topic: str) -> int:
    """Delete a topic and return the error code."""
    async with admin(address) as client:
        response = await client.delete_topics([topic])
    ((_, code, *_),) = response.topic_error_codes
    return int(code)


async def topics_of(address: str) -> list[str]:
    async with admin(address) as client:
        return list(await client.list_topics())


async def test_topics_are_created_described_listed_and_deleted(served: ServedBroker, topic: str):
    assert await create_topic(served.address, topic, partitions=3) == 0
    assert topic in await topics_of(served.address)
    async with admin(served.address) as client:
        (described,) = await client.describe_topics([topic])
    assert [partition["partition"] for partition in described["partitions"]] == [0, 1, 2]

    assert await create_topic(served.address, topic) == TopicAlreadyExistsError.errno
    assert await delete_topic(served.address, topic) == 0
    assert await delete_topic(served.address, topic) == UnknownTopicOrPartitionError.errno
    assert await create_topic(served.address, topic, replicas=3) == InvalidReplicationFactorError.errno

    assert topic not in await topics_of(served.address)


async def test_a_producer_creates_the_topic_it_needs(served: ServedBroker, topic: str):
    assert topic not in await topics_of(served.address)

    await publish(served.address, topic, records(1))

    assert topic in await topics_of(served.address)


async def test_a_producer_fails_where_topics_are_not_created(served_without_auto_create: ServedBroker, topic: str):
    address = served_without_auto_create.address

    async with AIOKafkaProducer(bootstrap_servers=address, request_timeout_ms=1000) as producer:
        with pytest.raises(UnknownTopicOrPartitionError):
            await producer.send_and_wait(topic, b"x")

    assert topic not in await topics_of(address)


async def test_a_consumer_of_an_unknown_topic_gets_an_error(served_without_auto_create: ServedBroker, topic: str):
    opened = AIOKafkaConsumer(topic, bootstrap_servers=served_without_auto_create.address, request_timeout_ms=500)

    with pytest.raises(UnknownTopicOrPartitionError):
        await opened.start()
    await opened.stop()


async def test_a_large_message_passes_and_one_that_is_too_large_is_refused(served: ServedBroker, topic: str):
    sent = [NewRecord(b"x" * size, b"key", (), FIRST_TIMESTAMP) for size in (1_000_000, 1_100_000, 10)]

    first, refused, last = await publish(served.address, topic, sent, max_request_size=2_000_000)

    assert (first.offset, last.offset) == (0, 1)
    assert isinstance(refused, MessageSizeTooLargeError)
    assert [as_record(message)[1] for message in await read_all(served.address, topic)] == [sent[0], sent[2]]


@pytest.fixture(scope="module")
async def written(served: ServedBroker) -> Path:
    """A partition with batches in each codec, without and with a producer id."""
    for codec in CODECS:
        compression = None if codec == "none" else codec
        await publish(
            served.address,
            "aiokafka.written",
            records(1000),
            compression_type=compression,
            enable_idempotence=codec == "zstd",
        )
    return served.partition("aiokafka.written")


async def test_the_files_it_makes_are_sound(written: Path):
    sound_items(written)

    batches = batches_in(written)
    assert sum(batch["record_count"] for batch in batches) == 5000
    assert {batch["codec"] for batch in batches} == set(CODECS)


async def test_kafka_reads_the_files_it_makes(written: Path):
    require_kafka()

    assert_kafka_prints_the_same(written)
