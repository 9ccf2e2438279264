"""The accept loop goes on, whatever happens to one connection or to the table of descriptors."""

import errno
import os
import resource
import socket
import struct
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import anyio
import pytest
from anyio import to_thread

from gomq.net.address import Address
from gomq.net.binding import bind, listen
from gomq.net.connections import Connections, TooManyConnectionsError
from gomq.net.dialling import connect
from gomq.net.limits import ConnectionLimits
from gomq.net.listener import Listener, Serve
from gomq.net.transport import PlainTransport
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
async def listening(
    serve: Serve = echo, *, limits: ConnectionLimits | None = None
) -> AsyncIterator[tuple[Address, list[Any], Listener]]:
    (bound,) = await bind(Address("127.0.0.1", 0))
    listen([bound], Address("127.0.0.1", 0))
    listener = Listener(bound, "127.0.0.1")
    refusals: list[Any] = []
    connections = Connections(limits or ConnectionLimits())
    try:
        async with anyio.create_task_group() as group:
            group.start_soon(listener.accept_forever, serve, group, refusals.append, connections)
            yield listener.address, refusals, listener
            group.cancel_scope.cancel()
    finally:
        listener.close()


async def is_alive(address: Address, *, source: str = "127.0.0.1") -> bool:
    """Whether a new connection is served."""
    with anyio.fail_after(10):
        transport = PlainTransport(socket.create_connection(address, source_address=(source, 0)))
        try:
            await transport.send([b"ping"])
            space = memoryview(bytearray(16))
            return bytes(space[: await transport.receive_into(space)]) == b"ping"
        except OSError:
            return False
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
    async with listening() as (address, refusals, _):
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
    async with listening() as (address, refusals, _):
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
    async with listening() as (address, refusals, _):
        for _ in range(50):
            with socket.create_connection(address) as client:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        assert await is_alive(address)
        assert refusals == []


async def test_one_connection_does_not_wait_for_another():
    async with listening() as (address, _, __):
        with socket.create_connection(address):
            assert await is_alive(address)


async def test_closing_ends_the_loop_that_accepts_and_may_be_done_twice():
    async with listening() as (address, _, listener):
        assert await is_alive(address)
        listener.close()
        listener.close()
        with anyio.fail_after(10):
            await anyio.wait_all_tasks_blocked()
        with pytest.raises(ConnectionRefusedError):
            await connect(*address)


async def test_an_address_that_has_enough_connections_is_closed_at_once_and_others_are_served():
    limits = ConnectionLimits(connections_per_ip=2, connections_per_ip_overrides={"127.0.0.9": 0})
    async with listening(limits=limits) as (address, refusals, _):
        with socket.create_connection(address) as first, socket.create_connection(address):
            with socket.create_connection(address) as third:
                third.setblocking(False)
                with anyio.fail_after(10):
                    await anyio.wait_readable(third)
                assert third.recv(1) == b""
            assert isinstance(refusals[0], TooManyConnectionsError)
            assert (refusals[0].address, refusals[0].limit) == ("127.0.0.1", 2)
            assert await is_alive(address, source="127.0.0.2")
            assert not await is_alive(address, source="127.0.0.9")
            first.close()
            with anyio.fail_after(10):
                while not await is_alive(address):
                    await anyio.lowlevel.checkpoint()


async def test_at_the_limit_of_all_the_next_one_waits_until_another_ends():
    async with listening(limits=ConnectionLimits(connections=1)) as (address, refusals, _):
        with socket.create_connection(address) as first, socket.create_connection(address) as second:
            first.sendall(b"one")
            first.settimeout(10)
            second.sendall(b"two")
            assert await to_thread.run_sync(first.recv, 3) == b"one"
            await anyio.wait_all_tasks_blocked()
            with pytest.raises(BlockingIOError):
                second.recv(1, socket.MSG_DONTWAIT)
            first.close()
            second.settimeout(10)
            assert await to_thread.run_sync(second.recv, 3) == b"two"
        assert refusals == []


async def test_what_the_socket_refuses_to_be_told_costs_that_connection_only(monkeypatch: pytest.MonkeyPatch):
    async with listening() as (address, refusals, _):
        with monkeypatch.context() as patched:
            failing = PlainTransport.__init__

            def fail(*_: object, **__: object) -> None:
                patched.setattr(PlainTransport, "__init__", failing)
                raise OSError(errno.EINVAL, "it was reset meanwhile")

            patched.setattr(PlainTransport, "__init__", fail)
            with socket.create_connection(address) as unlucky:
                unlucky.setblocking(False)
                with anyio.fail_after(10):
                    await anyio.wait_readable(unlucky)
                assert unlucky.recv(1) == b""
        assert await is_alive(address)
        assert refusals == []


async def test_connecting_to_nothing_is_an_error():
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        with pytest.raises(ConnectionRefusedError):
            await connect("127.0.0.1", bound.getsockname()[1])
