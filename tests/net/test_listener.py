"""The accept loop goes on, whatever happens to one connection or to the table of descriptors."""

import errno
import os
import resource
import socket
import struct
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import anyio
import pytest

from gomq.errors import BrokerStartError
from gomq.net.address import Address
from gomq.net.listener import Listener, Serve
from gomq.net.transport import PlainTransport, connect
from tests.support.waiting import until


async def echo(transport: PlainTransport) -> None:
    """Send back whatever comes."""
    space = memoryview(bytearray(1024))
    try:
        while count := await transport.receive_into(space):
            await transport.send([bytes(space[:count])])
    except OSError:
        pass
    finally:
        transport.close()


@asynccontextmanager
async def listening(serve: Serve = echo) -> AsyncIterator[tuple[Address, list[OSError]]]:
    listener = await Listener.bind(Address("127.0.0.1", 0))
    refusals: list[OSError] = []
    try:
        async with anyio.create_task_group() as group:
            group.start_soon(listener.accept_forever, serve, group, refusals.append)
            yield listener.address, refusals
            group.cancel_scope.cancel()
    finally:
        listener.close()


async def is_alive(address: Address) -> bool:
    """Whether a new connection is served."""
    with anyio.fail_after(10):
        transport = await connect(*address)
        try:
            await transport.send([b"ping"])
            space = memoryview(bytearray(16))
            return bytes(space[: await transport.receive_into(space)]) == b"ping"
        finally:
            transport.close()


def next_descriptor() -> int:
    """The number that the next descriptor will have: the lowest that is free."""
    descriptor = os.open(os.devnull, os.O_RDONLY)
    os.close(descriptor)
    return descriptor


@contextmanager
def no_descriptors_left() -> Iterator[None]:
    """Let no descriptor be opened for the length of the block."""
    with descriptor_limit(3):
        yield


@contextmanager
def descriptor_limit(limit: int) -> Iterator[None]:
    """Let no descriptor from a number on be opened for the length of the block."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


async def test_connections_are_accepted_again_once_there_are_descriptors():
    async with listening() as (address, refusals):
        assert await is_alive(address)
        with socket.socket() as client:
            client.setblocking(False)
            with no_descriptors_left():
                client.connect_ex(address)
                await until(lambda: refusals)
            assert {error.errno for error in refusals} == {errno.EMFILE}
            client.setblocking(True)
            assert await is_alive(address)


async def test_the_last_descriptors_are_not_for_connections():
    async with listening() as (address, refusals):
        with socket.socket() as client:
            client.setblocking(False)
            with descriptor_limit(next_descriptor() + 1):
                client.connect_ex(address)
                await until(lambda: refusals)
            assert {error.errno for error in refusals} == {errno.EMFILE}
            client.settimeout(10)
            assert client.recv(1) == b"", "it is told at once instead of being kept waiting"
        assert await is_alive(address)


async def test_connections_that_are_aborted_at_once_do_no_harm():
    async with listening() as (address, refusals):
        for _ in range(50):
            with socket.create_connection(address) as client:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        assert await is_alive(address)
        assert refusals == []


async def test_one_connection_does_not_wait_for_another():
    async with listening() as (address, _):
        with socket.create_connection(address):
            assert await is_alive(address)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0.0.0.0"])
async def test_port_0_is_any_free_port(host: str):
    listener = await Listener.bind(Address(host, 0))
    assert listener.address.host == host
    assert listener.address.port > 0
    listener.close()
    listener.close()


async def test_a_port_that_is_in_use_is_one_clear_error():
    async with listening() as (address, _):
        with pytest.raises(BrokerStartError, match=f"cannot listen on {address}: the port is in use"):
            await Listener.bind(address)


async def test_a_host_that_is_not_known_is_one_clear_error():
    with pytest.raises(BrokerStartError, match="the host is unknown"):
        await Listener.bind(Address("no-such-host.invalid", 0))


async def test_an_address_of_another_machine_is_one_clear_error():
    with pytest.raises(BrokerStartError, match=r"cannot listen on 203\.0\.113\.1:0"):
        await Listener.bind(Address("203.0.113.1", 0))


async def test_connecting_to_nothing_is_an_error():
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        with pytest.raises(ConnectionRefusedError):
            await connect("127.0.0.1", bound.getsockname()[1])
