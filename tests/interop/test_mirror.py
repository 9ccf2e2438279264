"""Topics carried from GoMQ to a real Apache Kafka and back, with what only Kafka can show: transactions, refusals."""

import confluent_kafka
import pytest

import gomq
from gomq.client.mirroring.choosing import CHECKPOINT_TOPIC
from gomq.client.mirroring.lane import CopiedPartition
from gomq.client.mirroring.mirror import Mirror
from tests.interop.clients import ServedBroker, records
from tests.support.kafka import Kafka

pytestmark = [pytest.mark.timeout(120), pytest.mark.parametrize("anyio_backend", ["asyncio"])]


async def mirrored(source: str, target: str, topic: str) -> list[CopiedPartition]:
    """Carry a topic over, and compare both sides message by message."""
    async with Mirror(source, target) as mirror:
        plan = await mirror.plan([topic])
        copied = await mirror.copy(plan)
        assert [each for each in await mirror.verify(plan) if not each.is_same] == []
    return copied


async def publish(address: str, topic: str, codec: str, count: int) -> None:
    """Publish messages of every form, large and small."""
    async with gomq.Producer(address, codec=codec) as producer:
        await producer.create_topic(topic, partitions=2, if_not_exists=True)
        messages = [
            gomq.NewMessage(each.value, each.key, each.headers, number % 2, 1_700_000_000_000 + number)
            for number, each in enumerate(records(count))
        ]
        await producer.publish_many(topic, messages)


async def test_from_gomq_to_kafka_each_mirror_goes_on_as_the_one_before(
    served: ServedBroker, kafka_broker: Kafka, topic: str
):
    for number, codec in enumerate(("none", "zstd", "lz4"), 1):
        await publish(served.address, topic, codec, 200)
        copied = await mirrored(served.address, kafka_broker.address, topic)

        assert [each.messages for each in copied] == [100, 100]
        assert [each.target_offset for each in copied] == [100 * number] * 2
        assert all(each.keeps_offsets for each in copied)

    async with gomq.Admin(kafka_broker.address) as admin:
        producers = await admin.describe_producers(topic)
    assert [len(each) for each in producers.values()] == [1, 1]  # each mirror went on as the one before


async def test_partitions_that_are_added_are_added_at_kafka_too(served: ServedBroker, kafka_broker: Kafka, topic: str):
    await publish(served.address, topic, "none", 100)
    await mirrored(served.address, kafka_broker.address, topic)
    async with gomq.Admin(served.address) as admin, gomq.Producer(served.address) as producer:
        await admin.create_partitions(topic, 4)
        await producer.publish_many(topic, [gomq.NewMessage(b"x")] * 10, partition=3)

    copied = await mirrored(served.address, kafka_broker.address, topic)

    assert [each.target_offset for each in copied] == [50, 50, 0, 10]


async def test_two_mirrors_to_kafka_at_the_same_time_store_nothing_twice(
    served: ServedBroker, kafka_broker: Kafka, topic: str
):
    await publish(served.address, topic, "none", 100)
    await mirrored(served.address, kafka_broker.address, topic)
    await publish(served.address, topic, "zstd", 3000)

    async with (
        Mirror(served.address, kafka_broker.address) as late,
        Mirror(served.address, kafka_broker.address) as one,
    ):
        plans = await late.plan([topic]), await one.plan([topic])
        await late.copy(plans[0])
        await one.copy(plans[1])

    (first, second) = await mirrored(served.address, kafka_broker.address, topic)
    assert (first.messages, second.messages) == (0, 0)
    assert (first.target_offset, second.target_offset) == (1550, 1550)


async def test_of_kafkas_transactions_what_was_committed_arrives(served: ServedBroker, kafka_broker: Kafka, topic: str):
    transact(kafka_broker.address, topic)

    (copied,) = await mirrored(kafka_broker.address, served.address, topic)
    assert (copied.messages, copied.target_offset, copied.keeps_offsets) == (100, 100, False)
    transact(kafka_broker.address, topic)
    (copied,) = await mirrored(kafka_broker.address, served.address, topic)
    assert (copied.messages, copied.target_offset) == (100, 200)

    async with gomq.Admin(kafka_broker.address) as admin:
        wanted = {gomq.TopicPartition(topic, 0): middle_of_second(topic, kafka_broker.address)}
        await admin.reset_offsets(await admin.plan_reset(topic, to=wanted))
    async with Mirror(kafka_broker.address, served.address) as mirror:
        plan = await mirror.plan([topic])
        await mirror.copy(plan)
        (group,) = await mirror.copy_groups(plan, [topic])
    assert group.target_offset == 100 + 20
    async with gomq.Admin(served.address) as admin:
        assert CHECKPOINT_TOPIC in {each.name for each in await admin.list_topics(internal=True)}


def transact(address: str, topic: str) -> None:
    """Publish five transactions of twenty messages, each second of which is followed by one that is aborted."""
    producer = confluent_kafka.Producer({"bootstrap.servers": address, "transactional.id": topic, "linger.ms": 0})
    producer.init_transactions(30)
    for number in range(5):
        producer.begin_transaction()
        for message in range(20):
            producer.produce(topic, f"{number}/{message}".encode(), partition=0)
        producer.commit_transaction(30)
        if number % 2:
            producer.begin_transaction()
            producer.produce(topic, b"aborted", partition=0)
            producer.flush(30)
            producer.abort_transaction(30)


def middle_of_second(topic: str, address: str) -> int:
    """Find the first message of the second transaction of the second round at Kafka."""
    consumer = confluent_kafka.Consumer({"bootstrap.servers": address, "group.id": f"{topic}-look"})
    consumer.assign([confluent_kafka.TopicPartition(topic, 0, 0)])
    found: list[int] = []
    while len(found) < 2:
        message = consumer.poll(30)
        assert message is not None
        assert message.error() is None
        if message.value() == b"1/0":
            found.append(message.offset())
    consumer.close()
    return found[1]
