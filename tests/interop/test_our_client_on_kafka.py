"""Our producer, consumer and admin against a real Apache Kafka: the same code that runs against GoMQ."""

import subprocess
import time

import anyio
import pytest

import gomq
from gomq.broker.configs.topic_config_table import TOPIC_CONFIGS
from gomq.broker.configs.topic_configs import topic_config_entries
from gomq.client.message import OffsetRange
from gomq.errors import (
    InvalidPartitionsError,
    InvalidTopicError,
    MessageTooLargeError,
    OffsetOutOfRangeError,
    TopicAlreadyExistsError,
)
from gomq.protocol.configs import ConfigSource, ConfigType
from gomq_storage.config import LogConfig
from tests.support.kafka import Kafka, java

pytestmark = pytest.mark.timeout(120)

SECONDS = 30
DEFAULTS = {entry.name: entry.value for entry in topic_config_entries(LogConfig(), {})}


async def everything(address: str, topic: str) -> list[gomq.Message]:
    with anyio.fail_after(SECONDS):
        async with gomq.Consumer(address, topic, replay=True) as consumer:
            ends = await consumer.end_offsets()
            return [message async for batch in consumer.batches(until=ends) for message in batch.messages]


@pytest.mark.parametrize("partitions", [1, 3])
@pytest.mark.parametrize("codec", ["none", "gzip", "snappy", "lz4", "zstd"])
async def test_ten_thousand_messages_come_back_in_order(kafka_broker: Kafka, topic: str, codec: str, partitions: int):
    values = [b"message %d" % number for number in range(10_000)]
    async with gomq.Producer(kafka_broker.address, codec=codec, max_batch_bytes=50_000) as producer:
        await producer.create_topic(topic, partitions=partitions)
        published = await producer.publish_many(topic, values)

    stored = await everything(kafka_broker.address, topic)
    assert published.count == len(stored) == 10_000
    assert len(published.offsets) == partitions
    assert sorted(message.value or b"" for message in stored) == sorted(values)
    for partition, (first, last) in published.offsets.items():
        mine = [message for message in stored if message.partition == partition]
        assert [message.offset for message in mine] == list(range(first, last + 1))
        numbers = [int((message.value or b"").split()[1]) for message in mine]
        assert numbers == sorted(numbers)


async def test_every_part_of_a_message_comes_back_as_it_was(kafka_broker: Kafka, topic: str):
    headers: list[tuple[str, bytes | None]] = [("trace", b"1"), ("null", None), ("trace", b"\xff"), ("žluť", b"")]
    now = time.time_ns() // 1_000_000
    async with gomq.Producer(kafka_broker.address) as producer:
        await producer.create_topic(topic)
        full = await producer.publish(topic, b"value", key=b"key", headers=headers, timestamp=1_600_000_000_123)
        await producer.publish(topic, None, key=b"")
        published = await producer.publish_many(
            topic, [b"plain", gomq.NewMessage(b"", headers={"a": b"b"}, timestamp=5), gomq.NewMessage(None)]
        )

    stored = await everything(kafka_broker.address, topic)
    assert (full.offset, full.timestamp) == (0, 1_600_000_000_123)
    assert published.offsets == {0: OffsetRange(2, 4)}
    assert stored[0] == gomq.Message(topic, 0, 0, 1_600_000_000_123, b"key", b"value", tuple(headers))
    assert [(message.key, message.value) for message in stored[1:]] == [
        (b"", None), (None, b"plain"), (None, b""), (None, None),
    ]  # fmt: skip
    assert now <= stored[1].timestamp <= time.time_ns() // 1_000_000
    assert (stored[3].timestamp, stored[3].headers) == (5, (("a", b"b"),))


async def test_a_topic_with_the_brokers_timestamps_tells_them_in_the_receipt(kafka_broker: Kafka, topic: str):
    async with gomq.Producer(kafka_broker.address) as producer:
        await producer.create_topic(topic, configs={"message.timestamp.type": "LogAppendTime"})
        receipt = await producer.publish(topic, b"x", timestamp=5)

    (stored,) = await everything(kafka_broker.address, topic)
    assert abs(receipt.timestamp - time.time_ns() // 1_000_000) < 60_000
    assert stored.timestamp == receipt.timestamp


@pytest.mark.parametrize("acks", ["all", 1, 0])
async def test_each_kind_of_acknowledgement_stores_the_message(kafka_broker: Kafka, topic: str, acks):
    async with gomq.Producer(kafka_broker.address, acks=acks) as producer:
        await producer.create_topic(topic)
        receipt = await producer.publish(topic, b"x")

    with anyio.fail_after(SECONDS):
        async with gomq.Consumer(kafka_broker.address, topic, replay=True) as consumer:
            assert (await anext(consumer)).value == b"x"
    assert receipt.offset == (-1 if acks == 0 else 0)


async def test_from_now_on_come_only_new_messages(kafka_broker: Kafka, topic: str):
    with anyio.fail_after(SECONDS):
        async with gomq.Producer(kafka_broker.address) as producer:
            await producer.create_topic(topic, partitions=3)
            await producer.publish_many(topic, [b"old"] * 100)
            async with gomq.Consumer(kafka_broker.address, topic) as consumer:
                for partition in range(3):
                    await producer.publish(topic, b"new", partition=partition)
                messages = [await anext(consumer) for _ in range(3)]

    assert {(message.partition, message.value) for message in messages} == {(0, b"new"), (1, b"new"), (2, b"new")}


async def test_keys_go_where_kafkas_own_producer_puts_them(kafka_broker: Kafka, topic: str):
    keys = [f"key-{number}" for number in range(200)]
    async with gomq.Producer(kafka_broker.address) as producer:
        await producer.create_topic(topic, partitions=7)
        await producer.publish_many(topic, [gomq.NewMessage(b"ours", key=key.encode()) for key in keys])
    options = ("--bootstrap-server", kafka_broker.address, "--topic", topic)
    keyed = ("--reader-property", "parse.key=true", "--reader-property", "key.separator=,")
    lines = "".join(f"{key},theirs\n" for key in keys)
    command = java("org.apache.kafka.tools.ConsoleProducer", *options, *keyed)
    await anyio.to_thread.run_sync(lambda: subprocess.run(command, input=lines.encode(), check=True, timeout=SECONDS))

    stored = await everything(kafka_broker.address, topic)
    ours = {message.key: message.partition for message in stored if message.value == b"ours"}
    theirs = {message.key: message.partition for message in stored if message.value == b"theirs"}
    assert ours == theirs
    assert (len(ours), set(ours.values())) == (200, set(range(7)))


async def test_topics_are_created_listed_described_and_deleted(kafka_broker: Kafka, topic: str):
    with anyio.fail_after(SECONDS):
        async with gomq.Admin(kafka_broker.address) as admin, gomq.Producer(kafka_broker.address) as producer:
            assert await admin.create_topic(topic, partitions=3, configs={"retention.ms": 86_400_000})
            assert not await admin.create_topic(topic, if_not_exists=True)
            await producer.publish(topic, b"x", partition=1)
            described = await admin.describe_topic(topic)
            assert [(each.beginning_offset, each.end_offset) for each in described.partitions] == [
                (0, 0),
                (0, 1),
                (0, 0),
            ]
            assert {each.leader for each in described.partitions} == {1}
            assert topic in [each.name for each in await admin.list_topics()]
            assert (await admin.describe_cluster()).brokers[0].node_id == 1
            assert await admin.delete_topic(topic)
            assert not await admin.delete_topic(topic, if_exists=True)
            with pytest.raises(gomq.UnknownTopicError, match=topic):
                await admin.describe_topic(topic)


async def test_configs_are_described_changed_and_taken_back(kafka_broker: Kafka, topic: str):
    with anyio.fail_after(SECONDS):
        async with gomq.Admin(kafka_broker.address) as admin:
            await admin.create_topic(topic, configs={"retention.ms": 86_400_000, "segment.bytes": 2 << 20})
            await admin.alter_configs(topic, {"cleanup.policy": "compact,delete"}, unset=["segment.bytes"])
            await admin.alter_configs(topic, {"retention.ms": 1}, validate_only=True)
            entries = await admin.describe_configs(topic)
            assert {name: entry.value for name, entry in entries.items() if entry.is_own} == {
                "cleanup.policy": "compact,delete",
                "retention.ms": "86400000",
            }
            assert (entries["retention.ms"].type, entries["segment.bytes"].source) == (
                ConfigType.LONG,
                ConfigSource.DEFAULT,
            )
            assert entries["retention.ms"].documentation
            with pytest.raises(gomq.BrokerError, match=r"cannot be changed: .*retention\.ms"):
                await admin.alter_configs(topic, {"retention.ms": "soon"})
            with pytest.raises(gomq.UnknownTopicError, match="configs of topic 'nowhere' cannot be described"):
                await admin.describe_configs("nowhere")


async def test_first_messages_are_deleted(kafka_broker: Kafka, topic: str):
    with anyio.fail_after(SECONDS):
        async with gomq.Admin(kafka_broker.address) as admin, gomq.Producer(kafka_broker.address) as producer:
            await admin.create_topic(topic, partitions=2)
            for _ in range(4):
                await producer.publish(topic, b"x", partition=1)
            assert await admin.delete_records(topic, {1: 3, 0: -1}) == {0: 0, 1: 3}
            assert await admin.delete_records(topic, {1: -1}) == {1: 4}
            with pytest.raises(OffsetOutOfRangeError, match=f"{topic}-1"):
                await admin.delete_records(topic, {1: 5})
            compacted = f"{topic}.compacted"
            await admin.create_topic(compacted, configs={"cleanup.policy": "compact"})
            with pytest.raises(gomq.BrokerError, match="policy violation"):
                await admin.delete_records(compacted, {0: 0})


async def test_every_config_has_the_same_type_and_names_here_and_there(kafka_broker: Kafka, topic: str):
    with anyio.fail_after(SECONDS):
        async with gomq.Admin(kafka_broker.address) as admin:
            await admin.create_topic(topic)
            theirs = await admin.describe_configs(topic)
    for name, config in TOPIC_CONFIGS.items():
        assert config.type == theirs[name].type
        assert {each.name for each in theirs[name].synonyms} <= {config.broker_name}
    left_out = {name for name in theirs.keys() - TOPIC_CONFIGS if "remote" not in name and "local" not in name}
    assert left_out == {"follower.replication.throttled.replicas", "leader.replication.throttled.replicas"}
    differing = {name for name, entry in theirs.items() if name in TOPIC_CONFIGS and entry.value != DEFAULTS[name]}
    assert differing == {"retention.ms", "segment.index.bytes"}


async def test_what_kafka_refuses_is_told_by_name(kafka_broker: Kafka, topic: str):
    with anyio.fail_after(SECONDS):
        async with gomq.Admin(kafka_broker.address) as admin, gomq.Producer(kafka_broker.address) as producer:
            await admin.create_topic(topic)
            with pytest.raises(TopicAlreadyExistsError, match=topic):
                await admin.create_topic(topic)
            with pytest.raises(InvalidTopicError, match="'no/slashes'"):
                await admin.create_topic("no/slashes")
            with pytest.raises(gomq.BrokerError, match=r"no\.such\.setting"):
                await admin.create_topic("other", configs={"no.such.setting": 1})
            with pytest.raises((InvalidPartitionsError, gomq.BrokerError), match="'other'"):
                await admin.create_topic("other", replication_factor=5)
            with pytest.raises(MessageTooLargeError, match=f"{topic}-0"):
                await producer.publish(topic, bytes(2 << 20))
            await producer.publish(topic, bytes(500_000))


async def test_an_unknown_topic_is_named_and_not_created(kafka_broker: Kafka):
    with anyio.fail_after(SECONDS):
        with pytest.raises(gomq.UnknownTopicError, match="topic 'nowhere' does not exist"):
            async with gomq.Consumer(kafka_broker.address, "nowhere"):
                raise AssertionError("not reached")
        async with gomq.Admin(kafka_broker.address) as admin:
            assert "nowhere" not in [each.name for each in await admin.list_topics()]


async def test_a_producer_has_its_topic_created(kafka_broker: Kafka, topic: str):
    with anyio.fail_after(SECONDS):
        async with gomq.Producer(kafka_broker.address) as producer:
            assert (await producer.publish(topic, b"x")).offset == 0


async def test_many_tasks_keep_their_own_order(kafka_broker: Kafka, topic: str):
    async def publish(producer: gomq.Producer, name: int) -> None:
        for number in range(20):
            await producer.publish(topic, b"%d" % number, key=b"%d" % name)

    with anyio.fail_after(SECONDS):
        async with gomq.Producer(kafka_broker.address) as producer:
            await producer.create_topic(topic, partitions=3)
            async with anyio.create_task_group() as group:
                for name in range(20):
                    group.start_soon(publish, producer, name)

    by_key: dict[bytes | None, list[int]] = {}
    for message in await everything(kafka_broker.address, topic):
        by_key.setdefault(message.key, []).append(int(message.value or b""))
    assert by_key == {b"%d" % name: list(range(20)) for name in range(20)}
