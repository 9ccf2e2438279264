"""Delivery through trouble: what is tried again and what is not, in order, and who is told."""

import os
import time
from pathlib import Path
from typing import Any

import anyio
import pytest
from anyio.abc import SocketAttribute

import gomq
from gomq.client.cluster.settings import ConnectionSettings
from gomq.client.producing.settings import ProducerSettings
from gomq.errors import InvalidTopicError, ProtocolError
from gomq.protocol.api import Api
from tests.client.producing.test_publish import everything
from tests.support.fake_broker import (
    Exchange,
    FakeCluster,
    Fault,
    answers_another_request,
    fails_with,
    hangs_up,
    hangs_up_afterwards,
    hangs_up_in_the_middle,
    sends,
    stays_silent,
)
from tests.support.waiting import until

QUICK = ConnectionSettings(first_backoff=0.01, max_backoff=0.05, request_timeout=1.0)


def quick(**settings: Any) -> ProducerSettings:
    return ProducerSettings(connection=QUICK, **settings)


def values_in(fake: FakeCluster, partition: int = 0) -> list[bytes | None]:
    return [record.value for record in fake.answers.topics["orders"][partition].records()]


@pytest.mark.parametrize(
    "fault",
    [
        *(pytest.param(fails_with(code), id=f"error {code}") for code in (3, 5, 6, 7, 13, 19, 56)),
        pytest.param(hangs_up, id="closed connection"),
        pytest.param(hangs_up_in_the_middle, id="half an answer"),
        pytest.param(stays_silent, id="no answer"),
    ],
)
async def test_what_may_pass_is_tried_again_and_the_order_kept(fake: FakeCluster, fault: Fault):
    numbers = [b"%d" % number for number in range(300)]
    async with gomq.Producer(fake.address, settings=quick(max_batch_bytes=300)) as producer:
        await producer.create_topic("orders")
        await producer.publish_many("orders", numbers[:100])
        fake.next(Api.PRODUCE, fault)
        await producer.publish_many("orders", numbers[100:200])
        await producer.publish_many("orders", [gomq.NewMessage(number) for number in numbers[200:]])

    assert list(dict.fromkeys(values_in(fake))) == numbers


async def test_a_lost_acknowledgement_stores_nothing_twice(fake: FakeCluster):
    fake.next(Api.PRODUCE, hangs_up_afterwards)
    async with gomq.Producer(fake.address, settings=quick()) as producer:
        receipt = await producer.publish("orders", b"x")

    assert values_in(fake) == [b"x"]
    assert receipt.offset == 0


async def test_without_idempotence_a_lost_acknowledgement_stores_a_batch_twice(fake: FakeCluster):
    fake.next(Api.PRODUCE, hangs_up_afterwards)
    async with gomq.Producer(fake.address, settings=quick(idempotent=False)) as producer:
        receipt = await producer.publish("orders", b"x")

    assert values_in(fake) == [b"x", b"x"]
    assert receipt.offset == 1
    assert fake.asked(Api.INIT_PRODUCER_ID) == []


@pytest.mark.parametrize("code", [10, 17, 29, 87])
async def test_what_will_not_pass_is_raised_at_once_and_the_next_message_goes_through(fake: FakeCluster, code: int):
    fake.next(Api.PRODUCE, fails_with(code))
    async with gomq.Producer(fake.address) as producer:
        with anyio.fail_after(20), pytest.raises(gomq.BrokerError, match="orders-0") as caught:
            await producer.publish("orders", b"x")
        await producer.publish("orders", b"y")

    assert caught.value.code == code
    assert values_in(fake) == [b"y"]


@pytest.mark.parametrize(
    ("fault", "complaint"),
    [
        (answers_another_request, "answered request 19088743, which was not its turn"),
        (sends(b"\0\xff\xff"), "not a ProduceResponse v12"),
        (sends(b"\x01\0\0"), "tagged header fields"),
        (sends(b"\x7f\xff\xff\xff", framed=False), "frame of 2147483647 bytes; at most 104857600 are taken"),
        (sends(b"\x80\0\0\0", framed=False), "frame of -2147483648 bytes"),
        (sends(b"HTTP/1.1 400 Bad Request\r\n", framed=False), "frame of 1213486160 bytes"),
    ],
    ids=["wrong id", "garbage", "tags", "huge", "negative", "http"],
)
async def test_an_answer_that_is_none_is_raised_to_all_who_wait_for_it(fake: FakeCluster, fault: Fault, complaint: str):
    caught: list[Exception] = []

    async def publish(producer: gomq.Producer) -> None:
        try:
            await producer.publish("orders", b"x")
        except ProtocolError as error:
            caught.append(error)

    async with gomq.Producer(fake.address, linger=0.02) as producer:
        await producer.create_topic("orders")
        fake.next(Api.PRODUCE, fault)
        async with anyio.create_task_group() as group:
            for _ in range(3):
                group.start_soon(publish, producer)
        assert (await producer.publish("orders", b"good")).offset >= 0

    assert [complaint in str(error) for error in caught] == [True] * 3
    assert len({id(error) for error in caught}) == 3


async def test_an_answer_without_the_partition_is_a_broken_one(fake: FakeCluster):
    async def forgets(exchange: Any) -> None:
        await exchange.stream.send(exchange.frame({"responses": [], "throttle_time": 0}))

    fake.next(Api.PRODUCE, forgets)
    async with gomq.Producer(fake.address) as producer:
        with pytest.raises(ProtocolError, match="does not mention orders-0"):
            await producer.publish("orders", b"x")


async def test_messages_follow_a_leader_that_moves(pair: FakeCluster):
    (partition,) = pair.answers.make_topic("orders")
    async with gomq.Producer(pair.address, settings=quick()) as producer:
        await producer.publish("orders", b"1")
        partition.leader = 2
        await producer.publish("orders", b"2")
        partition.leader = -1
        async with anyio.create_task_group() as group:
            group.start_soon(producer.publish, "orders", b"3")
            await until(lambda: pair.asked(Api.METADATA)[-1].body.topics)
            partition.leader = 1

    assert values_in(pair) == [b"1", b"2", b"3"]
    asked = [each.node for each in pair.asked(Api.PRODUCE)]
    assert (asked[0], asked[-1]) == (1, 1)
    assert 2 in asked


async def test_messages_follow_a_leader_away_from_a_node_that_is_gone(pair: FakeCluster):
    (partition,) = pair.answers.make_topic("orders")
    async with gomq.Producer(pair.address, settings=quick()) as producer:
        await producer.publish("orders", b"1")
        pair.stop(1)
        partition.leader = 2
        await producer.publish("orders", b"2")

    assert values_in(pair) == [b"1", b"2"]


async def test_a_restart_of_the_broker_loses_nothing_and_keeps_the_order(data: Path, kept_address: str):
    numbers = [b"%d" % number for number in range(200)]
    acknowledged: list[int] = []

    async def publish_all() -> None:
        async with gomq.Producer(kept_address, settings=quick()) as producer:
            for number in numbers:
                receipt = await producer.publish("orders", number)
                acknowledged.append(receipt.offset)

    async with anyio.create_task_group() as group:
        async with gomq.Broker(data=data, listen=kept_address):
            group.start_soon(publish_all)
            await until(lambda: len(acknowledged) >= 50)
        async with gomq.Broker(data=data, listen=kept_address):
            await until(lambda: len(acknowledged) == len(numbers), within=30)
            stored = await everything(kept_address, "orders")

    assert [message.value for message in stored] == numbers
    assert acknowledged == list(range(len(numbers)))


async def test_what_is_not_delivered_in_time_fails_and_says_how_many_and_why(fake: FakeCluster):
    fake.answers.make_topic("orders")
    fake.always(Api.PRODUCE, fails_with(5))
    async with gomq.Producer(fake.address, settings=quick(delivery_timeout=0.5)) as producer:
        with pytest.raises(gomq.DeliveryFailedError, match="1 message to topic 'orders' not acknowledged") as one:
            await producer.publish("orders", b"x")
        with pytest.raises(gomq.DeliveryFailedError) as many:
            await producer.publish_many("orders", [b"x"] * 250)

    assert "leader not available" in str(one.value)
    assert (one.value.topic, one.value.count, many.value.count) == ("orders", 1, 250)
    assert isinstance(one.value.__cause__, gomq.BrokerError)


async def test_what_was_acknowledged_while_this_process_stood_still_is_delivered(fake: FakeCluster):
    async def acknowledges_meanwhile(exchange: Exchange) -> None:
        frame = await exchange.right_answer()
        assert frame is not None
        os.write(exchange.stream.extra(SocketAttribute.raw_socket).fileno(), frame)
        time.sleep(0.6)  # noqa: ASYNC251 - nobody is to have a turn

    async with gomq.Producer(fake.address, settings=quick(delivery_timeout=0.4)) as producer:
        await producer.create_topic("orders")
        for number in range(3):
            fake.next(Api.PRODUCE, acknowledges_meanwhile)
            assert (await producer.publish("orders", b"x")).offset == number


async def test_messages_behind_one_that_failed_are_not_sent(fake: FakeCluster):
    fake.next(Api.PRODUCE, fails_with(17))
    async with gomq.Producer(fake.address, max_batch_bytes=1000) as producer:
        with pytest.raises(gomq.DeliveryFailedError) as caught:
            await producer.publish_many("orders", [b"%300d" % number for number in range(60)])

    assert isinstance(caught.value.__cause__, InvalidTopicError)

    assert values_in(fake) == []


async def test_leaving_does_not_wait_for_the_answer_to_what_was_given_up(fake: FakeCluster):
    fake.always(Api.PRODUCE, stays_silent)
    with anyio.fail_after(10):
        settings = ProducerSettings(connection=ConnectionSettings(request_timeout=3600), delivery_timeout=0.1)
        async with gomq.Producer(fake.address, settings=settings) as producer:
            with pytest.raises(gomq.DeliveryFailedError, match="no answer came in time"):
                await producer.publish("orders", b"x")


async def test_old_trouble_is_not_blamed_for_a_new_delay(fake: FakeCluster):
    fake.next(Api.PRODUCE, hangs_up)
    settings = ProducerSettings(connection=ConnectionSettings(request_timeout=3600), delivery_timeout=1.0)
    async with gomq.Producer(fake.address, settings=settings) as producer:
        await producer.publish("orders", b"x")
        fake.next(Api.PRODUCE, stays_silent)
        with pytest.raises(gomq.DeliveryFailedError, match="no answer came in time"):
            await producer.publish("orders", b"y")


async def test_a_cancelled_publish_leaves_the_producer_in_order(fake: FakeCluster):
    async with gomq.Producer(fake.address, settings=quick()) as producer:
        await producer.create_topic("orders")
        fake.next(Api.PRODUCE, stays_silent)
        async with anyio.create_task_group() as group:
            group.start_soon(producer.publish, "orders", b"cancelled")
            await until(lambda: fake.asked(Api.PRODUCE))
            group.cancel_scope.cancel()
        receipt = await producer.publish("orders", b"next")

    assert values_in(fake) == [b"cancelled", b"next"]
    assert receipt.offset == 1
