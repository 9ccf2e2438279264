"""Two tasks of a trio program: one publishes, the other takes what comes, until a deadline or enough.

python on_trio.py localhost:9092         needs: pip install 'gomq[trio]'
"""

import sys

import trio

import gomq

TOPIC = "ticks"
COUNT = 3


async def listen(address: str, task_status: trio.TaskStatus[None]) -> None:
    async with gomq.Consumer(address, TOPIC, replay=False) as consumer:
        task_status.started()  # from here on nothing that is published is missed
        for _ in range(COUNT):
            message = await anext(consumer)
            print("heard:", message.value)


async def main(address: str) -> None:
    async with gomq.Admin(address) as admin:
        await admin.create_topic(TOPIC, if_not_exists=True)
    with trio.fail_after(30):
        async with trio.open_nursery() as nursery, gomq.Producer(address) as producer:
            await nursery.start(listen, address)
            for number in range(COUNT):
                await producer.publish(TOPIC, b"tick %d" % number)


if __name__ == "__main__":
    trio.run(main, sys.argv[1] if len(sys.argv) > 1 else "localhost:9092")
