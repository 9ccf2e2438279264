"""The main job: what was published comes back, in order, from offset 0."""

import gomq


async def test_a_consumer_that_replays_gets_every_message_from_the_first(broker: gomq.Broker):
    sent = [b"message %d" % number for number in range(1000)]
    async with gomq.Producer(broker.address) as producer:
        first = await producer.publish("orders", b"first", key=b"42", headers={"trace": b"1"})
        published = await producer.publish_many("orders", sent)

    async with gomq.Consumer(broker.address, "orders", replay=True) as consumer:
        received = [message async for message in _upto(consumer, 1001)]

    assert first.offset == 0
    assert published.count == 1000
    assert [message.offset for message in received] == list(range(1001))
    assert [message.value for message in received] == [b"first", *sent]
    assert (received[0].key, received[0].headers) == (b"42", (("trace", b"1"),))


async def _upto(consumer: gomq.Consumer, count: int):
    async for message in consumer:
        yield message
        count -= 1
        if not count:
            return
