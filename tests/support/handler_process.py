"""A consumer of a group as a process of its own, which says in a file what it has handled; to be killed.

``python -m tests.support.handler_process ADDRESS FILE BACKEND SEED WAY``: each message is handled for a while. The way
is how they are asked for. With ``run`` some fail at first, and each whose value is a multiple of 10 always does, and
ends in ``orders.dead``; ``messages``, ``batches``, ``take`` and ``commit`` (after each message) need no words.
"""

import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from random import Random

import anyio

import gomq
from gomq.client.delivering.delivery import Delivery
from gomq.client.groups.settings import GroupSettings

GROUP = "workers"


class HandlerProcess:
    """A running one."""

    def __init__(self, process: subprocess.Popen[bytes], file: Path) -> None:
        self.process = process
        self._file = file

    @property
    def count(self) -> int:
        """How many messages were handled so far, by this process and those before it."""
        return self._file.read_bytes().count(b"\n")

    def has_handled(self, count: int) -> bool:
        return self.count >= count

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(30)


@contextmanager
def handler_process(address: str, file: Path, *, backend: str, seed: int, way: str = "run") -> Iterator[HandlerProcess]:
    """Run one until it is killed, at the latest at the end of the block; it must not end by itself."""
    file.touch()
    arguments = [address, str(file), backend, str(seed), way]
    command = [sys.executable, "-m", "tests.support.handler_process", *arguments]
    process = subprocess.Popen(command, stderr=subprocess.PIPE)
    handler = HandlerProcess(process, file)
    try:
        yield handler
    finally:
        handler.kill()
        assert process.stderr is not None
        with process.stderr as errors:
            assert process.returncode == -signal.SIGKILL, errors.read().decode()


def handled(file: Path) -> set[tuple[int, int]]:
    """Partition and offset of what was handled; a line that was cut off by a kill is none."""
    lines = file.read_bytes().split(b"\n")[:-1]
    return {(int(partition), int(offset)) for partition, offset in map(bytes.split, lines)}


async def in_parts(consumer: gomq.Consumer, way: str) -> AsyncIterator[Sequence[gomq.Message]]:
    """Ask for messages, one by one or more at a time."""
    while way == "take":
        yield await consumer.take(20)
    if way == "batches":
        async for batch in consumer.batches():
            yield batch.messages
    async for message in consumer:
        yield [message]


class Worker:
    """Handles messages."""

    def __init__(self, path: str, seed: int) -> None:
        self._random = Random(seed)
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND)

    async def handle(self, message: gomq.Message) -> None:
        await anyio.sleep(self._random.random() / 500)
        os.write(self._file, b"%d %d\n" % (message.partition, message.offset))

    async def handle_at_last(self, delivery: Delivery) -> None:
        if int(delivery.message.value or b"") % 10 == 0 or (delivery.attempt == 1 and self._random.random() < 0.1):
            raise LookupError("no")
        await self.handle(delivery.message)

    async def run(self, consumer: gomq.Consumer) -> None:
        await consumer.run(
            self.handle_at_last,
            concurrency=4,
            order="key",
            max_attempts=3,
            backoff=0.001,
            ack_timeout=5,
            dead_letter="orders.dead",
        )

    async def consume(self, consumer: gomq.Consumer, way: str) -> None:
        """Handle everything that comes, in the way that is wanted."""
        if way == "run":
            await self.run(consumer)
        async for messages in in_parts(consumer, way):
            for message in messages:
                await self.handle(message)
            if way == "commit":
                await consumer.commit()


async def work(address: str, path: str, seed: int, way: str) -> None:
    # a static member has its partitions back at once, where another would wait until its former self is missed
    group = GroupSettings(GROUP, instance_id="worker", commit_interval=0.02)
    async with gomq.Consumer(address, "orders", start="earliest", group=group, auto_commit=way != "commit") as consumer:
        await Worker(path, seed).consume(consumer, way)


if __name__ == "__main__":
    _, broker, path, loop, number, asked_for = sys.argv
    anyio.run(work, broker, path, int(number), asked_for, backend=loop)
