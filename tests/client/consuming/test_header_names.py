"""A header whose name is no UTF-8 stops nobody, and is passed on as it came. librdkafka, for one, sends such names."""

from collections.abc import Sequence
from pathlib import Path

import pytest

import gomq
from gomq.broker.config import MessageValidation
from gomq.client.delivering.delivery import Delivery
from gomq.protocol.api import Api
from gomq_storage.record import build_batch
from gomq_storage.record_fields import encode_name
from gomq_storage.varint import encode
from tests.client.producing.test_publish import everything
from tests.storage.test_record_runs import laid_out
from tests.support.wire import NOW_MS, connect, produce_values

NAME = b"\xff\xc3("


async def produce(address: str, values: Sequence[bytes], *names: bytes) -> None:
    """Send one batch, laid out by hand: the Python clients of others take text alone."""
    tail = encode(len(names)) + b"".join(sized(name) + sized(b"1") for name in names)
    records = [laid_out(delta, 0, encode(-1), sized(value), tail) for delta, value in enumerate(values)]
    batch = build_batch(b"".join(records), record_count=len(records), base_timestamp=NOW_MS, max_timestamp=NOW_MS)
    async with connect(address) as wire:
        answer = await wire.ask(Api.PRODUCE, 9, **produce_values({"orders": {0: batch}}))
    assert answer.responses[0].partition_responses[0].error_code == 0


def sized(data: bytes) -> bytes:
    return encode(len(data)) + data


async def make_topic(address: str) -> None:
    async with gomq.Admin(address) as admin:
        await admin.create_topic("orders")


def raw_names(message: gomq.Message) -> list[bytes]:
    return [encode_name(name) for name, _ in message.headers]


@pytest.mark.parametrize("validation", list(MessageValidation))
async def test_a_consumer_reads_on_behind_it(validation: MessageValidation, data: Path):
    config = gomq.BrokerConfig(data=data, listen="127.0.0.1:0", message_validation=validation)
    async with gomq.Broker(config=config) as broker:
        await make_topic(broker.address)
        await produce(broker.address, [b"before"])
        await produce(broker.address, [b"%d" % number for number in range(20)], b"trace", NAME)
        await produce(broker.address, [b"behind"])

        found = await everything(broker.address, "orders")

    assert [message.value for message in found] == [b"before", *(b"%d" % number for number in range(20)), b"behind"]
    assert all(message.headers == (("trace", b"1"), ("\udcff\udcc3(", b"1")) for message in found[1:-1])


async def test_what_a_consumer_hands_to_a_producer_has_the_same_bytes(broker: gomq.Broker):
    await make_topic(broker.address)
    await produce(broker.address, [b"poison"], NAME)
    (message,) = await everything(broker.address, "orders")
    async with gomq.Producer(broker.address) as producer:
        await producer.publish("copies", message.value, headers=message.headers)
        await producer.publish_many("copies", [gomq.NewMessage(b"again", headers=dict(message.headers))])

    assert [raw_names(each) for each in await everything(broker.address, "copies")] == [[NAME], [NAME]]


async def test_a_dead_letter_has_the_same_bytes(broker: gomq.Broker):
    await make_topic(broker.address)
    await produce(broker.address, [b"poison"], NAME)
    async with gomq.Consumer(broker.address, "orders", replay=True) as consumer:

        async def handle(delivery: Delivery) -> None:
            consumer.stop()
            await delivery.reject("poison")

        await consumer.run(handle, dead_letter="orders.dead")
    (letter,) = await everything(broker.address, "orders.dead")

    assert letter.value == b"poison"
    assert raw_names(letter)[:2] == [NAME, b"gomq.dead-letter.topic"]
