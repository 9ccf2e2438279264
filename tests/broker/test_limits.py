"""Peers that take too long, too much or too many connections: each loses its own, and nobody else notices."""

import logging
import socket
import struct
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest

import gomq
from gomq.broker import BrokerConfig
from gomq.errors import ConfigurationError
from gomq.net.address import parse_address
from gomq.protocol.api import SERVED, Api
from gomq.protocol.requests import encode_request
from tests.support.alive import alive, unharmed, works
from tests.support.corpus import sample_request
from tests.support.waiting import until
from tests.support.wire import Wire, batch, connect, create_values, fetch_values, framed, produce_values, request_head

SOON = {"receive_timeout": 0.2, "first_request_timeout": 0.2, "connections_max_idle": 0.2, "send_timeout": 0.2}
"""Deadlines that a test can wait for."""


@asynccontextmanager
async def broker_with(data: Path, **settings: Any) -> AsyncIterator[gomq.Broker]:
    async with gomq.Broker(config=BrokerConfig(data=data, listen="127.0.0.1:0", **settings)) as broker:
        yield broker


@contextmanager
def crowd(address: str, count: int, *, source: str = "127.0.0.1") -> Iterator[list[socket.socket]]:
    """Open connections that say nothing."""
    with ExitStack() as stack:
        yield [stack.enter_context(raw(address, source=source)) for _ in range(count)]


def raw(address: str, *, source: str = "127.0.0.1") -> socket.socket:
    connection = socket.create_connection(parse_address(address), timeout=10, source_address=(source, 0))
    connection.setblocking(False)
    return connection


async def is_closed(connection: socket.socket) -> bool:
    """Wait until the broker closes a connection; False when it sends something instead."""
    with anyio.fail_after(10):
        await anyio.wait_readable(connection)
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True


def events(caplog: pytest.LogCaptureFixture, name: str) -> list[Any]:
    return [record for record in caplog.records if record.msg == name]


async def test_whoever_stalls_at_any_place_of_a_request_is_closed_at_its_deadline(data: Path):
    settings = {"receive_timeout": 0.2, "first_request_timeout": 0.2}
    async with broker_with(data, **settings) as broker, unharmed(broker.address):
        with crowd(broker.address, 2 * len(SERVED)) as stalled:
            for number, connection in enumerate(stalled):
                api = list(SERVED)[number // 2]
                whole = sample_request(api, SERVED[api].newest)
                connection.send(whole[: len(whole) // 2 if number % 2 else 3])
            for connection in stalled:
                assert await is_closed(connection)


@pytest.mark.parametrize("sent", [b"", sample_request(Api.API_VERSIONS, 3)], ids=["nothing", "one request"])
async def test_a_silent_connection_is_closed(data: Path, sent: bytes, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.INFO)
    async with broker_with(data, first_request_timeout=0.1, connections_max_idle=0.1) as broker:
        with crowd(broker.address, 1) as (silent,):
            silent.send(sent)
            if sent:
                with anyio.fail_after(10):
                    await anyio.wait_readable(silent)
                silent.recv(65536)
            assert await is_closed(silent)
        assert await alive(broker.address)
        (record,) = events(caplog, "connection.closed")
        assert ("idle" if sent else "sent nothing") in record.reason
        assert record.levelno == (logging.INFO if sent else logging.WARNING), "an idle client did nothing wrong"


async def test_a_client_that_does_not_read_is_cut_off_and_holds_nobody_up(data: Path):
    async with (
        broker_with(data, send_timeout=0.3) as broker,
        unharmed(broker.address),
        connect(broker.address) as wire,
    ):
        await wire.ask(Api.CREATE_TOPICS, **create_values("large"))
        for _ in range(12):
            await wire.ask(Api.PRODUCE, 9, **produce_values({"large": {0: batch(bytes(1_000_000))}}))
        with crowd(broker.address, 3) as deaf:
            for connection in deaf:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                connection.send(frame_of_fetch("large"))
            assert await works(wire)
            assert broker._serving is not None
            connections = broker._serving.connections
            await until(lambda: len(connections) == 2)
        await wire.ask(Api.DELETE_TOPICS, 5, topic_names=("large",))


def frame_of_fetch(topic: str) -> bytes:
    values = fetch_values({topic: [(0, 0)]}, max_bytes=50 << 20, partition_max_bytes=50 << 20)
    return encode_request(Api.FETCH, 11, 1, "deaf", values)


@pytest.mark.parametrize("behind", [False, True], ids=["alone", "another request behind it"])
async def test_a_long_poll_goes_with_its_client(broker: gomq.Broker, wire: Wire, behind: bool):
    await wire.ask(Api.CREATE_TOPICS, **create_values("orders"))
    assert broker._state is not None
    polls = broker._state.long_polls
    async with unharmed(broker.address):
        async with connect(broker.address) as poller:
            await poller.send(
                Api.FETCH, 11, fetch_values({"orders": [(0, 0)]}, max_wait=2**31 - 1, min_bytes=2**31 - 1)
            )
            await until(lambda: len(polls) == 1)
            if behind:
                await poller.send_bytes(sample_request(Api.METADATA, 12) * 3)
        await until(lambda: len(polls) == 0)


async def test_one_address_too_many_is_closed_and_the_others_are_served(data: Path, caplog: pytest.LogCaptureFixture):
    async with broker_with(data, max_connections_per_ip=3, max_connections_per_ip_overrides="127.0.0.9:1") as broker:
        with crowd(broker.address, 3, source="127.0.0.2"):
            with crowd(broker.address, 100, source="127.0.0.2") as too_many:
                for connection in too_many:
                    assert await is_closed(connection)
            async with unharmed(broker.address):
                pass
            with (
                crowd(broker.address, 1, source="127.0.0.9"),
                crowd(broker.address, 1, source="127.0.0.9") as (second,),
            ):
                assert await is_closed(second)
        told = events(caplog, "connection.refused")
        assert 3 <= len(told) < 50, "a flood of connections is no flood of lines"
        assert "max.connections.per.ip" in told[0].error


async def test_at_the_limit_of_all_new_clients_wait_until_others_leave(data: Path):
    async with broker_with(data, max_connections=4) as broker, connect(broker.address) as wire:
        with crowd(broker.address, 3) as idle:
            await until(lambda: broker._serving is not None and len(broker._serving.connections) == 4)
            with crowd(broker.address, 1) as (late,):
                late.send(sample_request(Api.API_VERSIONS, 3))
                assert await works(wire)
                with pytest.raises(BlockingIOError):
                    late.recv(1)
                idle[0].close()
                assert not await is_closed(late)


async def test_large_requests_of_many_clients_share_the_memory_there_is(data: Path):
    settings = {"max_request_bytes": 4 << 20, "queued_max_request_bytes": 4 << 20}
    async with broker_with(data, **settings) as broker, unharmed(broker.address):
        with crowd(broker.address, 20) as greedy:
            for connection in greedy:
                connection.send(struct.pack(">i", 4 << 20) + request_head(Api.PRODUCE, 9) + bytes(100_000))
            assert broker._serving is not None
            memory = broker._serving.connections.memory
            await until(lambda: memory.waiting == 19)
            assert memory.taken_bytes == 4 << 20
        await until(lambda: memory.taken_bytes == 0)
        async with connect(broker.address) as wire:
            values = produce_values({"nothing": {0: batch(bytes(3_000_000))}})
            answer = await wire.ask(Api.PRODUCE, 9, **values)
            assert answer.responses[0].partition_responses[0].error_code == 3


async def test_a_peer_that_resets_its_connection_at_any_moment_ends_that_connection_only(
    broker: gomq.Broker, wire: Wire
):
    await wire.ask(Api.CREATE_TOPICS, **create_values("orders"))
    await wire.ask(Api.PRODUCE, 9, **produce_values({"orders": {0: batch(bytes(900_000))}}))
    moments = [b"", b"\0", sample_request(Api.METADATA, 12), frame_of_fetch("orders"), frame_of_fetch("orders")[:30]]
    async with unharmed(broker.address):
        for sent in moments * 4:
            connection = raw(broker.address)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.send(sent)
            await anyio.lowlevel.checkpoint()
            connection.close()


async def test_a_flood_of_bad_requests_fills_no_log(broker: gomq.Broker, caplog: pytest.LogCaptureFixture):
    async with unharmed(broker.address):
        for _ in range(100):
            with crowd(broker.address, 1) as (bad,):
                bad.send(framed(request_head(9999, 0)))
                assert await is_closed(bad)
    assert 1 <= len(events(caplog, "connection.closed")) < 50


@pytest.mark.parametrize(
    "settings",
    [
        {"max_connections": 0},
        {"max_connections_per_ip": -1},
        {"max_connections_per_ip_overrides": "nonsense"},
        {"queued_max_request_bytes": 1000},
        *({name: value} for name in [*SOON, "stop_timeout"] for value in (0, -1, float("inf"))),
    ],
)
async def test_limits_that_cannot_work_are_refused(data: Path, settings: dict[str, Any]):
    (name,) = settings
    with pytest.raises(ConfigurationError, match=name):
        BrokerConfig(data=data, **settings)


async def test_a_changed_limit_holds_for_the_next_connection(broker: gomq.Broker, data: Path):
    with crowd(broker.address, 2) as first:
        await until(lambda: broker._serving is not None and len(broker._serving.connections) == 2)
        broker.reload(BrokerConfig(data=data, listen="127.0.0.1:0", max_connections_per_ip=2))
        with crowd(broker.address, 1) as (third,):
            assert await is_closed(third)
        for connection in first:
            connection.send(sample_request(Api.API_VERSIONS, 3))
            assert not await is_closed(connection)


async def test_our_own_producer_goes_on_after_it_was_idle_for_too_long(data: Path):
    async with broker_with(data, connections_max_idle=0.1) as broker, gomq.Producer(broker.address) as producer:
        first = await producer.publish("orders", b"one")
        assert broker._serving is not None
        connections = broker._serving.connections
        await until(lambda: len(connections) == 0)
        second = await producer.publish("orders", b"two")
        assert (first.offset, second.offset) == (0, 1)
