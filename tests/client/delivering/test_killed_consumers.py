"""At least once: a consumer that is killed again and again handles every message, and commits none unhandled."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from random import Random

import anyio
import pytest

import gomq
from gomq_storage.layout import TopicPartition
from tests.support.brokers import broker_in_thread
from tests.support.handler_process import GROUP, handled, handler_process
from tests.support.polling import wait_until

PARTITIONS = [TopicPartition("orders", index) for index in range(2)]


async def publish(address: str, count: int) -> dict[TopicPartition, int]:
    async with gomq.Producer(address) as producer:
        await producer.create_topic("orders", partitions=len(PARTITIONS))
        await producer.publish_many(
            "orders", [gomq.NewMessage(b"%d" % each, key=b"%d" % (each % 7)) for each in range(count)]
        )
    async with gomq.Consumer(address, "orders") as consumer:
        return await consumer.end_offsets()


async def committed(address: str) -> dict[TopicPartition, int]:
    async with gomq.Consumer(
        address, partitions=PARTITIONS, group=GROUP, start="earliest", auto_commit=False
    ) as consumer:
        found = await consumer.committed(*PARTITIONS)
    return {partition: 0 if offset is None else offset.offset for partition, offset in found.items()}


async def dead_letters(address: str) -> set[tuple[int, int]]:
    """Where the messages come from that were given up."""
    try:
        async with gomq.Consumer(address, "orders.dead", replay=True) as consumer:
            batches = [batch async for batch in consumer.batches(until=await consumer.end_offsets())]
    except gomq.UnknownTopicError:
        return set()
    headers = [dict(message.headers) for batch in batches for message in batch.messages]
    return {
        (int(each["gomq.dead-letter.partition"] or b""), int(each["gomq.dead-letter.offset"] or b""))
        for each in headers
    }


def kill_again_and_again(
    folder: Path, *, cycles: int, count: int, seed: int, backend: str, ways: Sequence[str] = ("run",)
) -> None:
    random = Random(seed)
    file = folder / "handled"
    with broker_in_thread(folder / "data") as broker:
        ends = anyio.run(publish, broker.address, count)
        done: set[tuple[int, int]] = set()
        for cycle in range(cycles + 1):
            is_last = cycle == cycles
            life, way = random.randrange(1 << 30), ways[cycle % len(ways)]
            with handler_process(broker.address, file, backend=backend, seed=life, way=way) as process:
                if is_last:
                    wait_until(lambda: anyio.run(committed, broker.address) == ends, within=60)
                else:
                    wanted = min(process.count + random.randrange(1, 2 * count // cycles), count * 8 // 10)
                    wait_until(partial(process.has_handled, wanted), within=30)
            done = handled(file)
            points = anyio.run(committed, broker.address)
            done |= anyio.run(dead_letters, broker.address)
            for (_, partition), point in points.items():
                missing = set(range(point)) - {offset for each, offset in done if each == partition}
                assert not missing, f"cycle {cycle}: committed {point} and not handled {sorted(missing)}"
    assert done == {(partition, offset) for (_, partition), end in ends.items() for offset in range(end)}
    assert len(file.read_bytes().splitlines()) >= count * 9 // 10


def test_every_message_is_handled_and_none_committed_before(tmp_path: Path):
    kill_again_and_again(tmp_path, cycles=2, count=150, seed=1, backend="asyncio")


@pytest.mark.soak
@pytest.mark.timeout(900)
@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize("seed", [2, 3])
def test_so_it_is_over_many_lives(tmp_path: Path, backend: str, seed: int):
    kill_again_and_again(tmp_path, cycles=40, count=8_000, seed=seed, backend=backend)
