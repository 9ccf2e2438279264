"""What a fetch brings: damaged, compressed, cut off, too much or only in part."""

from pathlib import Path

import anyio
import pytest

import gomq
from gomq.client.cluster.settings import ConnectionSettings
from gomq.client.consuming.settings import ConsumerSettings
from gomq.errors import CorruptMessageError, MessageTooLargeError
from gomq.protocol.api import Api
from gomq_storage.compression import Codec
from gomq_storage.layout import TopicPartition
from tests.client.consuming.test_fetching import batch_of, fill, numbers, quick, take
from tests.support.fake_broker import Exchange, FakeCluster
from tests.support.waiting import until


@pytest.mark.parametrize("damage", [-1, 30], ids=["a record", "the header"])
async def test_a_corrupt_batch_is_an_error_behind_the_messages_before_it(fake: FakeCluster, damage: int):
    (partition,) = fake.answers.make_topic("orders")
    fill(partition, 3)
    fill(partition, 2, first=3)
    end, batch = partition.batches[3]
    broken = bytearray(batch)
    broken[damage] ^= 0x10
    partition.batches[3] = (end, bytes(broken))
    async with gomq.Consumer(fake.address, "orders", replay=True, settings=quick()) as consumer:
        assert await take(consumer, 3) == numbers(3)
        for _ in range(2):
            with pytest.raises(CorruptMessageError, match=r"orders-0 at offset 3: .*CRC.* Seek to 4 to go on"):
                await anext(consumer)
        assert consumer.position(0) == 3


async def test_bytes_that_are_no_batch_are_an_error_behind_the_messages_before_them(fake: FakeCluster):
    (partition,) = fake.answers.make_topic("orders")
    fill(partition, 3)
    partition.batches.append((4, bytes(100)))
    partition.end = 4
    async with gomq.Consumer(fake.address, "orders", replay=True, settings=quick()) as consumer:
        assert await take(consumer, 3) == numbers(3)
        with anyio.fail_after(20), pytest.raises(CorruptMessageError, match="orders-0 at offset 3"):
            await anext(consumer)


@pytest.mark.parametrize("codec", [Codec.GZIP, Codec.SNAPPY, Codec.LZ4, Codec.ZSTD])
async def test_a_decompression_bomb_is_an_error_behind_the_messages_before_it(fake: FakeCluster, codec: Codec):
    (partition,) = fake.answers.make_topic("orders")
    partition.append(batch_of(b"small", codec=codec))
    partition.append(batch_of(bytes(10_000_000), codec=codec))
    settings = quick(max_decompressed_bytes=1_000_000)
    async with gomq.Consumer(fake.address, "orders", replay=True, settings=settings) as consumer:
        assert await take(consumer, 1) == [b"small"]
        with pytest.raises(CorruptMessageError, match=r"orders-0 at offset 1: .* decompresses to more than"):
            await anext(consumer)


async def test_a_fetch_from_the_middle_of_a_batch_brings_only_what_was_asked_for(fake: FakeCluster):
    (partition,) = fake.answers.make_topic("orders")
    partition.append(batch_of(*numbers(10)))
    partition.start = 4
    async with gomq.Consumer(fake.address, "orders", replay=True, settings=quick()) as consumer:
        messages = [await anext(consumer) for _ in range(6)]

    assert [(message.offset, message.value) for message in messages] == list(enumerate(numbers(6, first=4), 4))


async def test_batches_emptied_by_compaction_and_markers_are_passed_over(fake: FakeCluster):
    (partition,) = fake.answers.make_topic("orders")
    fill(partition, 2)
    marker = bytearray(batch_of(b"marker"))
    marker[22] |= 0x20
    partition.append(bytes(marker))
    fill(partition, 1, first=3)
    partition.end += 50
    fill(partition, 1, first=54)
    async with gomq.Consumer(fake.address, "orders", replay=True, settings=quick()) as consumer:
        messages = [await anext(consumer) for _ in range(4)]

    assert [message.offset for message in messages] == [0, 1, 3, 54]


@pytest.mark.parametrize("cuts_batches", [False, True], ids=["comes whole", "is cut off at first"])
async def test_a_batch_larger_than_a_fetch_gets_through(fake: FakeCluster, cuts_batches: bool):
    fake.answers.cuts_batches = cuts_batches
    (partition,) = fake.answers.make_topic("orders")
    partition.append(batch_of(bytes(10_000)))
    fill(partition, 1)
    async with gomq.Consumer(fake.address, "orders", replay=True, settings=quick(fetch_bytes=700)) as consumer:
        assert await take(consumer, 2) == [bytes(10_000), b"0"]


async def test_a_batch_larger_than_any_answer_is_an_error(fake: FakeCluster):
    fake.answers.cuts_batches = True
    (partition,) = fake.answers.make_topic("orders")
    partition.append(batch_of(bytes(10_000)))
    connection = ConnectionSettings(first_backoff=0.01, max_backoff=0.05, max_response_bytes=10_000)
    settings = ConsumerSettings(connection=connection, fetch_bytes=500)
    async with gomq.Consumer(fake.address, "orders", replay=True, settings=settings) as consumer:
        with anyio.fail_after(20), pytest.raises(MessageTooLargeError, match=r"orders-0 at offset 0: .* 5000 bytes"):
            await anext(consumer)


async def test_a_slow_consumer_holds_up_fetching_and_no_message_is_lost(fake: FakeCluster):
    (partition,) = fake.answers.make_topic("orders")
    for number in range(300):
        partition.append(batch_of(b"%d" % number + bytes(1000)))
    settings = quick(fetch_bytes=5000, buffer_bytes=10_000)
    async with gomq.Consumer(fake.address, "orders", replay=True, settings=settings) as consumer:
        await anyio.wait_all_tasks_blocked()
        await until(lambda: consumer._intake._buffer.size >= 10_000)
        values = []
        for _ in range(300):
            values.append((await anext(consumer)).value)
            assert consumer._intake._buffer.size <= 15_000
            await anyio.lowlevel.checkpoint()

    assert [int((value or b"").rstrip(b"\0")) for value in values] == list(range(300))


async def test_every_partition_gets_its_turn_where_an_answer_holds_only_some(fake: FakeCluster):
    partitions = fake.answers.make_topic("orders", partitions=4)
    for partition in partitions:
        for _ in range(100):
            partition.append(batch_of(bytes(1000)))

    async def fills_up_with_the_first(exchange: Exchange) -> None:
        values = await fake.answers.to(Api.FETCH, exchange.body, node=1)
        assert values is not None
        for partition in values["responses"][0]["partitions"][1:]:
            partition["records"] = b""
        await exchange.stream.send(exchange.frame(values))

    fake.always(Api.FETCH, fills_up_with_the_first)
    async with gomq.Consumer(fake.address, "orders", replay=True, settings=quick(fetch_bytes=5000)) as consumer:
        first = {(await anext(consumer)).partition for _ in range(30)}

    assert first == {0, 1, 2, 3}


async def test_a_broker_that_cannot_read_its_log_is_an_error_at_once(broker: gomq.Broker, data: Path):
    async with gomq.Producer(broker.address) as producer:
        await producer.publish("orders", b"x")
    with (data / "orders-0" / "00000000000000000000.log").open("r+b") as file:
        file.seek(16)
        file.write(b"\x01")
    async with gomq.Consumer(broker.address, "orders", replay=True) as consumer:
        with pytest.raises(CorruptMessageError, match="orders-0 at offset 0"):
            await anext(consumer)


async def test_what_lies_behind_an_iterations_end_is_not_piled_up_and_comes_later(fake: FakeCluster):
    first, second = fake.answers.make_topic("orders", partitions=2)
    for number in range(200):
        first.append(batch_of(b"%d" % number + bytes(1000)))
        second.append(batch_of(b"%d" % number))
    ends = {TopicPartition("orders", 0): 1, TopicPartition("orders", 1): 200}
    settings = quick(fetch_bytes=3000, buffer_bytes=6000)
    async with gomq.Consumer(fake.address, "orders", replay=True, settings=settings) as consumer:
        found = []
        async for batch in consumer.batches(until=ends):
            found += [(message.partition, message.offset) for message in batch]
            assert sum(len(kept) for kept in consumer._reader._kept_back) < 20
        assert len(fake.asked(Api.FETCH)) < 60
        assert sorted(found) == [(0, 0), *((1, offset) for offset in range(200))]
        with anyio.fail_after(10):
            rest = [await anext(consumer) for _ in range(199)]

    assert [(message.partition, message.offset) for message in rest] == [(0, offset) for offset in range(1, 200)]
