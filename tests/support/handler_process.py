"""A consumer of a group as a process of its own, which says in a file what it has handled; to be killed.

``python -m tests.support.handler_process ADDRESS FILE BACKEND SEED``: each message is handled for a while, some fail at
first, and each whose value is a multiple of 10 always does, and ends in ``orders.dead``.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
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
        self.process.wait(10)


@contextmanager
def handler_process(address: str, file: Path, *, backend: str, seed: int) -> Iterator[HandlerProcess]:
    """Run one until it is killed, at the latest at the end of the block; it must not end by itself."""
    file.touch()
    command = [sys.executable, "-m", "tests.support.handler_process", address, str(file), backend, str(seed)]
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


async def consume(address: str, path: str, seed: int) -> None:
    random = Random(seed)
    file = os.open(path, os.O_WRONLY | os.O_APPEND)
    # a static member has its partitions back at once, where another would wait until its former self is missed
    group = GroupSettings(GROUP, instance_id="worker", commit_interval=0.02)

    async def handle(delivery: Delivery) -> None:
        await anyio.sleep(random.random() / 500)
        if int(delivery.message.value or b"") % 10 == 0 or (delivery.attempt == 1 and random.random() < 0.1):
            raise LookupError("no")
        os.write(file, b"%d %d\n" % (delivery.message.partition, delivery.message.offset))

    async with gomq.Consumer(address, "orders", start="earliest", group=group) as consumer:
        await consumer.run(
            handle, concurrency=4, order="key", max_attempts=3, backoff=0.001, ack_timeout=5, dead_letter="orders.dead"
        )


if __name__ == "__main__":
    anyio.run(consume, sys.argv[1], sys.argv[2], int(sys.argv[4]), backend=sys.argv[3])
