"""A broker within a program: a durable queue between its own tasks, that other programs can use as well.

python embedded.py data

The directory stays: started again, it goes on where it was. Without one, a temporary directory is used.
"""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import anyio

import gomq

JOBS = [b"resize cat.png", b"resize dog.png", b"stop"]


async def take_jobs(address: str) -> None:
    async with gomq.Consumer(address, "jobs", start="earliest", group="workers") as consumer:
        async for message in consumer:
            if message.value == b"stop":
                return
            print("done:", message.value)


async def main(data: Path) -> None:
    async with (
        gomq.Broker(data=data, listen="127.0.0.1:0") as broker,
        anyio.create_task_group() as tasks,
        gomq.Producer(broker.address) as producer,
    ):
        await producer.publish("jobs", JOBS[0])
        tasks.start_soon(take_jobs, broker.address)
        await producer.publish_many("jobs", JOBS[1:])


if __name__ == "__main__":
    if len(sys.argv) > 1:
        anyio.run(main, Path(sys.argv[1]))
    else:
        with TemporaryDirectory() as directory:
            anyio.run(main, Path(directory) / "data")
