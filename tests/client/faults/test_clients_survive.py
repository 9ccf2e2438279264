"""Producers, consumers and admins over connections to which anything may happen: they fail cleanly or go on.

No message is lost or out of order, none that is idempotent comes twice, nothing takes longer than it may, and the
client can be used afterwards.
"""

import tracemalloc
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random

import anyio
import pytest

import gomq
from gomq.client.cluster.settings import ConnectionSettings
from gomq.client.consuming.settings import ConsumerSettings
from gomq.client.producing.settings import ProducerSettings
from tests.support.fault_proxy import FaultProxy, Script, fault_proxy
from tests.support.mangling import Fault, Kind

SEEDS = [*range(5), *(pytest.param(seed, marks=pytest.mark.soak) for seed in range(5, 40))]
"""Few each time, for each waits for answers that do not come."""
MESSAGES = 40
SCRIPTS = 4
QUICK = ConnectionSettings(connect_timeout=0.3, request_timeout=0.2, first_backoff=0.005, max_backoff=0.05)
MOST_BYTES = 64 << 20
SECONDS = 20
"""Of which most are waits for answers that do not come."""


@asynccontextmanager
async def behind_faults(data: Path, seed: int) -> AsyncIterator[tuple[FaultProxy, gomq.Broker]]:
    """A broker that tells clients to come through the proxy."""
    async with fault_proxy(seed=seed) as proxy:
        config = gomq.BrokerConfig(data=data, listen="127.0.0.1:0", advertise=proxy.address)
        async with gomq.Broker(config=config) as broker:
            proxy.target = broker.address
            yield proxy, broker


def scripts(seed: int) -> list[Script]:
    """Some connections, to each of which one or two things happen within its first few frames."""
    random = Random(seed)

    def faults() -> tuple[Fault, ...]:
        chosen = random.sample(range(6), k=random.randrange(3))
        return tuple(
            Fault(kind=random.choice(list(Kind)), frame=frame, amount=random.randrange(1, 120)) for frame in chosen
        )

    # what a broker is told wrongly it does: only what cannot make another request of one goes that way
    harmless = {Kind.CUT, Kind.HALF_CLOSE, Kind.STALL, Kind.DELAY, Kind.SLICE, Kind.NOISE, Kind.NEGATIVE_SIZE}
    return [
        Script(to_broker=tuple(each for each in faults() if each.kind in harmless), to_client=faults())
        for _ in range(SCRIPTS)
    ]


@pytest.fixture
def bounded_memory() -> Iterator[None]:
    """No answer makes the client take much memory, whatever its size says."""
    tracemalloc.start()
    yield
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < MOST_BYTES


async def stored(broker: gomq.Broker, topic: str) -> list[bytes | None]:
    """What a reader gets that nothing happens to."""
    async with gomq.Admin(broker.address) as admin:
        end = (await admin.describe_topic(topic)).partitions[0].end_offset
    return [] if not end else await read(broker.address, topic, end, connection=ConnectionSettings())


async def read(address: str, topic: str, count: int, *, connection: ConnectionSettings = QUICK) -> list[bytes | None]:
    settings = ConsumerSettings(connection=connection, max_wait=0.05)
    values: list[bytes | None] = []
    async with gomq.Consumer(address, topic, replay=True, settings=settings) as consumer:
        async for message in consumer:
            values.append(message.value)
            if len(values) == count:
                break
    return values


async def opened(client: type[gomq.Producer], address: str, settings: ProducerSettings) -> gomq.Producer:
    """Enter a producer as a program does that tries again."""
    while True:
        producer = client(address, settings=settings)
        try:
            return await producer.__aenter__()
        except gomq.GomqError:
            await anyio.sleep(0.01)


async def publish_all(producer: gomq.Producer, values: list[bytes]) -> set[bytes]:
    """Publish one after the other, and return those of which an answer was none: they may be stored or not."""
    doubtful: set[bytes] = set()
    for value in values:
        try:
            await producer.publish("orders", value)
        except gomq.GomqError:
            doubtful.add(value)
    return doubtful


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.usefixtures("bounded_memory")
async def test_what_is_published_is_there_once_and_in_order(data: Path, seed: int):
    values = [b"%d" % number for number in range(MESSAGES)]
    settings = ProducerSettings(connection=QUICK, delivery_timeout=SECONDS)
    with anyio.fail_after(SECONDS):
        async with behind_faults(data, seed) as (proxy, broker):
            async with gomq.Admin(broker.address) as admin:
                await admin.create_topic("orders")
            proxy.scripts.extend(scripts(seed))
            producer = await opened(gomq.Producer, proxy.address, settings)
            try:
                doubtful = await publish_all(producer, values)
                proxy.scripts.clear()
                await producer.publish("orders", b"afterwards")
            finally:
                await producer.__aexit__(None, None, None)
            found = await stored(broker, "orders")

    assert found == [value for value in (*values, b"afterwards") if value in found]
    assert set(values) - doubtful <= set(found)
    assert len(doubtful) <= 3 * SCRIPTS


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.usefixtures("bounded_memory")
async def test_what_is_stored_is_read_once_and_in_order(data: Path, seed: int):
    values = [b"%d" % number for number in range(MESSAGES)]
    with anyio.fail_after(SECONDS):
        async with behind_faults(data, seed) as (proxy, broker):
            async with gomq.Producer(broker.address) as producer:
                await producer.publish_many("orders", values)
            proxy.scripts.extend(scripts(seed))
            while True:
                try:
                    found = await read(proxy.address, "orders", MESSAGES)
                except gomq.GomqError:
                    continue  # an answer that is no answer is told; the next attempt gets further in the script
                break
            assert found == values


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.usefixtures("bounded_memory")
async def test_an_admin_fails_cleanly_and_can_be_used_again(data: Path, seed: int):
    with anyio.fail_after(SECONDS):
        async with behind_faults(data, seed) as (proxy, _):
            proxy.scripts.extend(scripts(seed))
            names: set[str] = set()
            while "orders-3" not in names:
                try:
                    async with gomq.Admin(proxy.address, settings=QUICK) as admin:
                        for number in range(4):
                            names = await created(admin, f"orders-{number}")
                except gomq.GomqError:
                    continue  # it could not even be entered
            assert names == {f"orders-{number}" for number in range(4)}


async def created(admin: gomq.Admin, name: str) -> set[str]:
    """Create a topic with one admin, however often that fails."""
    while True:
        try:
            await admin.create_topic(name, if_not_exists=True)
            return {topic.name for topic in await admin.list_topics()}
        except gomq.GomqError:
            await anyio.sleep(0.005)
