"""A worker of a group: what fails is delivered again, and put aside in the end. Start as many as you like.

python worker.py localhost:9092

It ends once it has handled the last message that was there when it began; without that, a worker goes on for ever.
"""

import sys

import anyio

import gomq

ORDERS = [b"book", b"unicorn", b"lamp", b"chair"]


async def handle(order: gomq.Message) -> None:
    if order.value == b"unicorn":
        raise LookupError("there are no unicorns")
    await anyio.sleep(0.01)  # whatever there is to be done
    print("sent:", order.value)


async def work(address: str) -> None:
    async with gomq.Consumer(address, "orders", start="earliest", group="shipping") as consumer:
        ends = await consumer.end_offsets()

        async def attempt(delivery: gomq.Delivery) -> None:
            message = delivery.message
            if message.offset + 1 == ends.get(gomq.TopicPartition(message.topic, message.partition)):
                consumer.stop()  # once this one, and what is in hand, is done with
            await handle(message)

        await consumer.run(attempt, max_attempts=3, backoff=0.05, dead_letter="orders.dead")


async def show_what_was_put_aside(address: str) -> None:
    async with gomq.Consumer(address, "orders.dead", replay=True) as consumer:
        for message in await consumer.take(10, timeout=10):
            headers = dict(message.headers)
            print("put aside:", message.value, "because of", headers["gomq.dead-letter.reason"])


async def main(address: str) -> None:
    async with gomq.Producer(address) as producer:
        await producer.publish_many("orders", ORDERS)
    await work(address)
    await show_what_was_put_aside(address)


if __name__ == "__main__":
    anyio.run(main, sys.argv[1] if len(sys.argv) > 1 else "localhost:9092")
