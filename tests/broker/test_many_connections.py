"""Thousands of connections cost what they must and no more, measured from outside of the broker's process."""

import resource
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import anyio
import pytest

from gomq.net.address import parse_address
from gomq.protocol.api import Api
from tests.support.alive import alive
from tests.support.brokers import BrokerProcess, broker_process
from tests.support.corpus import sample_request
from tests.support.waiting import until
from tests.support.wire import batch, connect, create_values, produce_values

CONNECTIONS = 2000
BACKENDS = pytest.mark.parametrize("backend", ["asyncio", "uvloop", "trio"])
ONE_LOOP = pytest.mark.parametrize("anyio_backend", ["asyncio"])


def resident_mb(broker: BrokerProcess) -> float:
    """How much memory the broker's process has, in MB."""
    status = Path(f"/proc/{broker.process.pid}/status").read_text()
    (line,) = [line for line in status.splitlines() if line.startswith("VmRSS:")]
    return int(line.split()[1]) / 1024


@contextmanager
def descriptors(count: int) -> Iterator[None]:
    """Have so many descriptors for the length of the block."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    if limits[1] != resource.RLIM_INFINITY and limits[1] < count:
        pytest.skip(f"this process may have {limits[1]} descriptors, {count} are needed")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(count, limits[0]), limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


@pytest.mark.soak
@BACKENDS
@ONE_LOOP
async def test_two_thousand_idle_connections_fit_into_a_hundred_megabytes(data: Path, backend: str):
    with descriptors(CONNECTIONS + 200), broker_process(data, "--backend", backend) as broker, ExitStack() as stack:
        for _ in range(CONNECTIONS):
            client = stack.enter_context(socket.create_connection(parse_address(broker.address)))
            client.sendall(sample_request(Api.API_VERSIONS, 3))
            with anyio.fail_after(20):
                await anyio.wait_readable(client)
        await until(lambda: resident_mb(broker) < 100)
        assert await alive(broker.address)


@pytest.mark.soak
@BACKENDS
@ONE_LOOP
async def test_a_connection_that_once_sent_fifty_megabytes_gives_them_back(data: Path, backend: str):
    with broker_process(data, "--backend", backend) as broker:
        async with connect(broker.address) as wire:
            await wire.ask(Api.CREATE_TOPICS, **create_values("large", configs={"max.message.bytes": "60000000"}))
            await wire.ask(Api.PRODUCE, 9, **produce_values({"large": {0: batch(b"small")}}))
            before = resident_mb(broker)
            await wire.ask(Api.PRODUCE, 9, **produce_values({"large": {0: batch(bytes(50_000_000))}}))
            await until(lambda: resident_mb(broker) < before + 5)


@pytest.mark.soak
@ONE_LOOP
async def test_what_is_announced_and_does_not_come_takes_no_memory(data: Path):
    with broker_process(data) as broker, ExitStack() as stack:
        assert await alive(broker.address)
        before = resident_mb(broker)
        for _ in range(50):
            client = stack.enter_context(socket.create_connection(parse_address(broker.address)))
            client.sendall((100 << 20).to_bytes(4, "big") + bytes(50_000))
        assert await alive(broker.address)
        assert resident_mb(broker) < before + 10
