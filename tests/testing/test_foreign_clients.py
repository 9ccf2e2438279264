"""Other people's clients, as people test with them: the fixtures of the plugin, and nothing of ours besides."""

import warnings

import anyio
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.structs import TopicPartition as AioTopicPartition
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer
from confluent_kafka.admin import AdminClient, NewTopic
from faststream.confluent import KafkaBroker as ConfluentBroker
from faststream.kafka import KafkaBroker

from gomq.errors import KafkaStorageError, NotEnoughReplicasError
from gomq.testing import BrokerThread
from gomq_storage.layout import TopicPartition

with warnings.catch_warnings():  # it reads its schemas, as it is imported, in a way that Python has deprecated
    warnings.simplefilter("ignore", DeprecationWarning)
    from kafka import KafkaConsumer, KafkaProducer

ASYNCIO = pytest.mark.parametrize("anyio_backend", ["asyncio"])
SECONDS = 30.0


def publish(bootstrap: str, topic: str, *values: bytes, **settings: object) -> list[KafkaError | None]:
    errors: list[KafkaError | None] = []
    producer = Producer({"bootstrap.servers": bootstrap, **settings})
    for value in values:
        producer.produce(topic, value, on_delivery=lambda error, _: errors.append(error))
    assert producer.flush(SECONDS) == 0
    return errors


def test_what_confluent_kafka_publishes_is_in_the_topic(
    gomq_broker: BrokerThread, gomq_bootstrap: str, gomq_topic: str
):
    with gomq_broker.expect(gomq_topic, 2) as new:
        assert publish(gomq_bootstrap, gomq_topic, b"a", b"b") == [None, None]

    assert [message.value for message in new] == [b"a", b"b"]
    assert [message.value for message in gomq_broker.records(gomq_topic)] == [b"a", b"b"]


def test_what_confluent_kafka_consumes_in_a_group_is_committed(
    gomq_broker: BrokerThread, gomq_bootstrap: str, gomq_topic: str, gomq_group: str
):
    gomq_broker.publish(gomq_topic, [b"a", b"b", b"c"])
    settings = {"bootstrap.servers": gomq_bootstrap, "group.id": gomq_group, "auto.offset.reset": "earliest"}
    consumer = Consumer({**settings, "enable.auto.commit": False})
    consumer.subscribe([gomq_topic])
    try:
        messages = consumer.consume(3, timeout=SECONDS)
        gomq_broker.wait_for_group(gomq_group)
        consumer.commit(asynchronous=False)
    finally:
        consumer.close()

    assert [message.value() for message in messages] == [b"a", b"b", b"c"]
    assert gomq_broker.committed(gomq_group) == {TopicPartition(gomq_topic, 0): 3}


def test_confluent_kafka_tries_again_what_was_refused_once(
    gomq_broker: BrokerThread, gomq_bootstrap: str, gomq_topic: str
):
    rule = gomq_broker.faults.fail("Produce", NotEnoughReplicasError, topic=gomq_topic).once()

    assert publish(gomq_bootstrap, gomq_topic, b"a", **{"retry.backoff.ms": 10}) == [None]

    assert rule.hits == 1
    assert [asked.api for asked in gomq_broker.faults.seen].count("Produce") == 2
    assert [message.value for message in gomq_broker.records(gomq_topic)] == [b"a"]


@pytest.mark.parametrize(("is_idempotent", "stored"), [(True, [b"a"]), (False, [b"a", b"a"])])
def test_a_lost_answer_makes_a_message_come_twice_but_for_an_idempotent_producer(
    gomq_broker: BrokerThread, gomq_bootstrap: str, gomq_topic: str, is_idempotent: bool, stored: list[bytes]
):
    gomq_broker.faults.disconnect("Produce", after=True, topic=gomq_topic).once()

    settings = {"enable.idempotence": is_idempotent, "retry.backoff.ms": 10, "reconnect.backoff.ms": 10}
    assert publish(gomq_bootstrap, gomq_topic, b"a", **settings) == [None]

    assert [message.value for message in gomq_broker.records(gomq_topic)] == stored


def test_confluent_kafka_gives_a_message_up_that_a_black_hole_takes(
    gomq_broker: BrokerThread, gomq_bootstrap: str, gomq_topic: str
):
    with gomq_broker.faults.blackhole("lost-in-space", api="Produce"):
        (error,) = publish(
            gomq_bootstrap, gomq_topic, b"a", **{"client.id": "lost-in-space", "message.timeout.ms": 300}
        )
        assert publish(gomq_bootstrap, gomq_topic, b"b") == [None]

    assert error is not None
    assert error.code() == KafkaError._MSG_TIMED_OUT
    assert [message.value for message in gomq_broker.records(gomq_topic)] == [b"b"]


def test_an_admin_is_told_of_the_error_for_its_topic(gomq_broker: BrokerThread, gomq_bootstrap: str):
    admin = AdminClient({"bootstrap.servers": gomq_bootstrap})
    with gomq_broker.faults.fail("CreateTopics", KafkaStorageError):
        created = admin.create_topics([NewTopic("never-made", 1, 1)])
        with pytest.raises(KafkaException, match="KAFKA_STORAGE_ERROR"):
            created["never-made"].result(SECONDS)

    assert "never-made" not in gomq_broker.topics()


@ASYNCIO
async def test_aiokafka_publishes_and_consumes(
    gomq_broker: BrokerThread, gomq_bootstrap: str, gomq_topic: str, gomq_group: str
):
    consumer = AIOKafkaConsumer(
        gomq_topic, bootstrap_servers=gomq_bootstrap, group_id=gomq_group, auto_offset_reset="earliest"
    )
    async with AIOKafkaProducer(bootstrap_servers=gomq_bootstrap, retry_backoff_ms=10) as producer, consumer:
        await gomq_broker.wait_for_group_async(gomq_group)
        gomq_broker.faults.fail("Produce", "NOT_LEADER_OR_FOLLOWER").once()
        async with gomq_broker.expect(gomq_topic) as new:
            await producer.send_and_wait(gomq_topic, b"a", key=b"k")
        message = await consumer.getone()
        await consumer.commit()

    assert [(each.key, each.value) for each in new] == [(b"k", b"a")] == [(message.key, message.value)]
    assert gomq_broker.committed(gomq_group) == {AioTopicPartition(gomq_topic, 0): 1}


def test_kafka_python_publishes_and_consumes(gomq_broker: BrokerThread, gomq_bootstrap: str, gomq_topic: str):
    producer = KafkaProducer(bootstrap_servers=gomq_bootstrap, retry_backoff_ms=10)
    gomq_broker.faults.fail("Produce", NotEnoughReplicasError).once()
    with gomq_broker.expect(gomq_topic) as new:
        producer.send(gomq_topic, b"a").get(SECONDS)
    producer.close()
    consumer = KafkaConsumer(gomq_topic, bootstrap_servers=gomq_bootstrap, auto_offset_reset="earliest")
    values = [next(consumer).value]
    consumer.close()

    assert values == [message.value for message in new] == [b"a"]


@ASYNCIO
@pytest.mark.parametrize("kind", [KafkaBroker, ConfluentBroker])
async def test_a_faststream_application_runs_as_it_is(
    kind: type, gomq_broker: BrokerThread, gomq_bootstrap: str, gomq_topic: str, gomq_group: str
):
    app = kind(gomq_bootstrap)
    done = anyio.Event()

    @app.subscriber(gomq_topic, group_id=gomq_group, auto_offset_reset="earliest")  # type: ignore[untyped-decorator]
    @app.publisher(f"{gomq_topic}-billed")  # type: ignore[untyped-decorator]
    async def bill(order: str) -> str:
        done.set()
        return f"bill for {order}"

    async with app:
        await app.start()
        async with gomq_broker.expect(f"{gomq_topic}-billed", timeout=SECONDS) as new:
            await app.publish("an order", gomq_topic)
            with anyio.fail_after(SECONDS):
                await done.wait()

    assert [message.value for message in new] == [b"bill for an order"]
