"""An idempotent producer against scripted brokers: producer ids, numbers on the wire, batches in flight, halves."""

import math
from typing import Any

import anyio
import pytest

import gomq
from gomq.errors import ClusterAuthorizationFailedError, ConfigurationError, MessageTooLargeError
from gomq.protocol.api import Api
from gomq_storage.batch import BatchHeader, walk
from tests.client.producing.test_delivery import quick, values_in
from tests.support.fake_broker import (
    Exchange,
    FakeCluster,
    Fault,
    answers,
    fails_with,
    hangs_up,
    hangs_up_afterwards,
    waits_for,
)
from tests.support.waiting import until


def headers(fake: FakeCluster) -> list[BatchHeader]:
    """Of all batches that were sent, in their order."""
    return [
        header
        for exchange in fake.asked(Api.PRODUCE)
        for topic in exchange.body.topic_data
        for partition in topic.partition_data
        for _, header in walk(bytes(partition.records))
    ]


async def test_batches_are_numbered_by_a_producer_id_that_is_asked_for_once(fake: FakeCluster):
    fake.answers.make_topic("orders", partitions=2)
    async with gomq.Producer(fake.address) as producer:
        assert fake.asked(Api.INIT_PRODUCER_ID) == []
        for partition in (0, 0, 1):
            await producer.publish("orders", b"x", partition=partition)
        await producer.publish_many("orders", [b"x"] * 10, partition=0)

    assert len(fake.asked(Api.INIT_PRODUCER_ID)) == 1
    assert {(header.producer_id, header.producer_epoch) for header in headers(fake)} == {(1, 0)}
    assert [header.base_sequence for header in headers(fake)] == [0, 1, 0, 2]


@pytest.mark.parametrize("acks", [0, 1])
async def test_with_fewer_acks_nothing_is_numbered(fake: FakeCluster, acks: Any):
    async with gomq.Producer(fake.address, acks=acks) as producer:
        await producer.create_topic("orders")
        await producer.publish("orders", b"x")

    assert fake.asked(Api.INIT_PRODUCER_ID) == []
    with pytest.raises(ConfigurationError, match='idempotent=True needs acks="all"'):
        gomq.Producer(fake.address, acks=acks, idempotent=True)


async def test_a_producer_id_is_asked_for_until_there_is_one(fake: FakeCluster):
    fake.next(Api.INIT_PRODUCER_ID, hangs_up, fails_with(15), fails_with(14))
    async with gomq.Producer(fake.address, settings=quick()) as producer:
        await producer.publish("orders", b"x")

    assert values_in(fake) == [b"x"]


async def test_a_broker_that_refuses_says_what_to_do(fake: FakeCluster):
    fake.next(Api.INIT_PRODUCER_ID, fails_with(31))
    async with gomq.Producer(fake.address) as producer:
        with anyio.fail_after(20), pytest.raises(ClusterAuthorizationFailedError, match="idempotent=False"):
            await producer.publish("orders", b"x")
        await producer.publish("orders", b"y")

    assert values_in(fake) == [b"y"]


async def test_a_broker_that_is_too_old_says_what_to_do(fake: FakeCluster):
    del fake.versions[Api.INIT_PRODUCER_ID]
    async with gomq.Producer(fake.address) as producer:
        with anyio.fail_after(20), pytest.raises(gomq.GomqError, match=r"too old for idempotent .*idempotent=False"):
            await producer.publish("orders", b"x")
    async with gomq.Producer(fake.address, idempotent=False) as producer:
        await producer.publish("orders", b"y")

    assert values_in(fake) == [b"y"]


async def test_five_batches_are_on_their_way_at_once(fake: FakeCluster):
    answer = anyio.Event()
    fake.answers.make_topic("orders")
    async with gomq.Producer(fake.address, linger=3600, max_batch_bytes=500) as producer:
        publications = [producer.publish_nowait("orders", bytes(400))]
        await producer.flush()
        fake.always(Api.PRODUCE, waits_for(answer))
        publications += [producer.publish_nowait("orders", bytes(400)) for _ in range(20)]
        await until(lambda: sum(batch.is_in_flight for batch in in_flight(producer)) == 5)
        answer.set()

    receipts = [await publication.wait() for publication in publications]
    assert [receipt.offset for receipt in receipts] == list(range(21))


def in_flight(producer: gomq.Producer) -> list[Any]:
    return [batch for lane in producer._accumulator.busy() for batch in lane.travelling]


@pytest.mark.parametrize("fault", [hangs_up, hangs_up_afterwards, fails_with(19), fails_with(7)])
async def test_trouble_among_several_batches_neither_doubles_nor_reorders(fake: FakeCluster, fault: Any):
    numbers = [b"%04d" % number for number in range(200)]
    async with gomq.Producer(fake.address, settings=quick(max_batch_bytes=200, linger=0.01)) as producer:
        await producer.publish("orders", b"first")
        fake.next(Api.PRODUCE, answers, fault, answers, fault, fault)
        for number in numbers:
            producer.publish_nowait("orders", number)
        await producer.flush()

    assert values_in(fake) == [b"first", *numbers]


def if_large(fault: Fault) -> Fault:
    """Meets a batch of 500 bytes or more, whenever it comes."""

    async def meets(exchange: Exchange) -> None:
        (topic,) = exchange.body.topic_data
        await (fault if len(topic.partition_data[0].records) > 500 else answers)(exchange)

    return meets


async def test_behind_a_batch_that_was_given_up_the_next_epoch_begins(fake: FakeCluster):
    fake.always(Api.PRODUCE, if_large(hangs_up))
    async with gomq.Producer(fake.address, settings=quick(delivery_timeout=1.0)) as producer:
        await producer.publish("orders", b"1")
        with pytest.raises(gomq.DeliveryFailedError):
            await producer.publish("orders", b"2" * 1000)
        await producer.publish("orders", b"3")

    assert values_in(fake) == [b"1", b"3"]
    assert (headers(fake)[-1].producer_epoch, headers(fake)[-1].base_sequence) == (1, 0)


async def test_a_duplicate_counts_as_acknowledged(fake: FakeCluster):
    async with gomq.Producer(fake.address) as producer:
        await producer.publish("orders", b"1")
        fake.next(Api.PRODUCE, fails_with(46))
        assert (await producer.publish("orders", b"2")).offset == -1


@pytest.mark.parametrize("code", [45, 47, 59])
async def test_numbers_that_a_broker_does_not_accept_are_given_anew(fake: FakeCluster, code: int):
    async with gomq.Producer(fake.address, settings=quick()) as producer:
        await producer.publish("orders", b"1")
        fake.next(Api.PRODUCE, fails_with(code))
        await producer.publish("orders", b"2")
        await producer.publish("orders", b"3")

    assert values_in(fake) == [b"1", b"2", b"3"]
    last = headers(fake)[-1]
    assert (last.producer_id, last.producer_epoch, last.base_sequence) == ((2, 0, 1) if code == 47 else (1, 1, 1))


async def test_what_may_be_stored_and_is_not_known_by_its_number_fails_and_says_so(fake: FakeCluster):
    async with gomq.Producer(fake.address, settings=quick()) as producer:
        await producer.publish("orders", b"1")
        fake.next(Api.PRODUCE, hangs_up_afterwards, fails_with(45))
        with pytest.raises(gomq.DeliveryFailedError, match="it may be stored"):
            await producer.publish("orders", b"2")
        await producer.publish("orders", b"3")

    assert values_in(fake) == [b"1", b"2", b"3"]


def takes_at_most(count: int) -> Any:
    async def fault(exchange: Exchange) -> None:
        (topic,) = exchange.body.topic_data
        sizes = [header.record_count for _, header in walk(bytes(topic.partition_data[0].records))]
        await (fails_with(10) if max(sizes) > count else answers)(exchange)

    return fault


@pytest.mark.parametrize("idempotent", [True, False])
async def test_a_batch_that_is_too_large_is_split_until_it_fits(fake: FakeCluster, idempotent: bool):
    fake.always(Api.PRODUCE, takes_at_most(3))
    numbers = [b"%d" % number for number in range(40)]
    async with gomq.Producer(fake.address, settings=quick(idempotent=idempotent)) as producer:
        publications = [producer.publish_nowait("orders", number) for number in numbers[:20]]
        await producer.flush()
        published = await producer.publish_many("orders", numbers[20:])

    assert values_in(fake) == numbers
    assert [(await publication.wait()).offset for publication in publications] == list(range(20))
    assert published.offsets[0] == (20, 39)


async def test_of_a_batch_that_was_split_only_the_large_message_fails(fake: FakeCluster):
    fake.always(Api.PRODUCE, if_large(fails_with(10)))
    async with gomq.Producer(fake.address, settings=quick()) as producer:
        publications = [producer.publish_nowait("orders", bytes(1000 if n == 5 else 1)) for n in range(8)]
        with pytest.raises(gomq.DeliveryFailedError) as caught:
            await producer.flush()
        assert [len(each.message.value or b"") for each in caught.value.undelivered] == [1000]
        with pytest.raises(MessageTooLargeError):
            await publications[5].wait()
        assert (await publications[7].wait()).offset == 6


async def test_a_producer_survives_a_leader_that_moves_to_and_fro(pair: FakeCluster):
    (partition,) = pair.answers.make_topic("orders")
    numbers = [b"%03d" % number for number in range(150)]
    settings = quick(max_batch_bytes=150, delivery_timeout=math.inf)
    async with gomq.Producer(pair.address, settings=settings) as producer:
        for number in numbers:
            producer.publish_nowait("orders", number)
            if number.endswith(b"9"):
                partition.leader = 3 - partition.leader
                await anyio.lowlevel.checkpoint()
        await producer.flush()

    assert values_in(pair) == numbers
