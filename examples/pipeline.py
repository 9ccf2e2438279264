"""Read one topic, make something of it, write another one: nothing is lost when it is killed anywhere.

python pipeline.py localhost:9092

What was read is committed once what was made of it is acknowledged. Killed in between, it does the last batch again:
at least once, so that who reads the second topic may find something twice.
"""

import json
import sys

import anyio

import gomq


async def run(address: str) -> None:
    async with (
        gomq.Producer(address, codec="zstd") as producer,
        gomq.Consumer(address, "readings", start="earliest", group="averages", auto_commit=False) as consumer,
    ):
        ends = await consumer.end_offsets()  # without `until` it goes on with what comes
        async for batch in consumer.batches(until=ends):
            made = [
                gomq.NewMessage(average(message.value), key=message.key)
                for message in batch.messages
                if message.value is not None
            ]
            await producer.publish_many("averages", made)
            await consumer.commit()


def average(value: bytes) -> bytes:
    readings = json.loads(value)
    return json.dumps(sum(readings) / len(readings)).encode()


async def main(address: str) -> None:
    async with gomq.Producer(address) as producer:
        await producer.publish("readings", b"[1, 2, 6]", key=b"a")
        await producer.publish("readings", b"[10, 20]", key=b"b")
    await run(address)
    async with gomq.Consumer(address, "averages", replay=True) as consumer:
        for message in await consumer.take(10, timeout=10):
            print(message.key, message.value)


if __name__ == "__main__":
    anyio.run(main, sys.argv[1] if len(sys.argv) > 1 else "localhost:9092")
