"""Our idempotent producer against a real Apache Kafka: through lost answers, refusals and limits; others read it.

That Kafka takes our numbers, and never refuses or doubles a batch by them, is what only Kafka can show.
"""

import anyio
import confluent_kafka
import pytest
from aiokafka import AIOKafkaConsumer

import gomq
from gomq.client.cluster.settings import ConnectionSettings
from gomq.client.producing.settings import ProducerSettings
from gomq.errors import MessageTooLargeError
from tests.interop.clients import ServedBroker
from tests.interop.test_our_client_on_kafka import everything
from tests.support.kafka import Kafka

pytestmark = pytest.mark.timeout(120)

QUICK = ConnectionSettings(first_backoff=0.01, max_backoff=0.1)
CUTS = 8


async def publish_through_cuts(address: str, topic: str, values: list[bytes]) -> gomq.Published:
    """Publish while connections are closed again and again, with requests on them that the broker may have read."""
    settings = ProducerSettings(connection=QUICK, max_batch_bytes=2000, buffer_bytes=40_000)
    async with gomq.Producer(address, settings=settings) as producer:
        await producer.create_topic(topic)

        async def with_cuts():
            for number, value in enumerate(values):
                yield value
                if number % (len(values) // CUTS) == 50:
                    assert producer._cluster is not None
                    for connection in list(producer._cluster._connections.values()):
                        connection.close()
                    await anyio.lowlevel.checkpoint()

        return await producer.publish_many(topic, with_cuts())


async def test_what_is_sent_again_after_lost_answers_is_there_once_and_in_order(kafka_broker: Kafka, topic: str):
    values = [b"%06d" % number for number in range(20_000)]
    published = await publish_through_cuts(kafka_broker.address, topic, values)

    assert published.count == len(values)
    assert [message.value for message in await everything(kafka_broker.address, topic)] == values


@pytest.mark.parametrize("codec", ["none", "zstd"])
async def test_a_batch_that_is_too_large_for_the_topic_is_split_until_it_fits(
    kafka_broker: Kafka, topic: str, codec: str
):
    values = [b"%06d" % number * 30 for number in range(500)]
    async with gomq.Producer(kafka_broker.address, codec=codec) as producer:
        await producer.create_topic(topic, configs={"max.message.bytes": 1000})
        published = await producer.publish_many(topic, values)
        with pytest.raises(MessageTooLargeError):
            await producer.publish(topic, bytes(range(256)) * 40 if codec == "none" else incompressible())
        after = await producer.publish(topic, b"after")

    assert published.count == len(values)
    assert after.offset == len(values)
    assert [message.value for message in await everything(kafka_broker.address, topic)] == [*values, b"after"]


def incompressible() -> bytes:
    """Four kilobytes that no codec makes smaller."""
    state, found = 1, bytearray()
    while len(found) < 4096:
        state = state * 6364136223846793005 + 1442695040888963407 & (1 << 64) - 1
        found += (state >> 32).to_bytes(4, "big")
    return bytes(found)


async def test_each_partition_has_numbers_of_its_own(kafka_broker: Kafka, topic: str):
    async with gomq.Producer(kafka_broker.address, max_batch_bytes=500) as producer:
        await producer.create_topic(topic, partitions=3)
        for number in range(900):
            producer.publish_nowait(topic, b"%d" % number, key=b"%d" % (number % 7))
        await producer.flush()

    by_key: dict[bytes | None, list[int]] = {}
    for message in await everything(kafka_broker.address, topic):
        by_key.setdefault(message.key, []).append(int(message.value or b""))
    assert by_key == {b"%d" % key: list(range(key, 900, 7)) for key in range(7)}


async def test_other_clients_read_from_gomq_what_ours_published_through_lost_answers(served: ServedBroker, topic: str):
    values = [b"%06d" % number for number in range(5000)]
    await publish_through_cuts(served.address, topic, values)

    consumer = confluent_kafka.Consumer({
        "bootstrap.servers": served.address, "group.id": "none", "enable.auto.commit": False,
    })  # fmt: skip
    try:
        consumer.assign([confluent_kafka.TopicPartition(topic, 0, 0)])
        found: list[bytes | None] = []
        while len(found) < len(values):
            messages = consumer.consume(1000, timeout=10)
            assert messages
            found += [message.value() for message in messages]
    finally:
        consumer.close()
    assert found == values


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_aiokafka_reads_from_gomq_what_ours_published_with_headers_and_keys(served: ServedBroker, topic: str):
    async with gomq.Producer(served.address, codec="lz4") as producer:
        await producer.create_topic(topic)
        for number in range(100):
            producer.publish_nowait(topic, b"%d" % number, key=b"k", headers=[("a", b"1"), ("a", b"2")])

    consumer = AIOKafkaConsumer(topic, bootstrap_servers=served.address, auto_offset_reset="earliest")
    async with consumer:
        with anyio.fail_after(20):
            found = [await consumer.getone() for _ in range(100)]
    assert [message.value for message in found] == [b"%d" % number for number in range(100)]
    assert {(message.key, message.headers) for message in found} == {(b"k", (("a", b"1"), ("a", b"2")))}
