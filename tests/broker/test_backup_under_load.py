"""A data directory is backed up while producers write, segments roll, expire and are compacted, and topics come and go.

What was acknowledged before a backup began is in it, under its offset, and a broker serves from what is restored.
"""

import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
import pytest

import gomq
from gomq_storage.backup.restoring import find_backup, restore
from tests.support.brokers import GOMQ
from tests.support.waiting import until

OFTEN: Any = {"compaction_interval": 0.02, "retention_check_interval": 0.05, "flush": gomq.FlushMode.NEVER}
SMALL: dict[str, object] = {"segment.bytes": 4000, "file.delete.delay.ms": 0}
CONFIGS: dict[str, dict[str, object]] = {
    "plain": SMALL,
    "compacted": {**SMALL, "cleanup.policy": "compact", "min.cleanable.dirty.ratio": 0.01},
    "expiring": {**SMALL, "retention.bytes": 12_000},
}
KEYS = 7
DUMP = [sys.executable, "-c", "from gomq_dump.cli import main; raise SystemExit(main())"]

pytestmark = pytest.mark.parametrize("anyio_backend", ["asyncio"])  # a backup is no part of the event loop


@dataclass(slots=True)
class Load:
    """What is written, and what of it is acknowledged."""

    producer: gomq.Producer
    acknowledged: dict[str, list[tuple[int, bytes]]] = field(default_factory=lambda: {name: [] for name in CONFIGS})
    """Offset and value, by topic."""
    committed: int = 0
    came_and_went: int = 0

    async def publish(self, topic: str) -> None:
        """Publish for ever."""
        number = len(self.acknowledged[topic])
        while True:
            value = b"%d" % number + b"." * (number % 300)
            receipt = await self.producer.publish(topic, value, key=b"k%d" % (number % KEYS))
            self.acknowledged[topic].append((receipt.offset, value))
            number += 1

    async def commit(self, address: str) -> None:
        """Have a group follow for ever."""
        async with gomq.Consumer(address, "plain", group="followers", replay=True, auto_commit=False) as consumer:
            async for batch in consumer.batches():
                await consumer.commit({gomq.TopicPartition("plain", 0): batch.offsets[-1] + 1})
                self.committed = batch.offsets[-1] + 1

    async def come_and_go(self, address: str) -> None:
        """Create and delete topics for ever, as fast as the broker lets us."""
        async with gomq.Admin(address) as admin:
            number = 0
            while True:
                await admin.create_topic(f"short-{number}", partitions=2)
                await self.producer.publish(f"short-{number}", b"x")
                if number >= 3:
                    await admin.delete_topic(f"short-{number - 3}")
                number += 1
                self.came_and_went = number


async def with_load(data: Path, work: Callable[[Load], Awaitable[None]]) -> None:
    """Do something while a broker is busy."""
    config = gomq.BrokerConfig(data=data, listen="127.0.0.1:0", **OFTEN)
    async with (
        gomq.Broker(config=config) as broker,
        gomq.Producer(broker.address) as producer,
        anyio.create_task_group() as group,
    ):
        for name, configs in CONFIGS.items():
            await producer.create_topic(name, configs=configs)
        load = Load(producer)
        for name in CONFIGS:
            group.start_soon(load.publish, name)
        group.start_soon(load.commit, broker.address)
        group.start_soon(load.come_and_go, broker.address)
        await work(load)
        group.cancel_scope.cancel()


async def check_backup(data: Path, load: Load, *, at_least: int) -> bool:
    """Make a backup once so many messages of each topic are acknowledged, and check what is restored of it.

    Returns:
        whether a topic came or went meanwhile: on a busy machine a backup may be quicker than that.
    """
    await until(lambda: min(map(len, load.acknowledged.values())) >= at_least and load.committed, within=20)
    before = {name: dict(acknowledged) for name, acknowledged in load.acknowledged.items()}
    committed = load.committed
    topics = load.came_and_went
    command = [*GOMQ, "backup", str(data), str(data.with_name("backups"))]
    ran = await anyio.run_process(command, check=False)  # another process: a thread of this one would slow the load
    assert ran.returncode == 0, ran.stderr.decode()
    meanwhile = load.came_and_went - topics
    await check(Path(ran.stdout.decode().strip()), data.with_name(f"restored {at_least}"), before, committed)
    return meanwhile > 0


async def check(backup: Path, data: Path, before: Mapping[str, dict[int, bytes]], committed: int) -> None:
    """Restore a backup, have a broker serve from it, and look at all that has to be there."""
    _, manifest = find_backup(backup)
    restore(backup, data, manifest)
    verified = await anyio.run_process([*DUMP, "--verify", str(data)], check=False)
    assert verified.returncode == 0, verified.stdout.decode()
    async with gomq.Broker(data=data, listen="127.0.0.1:0", flush="never") as broker:
        async with gomq.Admin(broker.address) as admin:
            names = [topic.name for topic in await admin.list_topics()]
            described = await admin.describe_topics(names)
            (group,) = (await admin.group_offsets("followers")).values()
        assert all(each.end_offset is not None for topic in described.values() for each in topic.partitions), described
        assert group.committed is not None
        assert group.end_offset is not None
        assert committed <= group.committed <= group.end_offset
        for name in CONFIGS:
            found = await everything(broker.address, name)
            check_topic(name, found, before[name], described[name].partitions[0].beginning_offset or 0)


def check_topic(name: str, found: dict[int, gomq.Message], acknowledged: dict[int, bytes], start: int) -> None:
    """Check that what was acknowledged is there, unless it has expired or was written again."""
    assert all(found[offset].value == value for offset, value in acknowledged.items() if offset in found)
    missing = [offset for offset in acknowledged if offset not in found and offset >= start]
    if name != "compacted":
        assert missing == []
        assert name == "expiring" or start == 0
        return
    latest = {message.key: offset for offset, message in found.items()}
    assert all(latest[b"k%d" % (int(acknowledged[offset].rstrip(b".")) % KEYS)] > offset for offset in missing)


async def everything(address: str, topic: str) -> dict[int, gomq.Message]:
    async with gomq.Consumer(address, topic, replay=True) as consumer:
        ends = await consumer.end_offsets()
        return {each.offset: each async for batch in consumer.batches(until=ends) for each in batch}


async def test_backups_of_a_busy_broker_have_what_was_acknowledged(tmp_path: Path):
    async def work(load: Load) -> None:
        at_least = 200
        while not await check_backup(tmp_path / "data", load, at_least=at_least):
            at_least += 1

    await with_load(tmp_path / "data", work)


@pytest.mark.soak
@pytest.mark.timeout(600)
async def test_many_backups_of_a_busy_broker(tmp_path: Path):
    async def work(load: Load) -> None:
        assert any([await check_backup(tmp_path / "data", load, at_least=100 * number) for number in range(1, 9)])

    await with_load(tmp_path / "data", work)
