"""``gomq mirror`` killed the hard way again and again: at the end all is there, once and in order."""

import itertools
import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import anyio
import pytest

import gomq
from tests.support.brokers import GOMQ, broker_in_thread

MESSAGES = 2000
VALUE_BYTES = 500
LEAST_BYTES = 2 * MESSAGES * VALUE_BYTES
KILLS = 6
"""About so many; each is a process that has to be started."""


class Ends(NamedTuple):
    """Two brokers."""

    source: str
    target: str
    target_data: Path

    @property
    def written(self) -> int:
        """How many bytes the target has."""
        return sum(path.stat().st_size for path in self.target_data.glob("orders-*/*.log"))


@pytest.fixture
def ends(tmp_path: Path) -> Iterator[Ends]:
    with (
        broker_in_thread(tmp_path / "source", flush="never") as source,
        broker_in_thread(tmp_path / "target", flush="never") as target,
    ):
        yield Ends(source.address, target.address, tmp_path / "target")


async def fill(address: str, *, deleted: int) -> None:
    """Publish numbered messages in small batches, and delete the first ones."""
    async with gomq.Producer(address, max_batch_bytes=10_000) as producer:
        await producer.create_topic("orders", partitions=2)
        for partition in range(2):
            values = [b"%d" % number + bytes(VALUE_BYTES) for number in range(MESSAGES)]
            await producer.publish_many("orders", values, partition=partition)
    if deleted:
        async with gomq.Admin(address) as admin:
            await admin.delete_records("orders", {0: deleted, 1: deleted})


async def values(address: str) -> list[tuple[int, bytes | None]]:
    async with gomq.Consumer(address, "orders", replay=True) as consumer:
        ends = await consumer.end_offsets()
        found = [each async for batch in consumer.batches(until=ends) for each in batch]
    return [(each.partition, each.value) for each in sorted(found, key=lambda each: (each.partition, each.offset))]


def mirror_until_done(ends: Ends, *, seed: int, about: int) -> int:
    """Run mirrors, each killed once it has written some more, until one ends by itself; return how many were killed.

    Args:
        ends: where from and where to.
        seed: of when they are killed.
        about: how many are to be killed, on average.
    """
    chance = random.Random(seed)
    for kills in itertools.count():
        command = [*GOMQ, "mirror", ends.source, ends.target, "orders", "--rate", "1M", "--timeout", "20"]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment())
        enough = ends.written + chance.randrange(1, 2 * LEAST_BYTES // about)
        while process.poll() is None and ends.written < enough:
            time.sleep(0.002)
        if process.poll() is None:
            process.kill()
        _, errors = process.communicate()
        if process.returncode != -signal.SIGKILL:
            assert process.returncode == 0, errors.decode()
            return kills
    raise AssertionError


def environment() -> dict[str, str]:
    """Leave out what the user has set for ``gomq``."""
    return {name: value for name, value in os.environ.items() if not name.startswith("GOMQ_")}


def check_kills(ends: Ends, *, deleted: int, seed: int, about: int = KILLS) -> None:
    anyio.run(lambda: fill(ends.source, deleted=deleted))

    kills = mirror_until_done(ends, seed=seed, about=about)

    assert kills > 0
    assert anyio.run(values, ends.target) == anyio.run(values, ends.source), (seed, kills)


def test_what_killed_mirrors_leave_behind_is_completed(ends: Ends):
    check_kills(ends, deleted=7, seed=1, about=2)


@pytest.mark.soak
@pytest.mark.timeout(600)
@pytest.mark.parametrize("deleted", [0, 5])
@pytest.mark.parametrize("seed", range(10))
def test_however_often_they_are_killed(ends: Ends, deleted: int, seed: int):
    check_kills(ends, deleted=deleted, seed=seed)
