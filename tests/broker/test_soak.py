"""All that can go wrong, again and again, at once: kills, pauses, cut connections, a disk that is full.

Publishers go on through all of it. Whatever was acknowledged is there once and in order, with nothing missing before
it; and a broker that lives through the rest holds no more at its end than it did at its beginning.

SOAK_SECONDS says how long; ten minutes if not given. Where a user may have no namespace, the disk is never full.
"""

import os
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from random import Random
from typing import Final, NamedTuple

import anyio
import pytest
from kio.schema.errors import ErrorCode

from gomq.protocol.api import Api
from gomq_storage.batch import walk
from gomq_storage.record import decode_batch
from tests.support.brokers import BrokerProcess, broker_process
from tests.support.kafka import free_ports
from tests.support.proxy import CuttingProxy
from tests.support.running import now_ms, sequenced
from tests.support.small_disk import SmallDisk, small_disk
from tests.support.topics import create
from tests.support.waiting import until
from tests.support.wire import Wire, connect, fetch_values, produce_values

SECONDS: Final = float(os.environ.get("SOAK_SECONDS", "600"))
TOPIC: Final = "orders"
PUBLISHERS: Final = 3
UNDER_WAY: Final = 4
"""Batches that a publisher sends before the first of them is answered; a broker remembers five."""
DISK_BYTES: Final = 48 << 20
MORE_MEMORY_BYTES: Final = 24 << 20
MORE_DESCRIPTORS: Final = 16
"""What a broker may take more while it lives: connections, and files that are being removed."""
OFTEN: Final = tuple(
    word
    for name in ("log-retention-check-interval-ms", "log-flush-offset-checkpoint-interval-ms", "log-cleaner-backoff-ms")
    for word in (f"--{name}", "500")
)
"""What was deleted gives its room back soon, or the disk is full for good."""
AGAIN: Final = {
    ErrorCode.kafka_storage_error,
    ErrorCode.out_of_order_sequence_number,
    ErrorCode.request_timed_out,
}
"""What a publisher is told that has to send again: the disk is full, or what was before it was not taken."""
GONE: Final = (OSError, EOFError, anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError)


class Publisher:
    """Sends numbers, each until it is acknowledged, always the oldest first, and never more than a few ahead."""

    def __init__(self, producer_id: int, random: Random) -> None:
        self.acknowledged = 0
        """All numbers below it are."""
        self._id = producer_id
        self._random = random

    async def run(self, proxy: CuttingProxy) -> None:
        """Publish until cancelled, over a new connection whenever one ends."""
        while True:
            with suppress(*GONE):
                async with connect(proxy.address) as wire:
                    await self._publish(wire)
            await anyio.sleep(0.02)  # a broker that is away is not asked all the time

    async def _publish(self, wire: Wire) -> None:
        asked: list[int] = []
        while True:
            while len(asked) < UNDER_WAY:
                asked.append(await self._send(wire, self.acknowledged + len(asked)))
            answer = await wire.receive(Api.PRODUCE, 9, asked.pop(0))
            code = answer.responses[0].partition_responses[0].error_code
            if code in AGAIN:
                return
            assert code in {ErrorCode.none, ErrorCode.duplicate_sequence_number}
            self.acknowledged += 1

    async def _send(self, wire: Wire, number: int) -> int:
        value = b"%d %d " % (self._id, number) + b"x" * self._random.randrange(3000)
        raw = sequenced(self._id, number, value, now_ms=now_ms())  # one that is silent for long would be forgotten
        return await wire.send(Api.PRODUCE, 9, produce_values({TOPIC: {0: raw}}))


class Reader:
    """Reads what was published, from where it was, and then has it deleted."""

    def __init__(self) -> None:
        self._offset = 0
        self._next = dict.fromkeys(range(PUBLISHERS), 0)

    @property
    def found(self) -> Mapping[int, int]:
        """How many numbers there were of each publisher."""
        return self._next

    async def read(self, wire: Wire, publishers: list[Publisher]) -> None:
        """Read on to the end; what was acknowledged before is there, each number once and after the one before it."""
        promised = [publisher.acknowledged for publisher in publishers]
        while True:
            answer = await wire.ask(Api.FETCH, 11, **fetch_values({TOPIC: [(0, self._offset)]}))
            (partition,) = answer.responses[0].partitions
            assert partition.error_code is ErrorCode.none
            self._take(partition.records)
            if self._offset == partition.high_watermark:
                break
        assert all(self._next[number] >= count for number, count in enumerate(promised))
        await self._delete(wire)

    def _take(self, records: bytes) -> None:
        for position, header in walk(records):
            assert header.base_offset == self._offset
            for record in decode_batch(memoryview(records)[position : position + header.size], header):
                publisher, number = map(int, (record.value or b"").split(b" ", 2)[:2])
                assert number == self._next[publisher]
                self._next[publisher] += 1
            self._offset = header.next_offset

    async def _delete(self, wire: Wire) -> None:
        partition = {"partition_index": 0, "offset": self._offset}
        topics = [{"name": TOPIC, "partitions": [partition]}]
        answer = await wire.ask(Api.DELETE_RECORDS, 2, topics=topics, timeout=1000)
        assert answer.topics[0].partitions[0].error_code is ErrorCode.none


class Held(NamedTuple):
    """What a process holds."""

    resident_bytes: int
    descriptors: int
    """Those of connections, and of files that are removed. How many files there are is the moment's affair."""

    @classmethod
    def by(cls, process: BrokerProcess) -> "Held":
        """Ask the system."""
        directory = Path(f"/proc/{process.process.pid}")
        pages = int((directory / "statm").read_text().split()[1])
        return cls(pages * os.sysconf("SC_PAGE_SIZE"), sum(map(_is_no_file, (directory / "fd").iterdir())))


def _is_no_file(descriptor: Path) -> bool:
    """Whether a descriptor stands for no file that has a name; one that was closed meanwhile stands for none at all."""
    try:
        target = os.readlink(descriptor)
    except FileNotFoundError:
        return False
    return not target.startswith("/") or target.endswith(" (deleted)")


class Soak:
    """A broker of several lives at one address, and those who use it."""

    def __init__(self, listen: str, data: Path, disk: SmallDisk | None) -> None:
        self.publishers = [Publisher(number, Random(number)) for number in range(PUBLISHERS)]
        self.reader = Reader()
        self.proxy = CuttingProxy(listen, Random(1))
        self.cuts = self.lives = 0
        self._random = Random(2)
        self._listen, self._data, self._disk = listen, data, disk

    @contextmanager
    def life(self) -> Iterator[BrokerProcess]:
        """Run the broker, which may end in between."""
        self.lives += 1
        backend = ("asyncio", "trio")[self.lives % 2]
        command = self._disk.enter if self._disk is not None else ()
        options = ("--backend", backend, *OFTEN)
        with broker_process(self._data, *options, listen=self._listen, command=command) as process:
            yield process

    async def hurt(self, process: BrokerProcess, *, until_time: float) -> None:
        """Do this and that to a broker that can live with it; each time all is well afterwards."""
        faults = [self._pause, self._cut, *([self._fill] if self._disk is not None else [])]
        async with connect(process.address) as wire:
            while time.monotonic() < until_time:
                await self._random.choice(faults)(process)
                await self.go_on()
                await self.reader.read(wire, self.publishers)

    async def go_on(self) -> None:
        """Wait until each publisher has something acknowledged."""
        before = [publisher.acknowledged for publisher in self.publishers]
        await until(
            lambda: all(now.acknowledged > then for now, then in zip(self.publishers, before, strict=True)), within=30
        )

    async def _pause(self, process: BrokerProcess) -> None:
        process.process.send_signal(signal.SIGSTOP)
        try:
            await anyio.sleep(self._random.uniform(0.05, 1))
        finally:
            process.process.send_signal(signal.SIGCONT)

    async def _cut(self, _: BrokerProcess) -> None:
        await anyio.sleep(self._random.uniform(0, 0.2))
        self.cuts += self.proxy.cut()

    async def _fill(self, _: BrokerProcess) -> None:
        assert self._disk is not None
        self._disk.fill()
        try:
            await anyio.sleep(self._random.uniform(0.05, 0.5))
        finally:
            self._disk.clear()


@pytest.mark.soak
@pytest.mark.timeout(SECONDS + 120)
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_what_was_acknowledged_outlives_everything_at_once(tmp_path: Path):
    listen = f"127.0.0.1:{free_ports(1)[0]}"
    ends = time.monotonic() + SECONDS
    with small_disk(tmp_path, size=DISK_BYTES) as disk:
        soak = Soak(listen, (disk.inside if disk is not None else tmp_path) / "data", disk)
        async with anyio.create_task_group() as group:
            await group.start(soak.proxy.run)
            with soak.life() as process:
                async with connect(process.address) as wire:
                    await create(wire, TOPIC, configs={"segment.bytes": "200000", "file.delete.delay.ms": "500"})
                process.kill()
            for publisher in soak.publishers:
                group.start_soon(publisher.run, soak.proxy)
            await short_lives(soak, until_time=ends - SECONDS / 2)
            await long_life(soak, until_time=ends)
            group.cancel_scope.cancel()
    assert soak.cuts
    assert soak.lives > SECONDS / 20
    assert all(soak.reader.found.values())


async def short_lives(soak: Soak, *, until_time: float) -> None:
    """Kill it, or have it stop in order, after each of many lives."""
    random = Random(3)
    while time.monotonic() < until_time:
        with soak.life() as process:
            await soak.go_on()
            await soak.hurt(process, until_time=min(time.monotonic() + random.uniform(0, 2), until_time))
            if random.random() < 0.8:
                process.kill()
            else:
                await anyio.to_thread.run_sync(process.terminate)


async def long_life(soak: Soak, *, until_time: float) -> None:
    """Have one broker live through all that does not kill it, and compare what it holds."""
    with soak.life() as process:
        await soak.go_on()
        warm = time.monotonic() + (until_time - time.monotonic()) / 4
        await soak.hurt(process, until_time=warm)
        before = Held.by(process)
        await soak.hurt(process, until_time=until_time)
        await has_few_descriptors(soak, process, most=before.descriptors + MORE_DESCRIPTORS)
        assert Held.by(process).resident_bytes <= before.resident_bytes + MORE_MEMORY_BYTES
        assert process.terminate() == 0


async def has_few_descriptors(soak: Soak, process: BrokerProcess, *, most: int) -> None:
    """Return once a broker has no more than so many, while what is published is deleted as ever."""
    async with connect(process.address) as wire:
        with anyio.fail_after(20):
            while Held.by(process).descriptors > most:
                await soak.reader.read(wire, soak.publishers)
                await soak.go_on()
