"""Have a group read a topic again: what that means is looked at first, then done.

python reset_group.py localhost:9092
"""

import sys

import anyio

import gomq


async def read(address: str) -> list[bytes | None]:
    async with gomq.Consumer(address, "invoices", start="earliest", group="archive") as consumer:
        return [message.value for message in await consumer.take(10, timeout=10)]


async def main(address: str) -> None:
    async with gomq.Admin(address) as admin, gomq.Producer(address) as producer:
        await admin.create_topic("invoices", if_not_exists=True)
        await producer.publish_many("invoices", [b"one", b"two", b"three"])
        print("read:", await read(address))

        plan = await admin.plan_reset("archive", topics=["invoices"], shift=-2)
        for row in plan.rows:
            print(f"{row.topic} [{row.partition}] would go on at {row.new}, not at {row.current}")
        await admin.reset_offsets(plan)
        print("read again:", await read(address))


if __name__ == "__main__":
    anyio.run(main, sys.argv[1] if len(sys.argv) > 1 else "localhost:9092")
