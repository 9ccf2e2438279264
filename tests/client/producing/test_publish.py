"""``Producer.publish`` against a real broker: what is stored is what was given, and the receipt says where."""

import time
from itertools import groupby
from typing import Any

import anyio
import pytest

import gomq
from gomq.client.producing.partitioner import partition_of_key
from gomq.errors import ConfigurationError, MessageTooLargeError


async def everything(address: str, topic: str) -> list[gomq.Message]:
    async with gomq.Consumer(address, topic, replay=True) as consumer:
        ends = await consumer.end_offsets()
        return [message async for batch in consumer.batches(until=ends) for message in batch.messages]


@pytest.mark.parametrize("acks", ["all", 1])
async def test_a_receipt_says_where_the_message_is(broker: gomq.Broker, acks: Any):
    async with gomq.Producer(broker.address, acks=acks) as producer:
        before = time.time_ns() // 1_000_000
        receipts = [await producer.publish("orders", b"%d" % number) for number in range(3)]

    assert [receipt[:3] for receipt in receipts] == [("orders", 0, offset) for offset in range(3)]
    assert all(before <= receipt.timestamp <= time.time_ns() // 1_000_000 for receipt in receipts)
    async with gomq.Consumer(broker.address, "orders", replay=True) as consumer:
        stored = [await anext(consumer) for _ in range(3)]  # with acks=1 they may be seen a little later
    assert [(message.offset, message.timestamp) for message in stored] == [(r.offset, r.timestamp) for r in receipts]


async def test_with_acks_0_no_offset_is_known_but_the_message_arrives(broker: gomq.Broker):
    async with gomq.Producer(broker.address, acks=0) as producer:
        await producer.create_topic("orders")
        receipt = await producer.publish("orders", b"fire")
        published = await producer.publish_many("orders", [b"and", b"forget"])

    assert receipt.offset == -1
    assert (published.count, published.offsets) == (2, {})
    async with gomq.Consumer(broker.address, "orders", replay=True) as consumer:
        values = [(await anext(consumer)).value for _ in range(3)]
    assert values == [b"fire", b"and", b"forget"]


async def test_key_value_headers_and_timestamp_come_back_as_they_were(broker: gomq.Broker):
    headers: list[tuple[str, bytes | None]] = [
        ("trace", b"1"),
        ("empty", b""),
        ("null", None),
        ("trace", b"2"),
        ("žluť", b"\xff"),
    ]
    async with gomq.Producer(broker.address) as producer:
        await producer.publish("orders", b"value", key=b"", headers=headers, timestamp=1_600_000_000_123)
        await producer.publish("orders", None, key=b"gone", headers={"why": b"deleted"}, timestamp=0)

    first, second = await everything(broker.address, "orders")
    assert first == gomq.Message("orders", 0, 0, 1_600_000_000_123, b"", b"value", tuple(headers))
    assert second == gomq.Message("orders", 0, 1, 0, b"gone", None, (("why", b"deleted"),))


@pytest.mark.parametrize("kind", [bytearray, memoryview])
async def test_other_bytes_are_copied(broker: gomq.Broker, kind: type):
    async with gomq.Producer(broker.address) as producer:
        await producer.publish("orders", kind(b"value"), key=kind(b"key"), headers={"name": kind(b"header")})

    (stored,) = await everything(broker.address, "orders")
    assert stored[4:] == (b"key", b"value", (("name", b"header"),))


async def test_a_key_decides_the_partition_and_a_named_partition_overrides_it(broker: gomq.Broker):
    keys = [b"21", b"foobar", b"abc", b"a-little-bit-long-string"]
    async with gomq.Producer(broker.address) as producer:
        await producer.create_topic("orders", partitions=5)
        by_key = [(await producer.publish("orders", b"", key=key)).partition for key in keys]
        named = await producer.publish("orders", b"", key=b"21", partition=4)

    assert by_key == [partition_of_key(key, 5) for key in keys]
    assert len(set(by_key)) > 1
    assert named.partition == 4


async def test_without_a_key_the_partitions_take_turns_some_kilobytes_each(broker: gomq.Broker):
    async with gomq.Producer(broker.address) as producer:
        await producer.create_topic("orders", partitions=3)
        partitions = [(await producer.publish("orders", bytes(4096))).partition for _ in range(24)]

    turns = [partition for partition, _ in groupby(partitions)]
    assert [len(list(turn)) for _, turn in groupby(partitions)] == [4] * 6
    assert {turns[0], turns[1], turns[2]} == {0, 1, 2}
    assert turns[:3] == turns[3:]


@pytest.mark.parametrize("partition", [3, -1])
async def test_a_partition_that_does_not_exist_is_refused(broker: gomq.Broker, partition: int):
    async with gomq.Producer(broker.address) as producer:
        await producer.create_topic("orders", partitions=3)
        with pytest.raises(gomq.UnknownTopicError, match=f"'orders' has no partition {partition}, only 0 to 2"):
            await producer.publish("orders", b"", partition=partition)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"value": "text"}, "value is bytes or None, not str"),
        ({"value": 5}, "value is bytes or None, not int"),
        ({"value": b"", "key": "text"}, "key is bytes or None, not str"),
        ({"value": b"", "headers": {"name": "text"}}, "header value is bytes or None, not str"),
        ({"value": b"", "headers": {b"name": b""}}, "header's name is str, not bytes"),
        ({"value": b"", "timestamp": 1.5}, "timestamp is whole milliseconds since the epoch, not float"),
        ({"value": b"", "partition": "0"}, "partition is a whole number, not str"),
        ({"value": b"", "partition": 0.0}, "partition is a whole number, not float"),
    ],
)
async def test_what_is_no_message_is_refused_at_once_and_hurts_no_other(
    broker: gomq.Broker, arguments: dict[str, Any], complaint: str
):
    async with gomq.Producer(broker.address) as producer:
        with pytest.raises(TypeError, match=complaint):
            await producer.publish("orders", **arguments)
        with anyio.fail_after(10):
            assert (await producer.publish("orders", b"good")).offset == 0


@pytest.mark.parametrize("timestamp", [-2, 1 << 63])
async def test_a_timestamp_that_no_batch_can_hold_is_refused(broker: gomq.Broker, timestamp: int):
    async with gomq.Producer(broker.address) as producer:
        with pytest.raises(ConfigurationError, match=f"milliseconds since the epoch, from 0 on, not {timestamp}"):
            await producer.publish("orders", b"", timestamp=timestamp)


async def test_timestamps_as_far_apart_as_they_can_be_share_a_batch(broker: gomq.Broker):
    stamps = [(1 << 63) - 1, -1, 0]
    async with gomq.Producer(broker.address) as producer:
        await producer.create_topic("orders", configs={"message.timestamp.after.max.ms": (1 << 63) - 1})
        await producer.publish_many("orders", [gomq.NewMessage(b"", timestamp=stamp) for stamp in stamps])

    assert [message.timestamp for message in await everything(broker.address, "orders")] == stamps


async def test_a_message_that_no_request_holds_is_refused_at_once(broker: gomq.Broker):
    """The broker would close the connection, and the producer send it again until its time is over."""
    value = bytes(101 << 20)
    async with gomq.Producer(broker.address) as producer:
        with anyio.fail_after(20):
            with pytest.raises(MessageTooLargeError, match=r"topic 'orders'.*socket\.request\.max\.bytes"):
                await producer.publish("orders", value)
            with pytest.raises(MessageTooLargeError, match="topic 'orders'"):
                await producer.publish_many("orders", [b"small", value])
            await producer.publish("orders", b"still here")

    assert [message.value for message in await everything(broker.address, "orders")][-1] == b"still here"


async def test_a_message_that_the_broker_finds_too_large_is_refused_by_name(broker: gomq.Broker):
    async with gomq.Producer(broker.address) as producer:
        with pytest.raises(MessageTooLargeError, match="orders-0"):
            await producer.publish("orders", bytes(2 << 20))
        assert (await producer.publish("orders", b"small")).offset == 0


async def test_one_huge_value_passes_where_the_topic_allows_it(broker: gomq.Broker):
    value = bytes(range(256)) * (5 << 12)
    async with gomq.Producer(broker.address, max_batch_bytes=10_000) as producer:
        await producer.create_topic("orders", configs={"max.message.bytes": 16 << 20})
        await producer.publish("orders", value)
        await producer.publish_many("orders", [b"small", value, b"small"])

    stored = await everything(broker.address, "orders")
    assert [message.value for message in stored] == [value, b"small", value, b"small"]


async def test_messages_of_one_task_keep_their_order_among_those_of_many(broker: gomq.Broker):
    async def publish(producer: gomq.Producer, name: int) -> None:
        for number in range(20):
            await producer.publish("orders", b"%d" % number, key=b"%d" % name)

    async with gomq.Producer(broker.address) as producer:
        await producer.create_topic("orders", partitions=3)
        async with anyio.create_task_group() as group:
            for name in range(20):
                group.start_soon(publish, producer, name)

    by_key: dict[bytes | None, list[bytes | None]] = {}
    for message in await everything(broker.address, "orders"):
        by_key.setdefault(message.key, []).append(message.value)
    assert by_key == {b"%d" % name: [b"%d" % number for number in range(20)] for name in range(20)}


@pytest.mark.parametrize("codec", ["gzip", "snappy", "lz4", "zstd"])
async def test_every_codec_makes_the_round_trip(broker: gomq.Broker, codec: str):
    values = [b"%d " % number * 50 for number in range(2000)]
    async with gomq.Producer(broker.address, codec=codec) as producer:
        await producer.publish_many("orders", values)
        await producer.publish("orders", b"alone", key=b"k")

    assert [message.value for message in await everything(broker.address, "orders")] == [*values, b"alone"]
