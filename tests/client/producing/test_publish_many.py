"""``Producer.publish_many``: any iterable, in its order, no faster than the broker."""

from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing

import anyio
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

import gomq
from gomq.client.message import OffsetRange
from gomq.errors import MessageTooLargeError
from gomq.protocol.api import Api
from tests.client.producing.test_publish import everything
from tests.support.fake_broker import FakeCluster, waits_for
from tests.support.waiting import until


async def test_of_nothing_nothing_is_published(broker: gomq.Broker):
    async with gomq.Producer(broker.address) as producer:
        published = await producer.publish_many("orders", [])

    assert (published.topic, published.count, published.offsets) == ("orders", 0, {})


async def test_an_iterator_is_taken_to_its_end(broker: gomq.Broker):
    async with gomq.Producer(broker.address) as producer:
        published = await producer.publish_many("orders", (b"%d" % number for number in range(25_000)))
        more = await producer.publish_many("orders", [b"x"])

    assert (published.count, published.offsets) == (25_000, {0: OffsetRange(0, 24_999)})
    assert more.offsets == {0: OffsetRange(25_000, 25_000)}
    stored = await everything(broker.address, "orders")
    assert [message.value for message in stored[:-1]] == [b"%d" % number for number in range(25_000)]


async def test_an_asynchronous_iterator_is_sent_as_it_comes(broker: gomq.Broker):
    async with gomq.Producer(broker.address) as producer, gomq.Consumer(await made(producer), "orders") as consumer:

        async def one_after_the_other() -> AsyncIterator[bytes]:
            yield b"first"
            assert (await anext(consumer)).value == b"first"  # sent, though no end is in sight
            yield b"second"
            assert (await anext(consumer)).value == b"second"

        with anyio.fail_after(10):
            published = await producer.publish_many("orders", one_after_the_other())

    assert published.count == 2


async def made(producer: gomq.Producer) -> str:
    await producer.create_topic("orders")
    return producer._address


message = st.one_of(
    st.binary(max_size=20),
    st.builds(
        gomq.NewMessage,
        st.none() | st.binary(max_size=20),
        key=st.none() | st.binary(max_size=3),
        partition=st.none() | st.integers(0, 2),
        headers=st.lists(st.tuples(st.text(max_size=3), st.none() | st.binary(max_size=3)), max_size=2),
    ),
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    mixed=st.lists(st.one_of(message, st.lists(message, min_size=90, max_size=110)), max_size=8),
    max_batch_bytes=st.integers(100, 3000),
)
def test_values_and_messages_mixed_arrive_once_each_in_the_order_of_their_partition(
    mixed: list[bytes | gomq.NewMessage | list[bytes | gomq.NewMessage]], max_batch_bytes: int, tmp_path_factory
):
    flat = [each for item in mixed for each in (item if isinstance(item, list) else [item])]
    numbered = [
        (gomq.NewMessage(each) if isinstance(each, bytes) else each)._replace(timestamp=number)
        if number % 3
        else (each if isinstance(each, bytes) else each._replace(timestamp=number))
        for number, each in enumerate(flat)
    ]

    async def main() -> None:
        data = tmp_path_factory.mktemp("mixed") / "data"
        async with gomq.Broker(data=data, listen="127.0.0.1:0", flush="never") as broker:
            async with gomq.Producer(broker.address, max_batch_bytes=max_batch_bytes) as producer:
                await producer.create_topic("orders", partitions=3)
                published = await producer.publish_many("orders", numbered)
            stored = await everything(broker.address, "orders")
        assert published.count == len(stored) == len(numbered)
        by_partition: dict[int, list[int]] = {}
        for each in stored:
            if each.timestamp < len(numbered):  # those that were numbered
                by_partition.setdefault(each.partition, []).append(each.timestamp)
        assert all(numbers == sorted(numbers) for numbers in by_partition.values())
        assert sorted(each.value or b"" for each in stored) == sorted(
            (each if isinstance(each, bytes) else each.value) or b"" for each in numbered
        )
        held = {each.partition for each in stored}
        assert published.offsets == {
            partition: OffsetRange(0, sum(each.partition == partition for each in stored) - 1) for partition in held
        }

    anyio.run(main)


async def test_calls_that_share_batches_count_only_their_own_messages(fake: FakeCluster):
    answer = anyio.Event()
    fake.next(Api.PRODUCE, waits_for(answer))
    counts: list[int] = []

    async def slowly() -> AsyncIterator[bytes]:
        for number in range(700):
            yield b"%d" % number
            await anyio.lowlevel.checkpoint()

    async def publish(producer: gomq.Producer) -> None:
        counts.append((await producer.publish_many("orders", slowly())).count)

    async with gomq.Producer(fake.address) as producer, anyio.create_task_group() as group:
        await producer.create_topic("orders")
        for _ in range(3):
            group.start_soon(publish, producer)
        await until(lambda: sum(batch.count for batch in producer._accumulator.unfinished()) == 2100)
        answer.set()

    assert counts == [700] * 3
    assert len(fake.answers.topics["orders"][0].records()) == 2100


async def test_large_compressed_batches_arrive_whole(broker: gomq.Broker):
    values = [bytes([number % 251]) * 1000 for number in range(2000)]
    async with gomq.Producer(broker.address, codec="gzip") as producer:
        await producer.publish_many("orders", values)

    assert [each.value for each in await everything(broker.address, "orders")] == values


async def test_values_without_a_key_go_to_all_partitions_and_a_named_one_takes_them_all(broker: gomq.Broker):
    async with gomq.Producer(broker.address, max_batch_bytes=1000) as producer:
        await producer.create_topic("orders", partitions=3)
        spread = await producer.publish_many("orders", [bytes(100)] * 300)
        named = await producer.publish_many("orders", [bytes(100)] * 300, partition=1)

    assert set(spread.offsets) == {0, 1, 2}
    assert set(named.offsets) == {1}


async def test_an_error_of_the_users_iterator_comes_out_and_leaves_the_producer_usable(broker: gomq.Broker):
    def breaks() -> Iterator[bytes]:
        yield from [b"x"] * 1000
        raise LookupError("no more")

    async def breaks_later() -> AsyncIterator[bytes]:
        yield b"x"
        raise LookupError("no more")

    async with gomq.Producer(broker.address) as producer:
        with pytest.raises(LookupError, match="no more"):
            await producer.publish_many("orders", breaks())
        with pytest.raises(LookupError, match="no more"):
            await producer.publish_many("orders", breaks_later())
        with anyio.fail_after(10):
            await producer.publish("orders", b"good")


@pytest.mark.parametrize("bad", ["text", 5, ("value", "key")])
async def test_text_among_the_values_is_refused(broker: gomq.Broker, bad: object):
    async with gomq.Producer(broker.address) as producer:
        with pytest.raises(TypeError, match="value is bytes or None"):
            await producer.publish_many("orders", [b"good", bad])  # type: ignore[list-item]
        with anyio.fail_after(10):
            await producer.publish("orders", b"good")


async def test_a_refused_message_ends_the_call_with_its_error(broker: gomq.Broker):
    async with gomq.Producer(broker.address) as producer:
        with pytest.raises(gomq.DeliveryFailedError, match="orders-0") as caught:
            await producer.publish_many("orders", [b"small", bytes(2 << 20), *[bytes(500_000)] * 20])

    assert isinstance(caught.value.__cause__, MessageTooLargeError)
    first = caught.value.undelivered[0]
    assert (first.number, len(first.message.value or b"")) == (1, 2 << 20)
    numbers = [each.number for each in caught.value.undelivered]
    assert numbers == list(range(1, len(numbers) + 1))
    assert caught.value.count == len(numbers)


async def test_a_refused_message_ends_an_asynchronous_call_as_soon_as_another_message_comes(broker: gomq.Broker):
    taken = 0

    async def large_ones() -> AsyncGenerator[bytes, None]:
        nonlocal taken
        for _ in range(400):
            taken += 1
            yield bytes(2 << 20)
            await producer.flush()

    async with gomq.Producer(broker.address) as producer, aclosing(large_ones()) as messages:
        with pytest.raises(gomq.DeliveryFailedError, match="message 0 for orders-0"):
            await producer.publish_many("orders", messages)

    assert taken <= 3


async def test_no_more_is_taken_than_the_broker_keeps_up_with(fake: FakeCluster):
    answer = anyio.Event()
    fake.always(Api.PRODUCE, waits_for(answer))
    taken = 0

    def endless() -> Iterator[bytes]:
        nonlocal taken
        for _ in range(100_000):
            taken += 1
            yield bytes(1000)

    async with gomq.Producer(fake.address, max_batch_bytes=10_000) as producer, anyio.create_task_group() as group:
        group.start_soon(producer.publish_many, "orders", endless())
        await until(lambda: fake.asked(Api.PRODUCE))
        await anyio.wait_all_tasks_blocked()
        assert taken <= 200
        group.cancel_scope.cancel()
        answer.set()


async def test_messages_of_a_cancelled_call_that_are_not_on_their_way_are_not_sent(fake: FakeCluster):
    answer = anyio.Event()
    fake.next(Api.PRODUCE, waits_for(answer))
    async with gomq.Producer(fake.address, max_batch_bytes=1000) as producer:
        async with anyio.create_task_group() as group:
            group.start_soon(producer.publish_many, "orders", [bytes(300)] * 50)
            await until(lambda: fake.asked(Api.PRODUCE))
            group.cancel_scope.cancel()
        answer.set()
        await producer.publish("orders", b"next")

    values = [record.value for record in fake.answers.topics["orders"][0].records()]
    assert values[-1] == b"next"
    assert 1 < len(values) <= 4
