"""kill -9 in the middle of publishing: every acknowledged message is there after a restart, once and in order."""

from collections import defaultdict
from pathlib import Path
from random import Random

import anyio
import pytest

from gomq.protocol.api import Api
from gomq_storage.batch import walk
from gomq_storage.record import decode_batch
from tests.support.brokers import BrokerProcess, broker_process
from tests.support.running import sequenced
from tests.support.topics import create
from tests.support.wire import Wire, batch, connect, fetch_values, metadata_values, produce_values

PUBLISHERS = 3
UNDER_WAY = 4
"""Batches that an idempotent publisher sends before the first of them is answered."""


class Publishing:
    """What each publisher has sent, and what of it was acknowledged, over all lives of the broker."""

    def __init__(self, random: Random) -> None:
        self.acknowledged: dict[int, list[int]] = defaultdict(list)
        self._next: dict[int, int] = defaultdict(int)
        self._random = random

    async def until_killed(self, process: BrokerProcess) -> None:
        """Publish from several connections, and kill the broker after some acknowledgements."""
        left = self._random.randrange(1, 150)

        async def publish(publisher: int) -> None:
            nonlocal left
            async with connect(process.address) as wire:
                while True:
                    number, acks = self._next[publisher], self._random.choice((1, -1))
                    self._next[publisher] += 1
                    value = b"%d %d " % (publisher, number) + b"x" * self._random.randrange(3000)
                    try:
                        answer = await wire.ask(
                            Api.PRODUCE, 9, **produce_values({"orders": {0: batch(value)}}, acks=acks)
                        )
                    except (anyio.EndOfStream, anyio.BrokenResourceError):
                        return
                    assert answer.responses[0].partition_responses[0].error_code == 0
                    self.acknowledged[publisher].append(number)
                    left -= 1
                    if left == 0:
                        process.kill()

        async with anyio.create_task_group() as group:
            for publisher in range(PUBLISHERS):
                group.start_soon(publish, publisher)


async def stored(wire: Wire) -> dict[int, list[int]]:
    """Read the whole topic, and return the numbers of each publisher in the order of their offsets."""
    numbers: dict[int, list[int]] = defaultdict(list)
    offset = 0
    while True:
        answer = await wire.ask(Api.FETCH, 11, **fetch_values({"orders": [(0, offset)]}))
        (partition,) = answer.responses[0].partitions
        assert partition.error_code == 0
        for position, header in walk(partition.records):
            assert header.base_offset == offset
            for record in decode_batch(memoryview(partition.records)[position : position + header.size], header):
                publisher, number, _ = (record.value or b"").split(b" ", 2)
                numbers[int(publisher)].append(int(number))
            offset = header.next_offset
        if offset == partition.high_watermark:
            return numbers


async def kill_again_and_again(data: Path, *, cycles: int, seed: int) -> None:
    publishing = Publishing(Random(seed))
    for cycle in range(cycles):
        with broker_process(data, "--backend", ("asyncio", "trio")[cycle % 2]) as process:
            async with connect(process.address) as wire:
                await wire.ask(Api.METADATA, 12, **metadata_values("orders", create=True))
                check(publishing, await stored(wire))
            await publishing.until_killed(process)
    with broker_process(data) as process:
        async with connect(process.address) as wire:
            check(publishing, await stored(wire))
    assert all(publishing.acknowledged[publisher] for publisher in range(PUBLISHERS))


def check(publishing: Publishing, numbers: dict[int, list[int]]) -> None:
    for publisher, acknowledged in publishing.acknowledged.items():
        found = numbers[publisher]
        assert found == sorted(set(found)), "in order, each once"
        lost = set(acknowledged) - set(found)
        assert not lost, f"publisher {publisher} lost {sorted(lost)} of {len(acknowledged)}"


class IdempotentPublishing:
    """Publishers that keep sending a batch, with the same sequence number, until it is acknowledged."""

    def __init__(self, random: Random) -> None:
        self.unanswered: dict[int, list[int]] = {publisher: [] for publisher in range(PUBLISHERS)}
        """Numbers of messages, which are sequence numbers too, that were sent and not acknowledged."""
        self.next = [0] * PUBLISHERS
        self.sent_again = 0
        self._random = random

    async def until_killed(self, process: BrokerProcess) -> None:
        """Send again what was not acknowledged, then more, and kill the broker after some acknowledgements."""
        left = self._random.randrange(1, 100)

        async def publish(publisher: int) -> None:
            nonlocal left
            unanswered = self.unanswered[publisher]
            async with connect(process.address) as wire:
                try:
                    self.sent_again += len(unanswered)
                    asked = [await self._send(wire, publisher, number) for number in unanswered]
                    while True:
                        while len(unanswered) < UNDER_WAY:
                            unanswered.append(self.next[publisher])
                            self.next[publisher] += 1
                            asked.append(await self._send(wire, publisher, unanswered[-1]))
                        answer = await wire.receive(Api.PRODUCE, 9, asked.pop(0))
                        assert answer.responses[0].partition_responses[0].error_code == 0
                        del unanswered[0]
                        left -= 1
                        if left == 0:
                            process.kill()
                except (anyio.EndOfStream, anyio.BrokenResourceError):
                    return

        async with anyio.create_task_group() as group:
            for publisher in range(PUBLISHERS):
                group.start_soon(publish, publisher)

    async def _send(self, wire: Wire, publisher: int, number: int) -> int:
        value = b"%d %d " % (publisher, number) + b"x" * self._random.randrange(3000)
        raw = sequenced(publisher, number, value)
        return await wire.send(Api.PRODUCE, 9, produce_values({"orders": {0: raw}}))

    def check(self, numbers: dict[int, list[int]]) -> None:
        """Check that each publisher's messages are there once, in order, from the first to the last acknowledged."""
        for publisher, unanswered in self.unanswered.items():
            found = numbers[publisher]
            assert found == list(range(len(found))), f"publisher {publisher}: each once and in order"
            acknowledged = self.next[publisher] - len(unanswered)
            assert acknowledged <= len(found) <= self.next[publisher]


async def kill_and_send_again(data: Path, *, cycles: int, seed: int) -> None:
    publishing = IdempotentPublishing(Random(seed))
    for cycle in range(cycles):
        with broker_process(data, "--backend", ("asyncio", "trio")[cycle % 2]) as process:
            async with connect(process.address) as wire:
                await create(wire, "orders", configs={"segment.bytes": "50000"})
                publishing.check(await stored(wire))
            await publishing.until_killed(process)
    with broker_process(data) as process:
        async with connect(process.address) as wire:
            publishing.check(await stored(wire))
    assert publishing.sent_again > cycles


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_what_was_acknowledged_survives_the_kill(data: Path):
    await kill_again_and_again(data, cycles=3, seed=1)


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_what_was_acknowledged_survives_two_hundred_kills(data: Path):
    await kill_again_and_again(data, cycles=200, seed=2)


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_what_is_sent_again_after_the_kill_is_there_once(data: Path):
    await kill_and_send_again(data, cycles=4, seed=3)


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_what_is_sent_again_after_two_hundred_kills_is_there_once(data: Path):
    await kill_and_send_again(data, cycles=200, seed=4)
