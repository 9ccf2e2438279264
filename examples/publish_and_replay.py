"""Publish a few messages, and replay them: all, from an offset, from a time.

python publish_and_replay.py localhost:9092
"""

import sys
from datetime import UTC, datetime, timedelta

import anyio

import gomq

TOPIC = "temperatures"


async def publish(address: str) -> None:
    async with gomq.Producer(address) as producer:
        receipt = await producer.publish(TOPIC, b"21.5", key=b"kitchen", headers={"unit": b"celsius"})
        print("acknowledged, and on disk, at offset", receipt.offset)
        await producer.publish_many(
            TOPIC, [gomq.NewMessage(b"19.0", key=b"hall"), gomq.NewMessage(b"22.0", key=b"kitchen")]
        )


async def replay(address: str, start: int | datetime) -> list[bytes | None]:
    """Read from a place on to where the topic ends now."""
    async with gomq.Consumer(address, TOPIC, start=start) as consumer:
        ends = await consumer.end_offsets()
        return [value async for batch in consumer.batches(until=ends) for value in batch.values]


async def main(address: str) -> None:
    await publish(address)
    print("all:", await replay(address, 0))
    print("from offset 1 on:", await replay(address, 1))
    print("of the last hour:", await replay(address, datetime.now(UTC) - timedelta(hours=1)))


if __name__ == "__main__":
    anyio.run(main, sys.argv[1] if len(sys.argv) > 1 else "localhost:9092")
