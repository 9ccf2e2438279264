"""Two brokers, topics to carry from one to the other, and what is there afterwards."""

from typing import NamedTuple

import gomq
from gomq.client.cluster.settings import ConnectionSettings
from gomq.client.mirroring.mirror import Mirror
from gomq.client.mirroring.plan import MirrorPlan
from gomq.client.mirroring.settings import MirrorSettings

QUICK = ConnectionSettings(first_backoff=0.01, max_backoff=0.05)
SETTINGS = MirrorSettings(source=QUICK, target=QUICK, patience=10)


class Pair(NamedTuple):
    """Two brokers."""

    source: gomq.Broker
    target: gomq.Broker

    @property
    def addresses(self) -> tuple[str, str]:
        return self.source.address, self.target.address


async def publish(address: str, topic: str, *values: bytes, partition: int | None = None) -> None:
    async with gomq.Producer(address) as producer:
        messages = [
            gomq.NewMessage(value, b"k" + value, {"name": b"x", "none": None}, timestamp=1_700_000_000_000 + number)
            for number, value in enumerate(values)
        ]
        await producer.publish_many(topic, messages, partition=partition)


async def messages(address: str, topic: str) -> list[gomq.Message]:
    async with gomq.Consumer(address, topic, replay=True) as consumer:
        found = [each async for batch in consumer.batches(until=await consumer.end_offsets()) for each in batch]
    return sorted(found, key=lambda message: (message.partition, message.offset))


async def mirrored(pair: Pair, *topics: str) -> MirrorPlan:
    """Carry topics over, compare both sides, and return what was planned."""
    async with Mirror(*pair.addresses, settings=SETTINGS) as mirror:
        plan = await mirror.plan(topics)
        await mirror.copy(plan)
        for each in await mirror.verify(plan):
            assert each.is_same, each
    return plan


def numbers(start: int, stop: int) -> list[bytes]:
    return [b"%d" % number for number in range(start, stop)]
