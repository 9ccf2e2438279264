"""Whatever happens to a consumer and its broker, each message comes once, in its partition's order; none is missed."""

from pathlib import Path
from random import Random

import anyio
import pytest

import gomq
from gomq_storage.layout import TopicPartition
from tests.client.consuming.test_fetching import quick

TOPICS, PARTITIONS, STEPS, SEEDS = ("orders", "bills"), 3, 100, 2


class Model:
    """What each partition holds, and which offset is to be handed out next."""

    def __init__(self, consumer: gomq.Consumer, producer: gomq.Producer, random: Random) -> None:
        self.consumer, self.producer, self.random = consumer, producer, random
        self.values: dict[TopicPartition, list[bytes]] = {
            TopicPartition(topic, index): [] for topic in TOPICS for index in range(PARTITIONS)
        }
        self.next = dict.fromkeys(self.values, 0)
        self.paused: set[TopicPartition] = set()

    def any_partition(self) -> TopicPartition:
        return self.random.choice(list(self.values))

    async def publish(self) -> None:
        target = self.any_partition()
        values = [b"%d" % self.random.getrandbits(40) * self.random.choice((1, 30)) for _ in range(3)]
        await self.producer.publish_many(target.topic, values, partition=target.partition)
        self.values[target] += values

    async def pause(self) -> None:
        target = self.any_partition()
        self.consumer.pause(target)
        self.paused.add(target)

    async def resume(self) -> None:
        self.consumer.resume(*self.paused)
        self.paused.clear()

    async def seek(self) -> None:
        target = self.any_partition()
        self.next[target] = self.random.randint(0, len(self.values[target]))
        await self.consumer.seek(target, self.next[target])

    async def take(self) -> None:
        for message in await self.consumer.take(self.random.choice((1, 4, 100)), timeout=0.02):
            target = TopicPartition(message.topic, message.partition)
            assert target not in self.paused
            assert (message.offset, message.value) == (self.next[target], self.values[target][message.offset])
            self.next[target] += 1

    async def take_all(self) -> None:
        await self.resume()
        while any(self.next[target] < len(values) for target, values in self.values.items()):
            await self.take()
        assert not await self.consumer.take(timeout=0.2)


class KeptBroker:
    """A broker that can be restarted where it is."""

    def __init__(self, data: Path, address: str) -> None:
        self._data, self._address = data, address
        self._running = gomq.Broker(data=data, listen=address)
        self._is_to_stop = anyio.Event()
        self._is_here = anyio.Event()

    async def run(self) -> None:
        while True:
            async with gomq.Broker(data=self._data, listen=self._address) as self._running:
                self._is_to_stop = anyio.Event()
                self._is_here.set()
                await self._is_to_stop.wait()

    async def wait(self) -> None:
        await self._is_here.wait()

    async def restart(self) -> None:
        self._is_here = anyio.Event()
        self._is_to_stop.set()
        await self.wait()

    async def forget_sessions(self) -> None:
        assert self._running._state is not None
        sessions = self._running._state.fetch_sessions
        for session_id in list(sessions._by_id):
            sessions._remove(session_id)


@pytest.mark.parametrize("seed", range(SEEDS))
async def test_pauses_seeks_restarts_and_lost_sessions_make_no_gap_and_no_duplicate(
    data: Path, kept_address: str, seed: int
):
    random = Random(seed)
    broker = KeptBroker(data, kept_address)
    settings = quick(buffer_bytes=2000, fetch_bytes=500)
    with anyio.fail_after(25):
        async with anyio.create_task_group() as group:
            group.start_soon(broker.run)
            await broker.wait()
            async with gomq.Producer(kept_address) as producer:
                for topic in TOPICS:
                    await producer.create_topic(topic, partitions=PARTITIONS)
                async with gomq.Consumer(kept_address, TOPICS, replay=True, settings=settings) as consumer:
                    model = Model(consumer, producer, random)
                    often = [model.publish, model.pause, model.resume, model.seek, model.take]
                    for _ in range(STEPS):
                        await random.choice([*often * 6, broker.forget_sessions, broker.restart])()
                    await model.take_all()
            group.cancel_scope.cancel()
