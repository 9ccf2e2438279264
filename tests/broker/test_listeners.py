"""Several listeners: each tells its clients the address that is advertised there, or the one that they have used."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

import gomq
from gomq.broker import BrokerConfig
from gomq.errors import BrokerStartError, ConfigurationError
from gomq.net.address import Address, parse_address
from gomq.protocol.api import Api
from tests.net.test_binding import needs_ipv6
from tests.support.wire import Wire, connect


@asynccontextmanager
async def broker_on(data: Path, listen: str, advertise: str | None = None) -> AsyncIterator[gomq.Broker]:
    async with gomq.Broker(config=BrokerConfig(data=data, listen=listen, advertise=advertise)) as broker:
        yield broker


async def told_by(wire: Wire) -> set[Address]:
    """Where the broker says that it is, in every answer that says so."""
    metadata = await wire.ask(Api.METADATA, 9, topics=())
    coordinator = await wire.ask(Api.FIND_COORDINATOR, 3, key="g", key_type=0)
    cluster = await wire.ask(Api.DESCRIBE_CLUSTER, 0, include_cluster_authorized_operations=False)
    nodes: list[Any] = [*metadata.brokers, coordinator, *cluster.brokers]
    return {Address(str(node.host), node.port) for node in nodes}


async def test_each_listener_tells_its_clients_what_is_advertised_there(data: Path):
    listen = "INTERNAL://127.0.0.1:0,EXTERNAL://127.0.0.1:0,THIRD://127.0.0.1:0"
    advertise = "EXTERNAL://broker.example.org,INTERNAL://inside:7"
    async with broker_on(data, listen, advertise) as broker:
        internal, external, third = broker.client_addresses
        port = parse_address(external).port
        assert (internal, external) == ("inside:7", f"broker.example.org:{port}")
        async with connect(broker.address) as wire:
            assert await told_by(wire) == {Address("inside", 7)}
        async with connect(f"127.0.0.1:{port}") as wire:
            assert await told_by(wire) == {Address("broker.example.org", port)}
        async with connect(third) as wire:
            assert await told_by(wire) == {parse_address(third)}


@pytest.mark.parametrize("listen", ["0.0.0.0:0", ":0"])
async def test_who_reaches_any_interface_is_told_the_address_that_was_used(data: Path, listen: str):
    async with broker_on(data, listen) as broker:
        port = parse_address(broker.address).port
        for host in ("127.0.0.1", "127.0.0.2"):
            async with connect(f"{host}:{port}") as wire:
                assert await told_by(wire) == {Address(host, port)}


@needs_ipv6
@pytest.mark.parametrize("listen", ["[::1]:0", "[::]:0", ":0"])
async def test_clients_over_ipv6_are_told_an_ipv6_address(data: Path, listen: str):
    async with broker_on(data, listen) as broker:
        port = parse_address(broker.address).port
        async with connect(f"[::1]:{port}") as wire:
            assert await told_by(wire) == {Address("::1", port)}


@needs_ipv6
async def test_our_client_and_broker_speak_ipv6(data: Path):
    async with broker_on(data, "[::1]:0") as broker:
        assert broker.address.startswith("[::1]:")
        async with gomq.Producer(broker.address) as producer:
            assert (await producer.publish("orders", b"x")).offset == 0


async def test_a_name_is_told_as_it_was_given(data: Path):
    async with broker_on(data, "localhost:0") as broker:
        assert broker.address.startswith("localhost:")
        async with connect(broker.address) as wire:
            assert await told_by(wire) == {parse_address(broker.address)}


async def test_one_port_in_use_keeps_all_of_them_closed_and_changes_nothing(data: Path, kept_address: str):
    first = parse_address(kept_address).port
    with socket.create_server(("127.0.0.1", 0)) as other:
        second = other.getsockname()[1]
        with pytest.raises(BrokerStartError, match=f"cannot listen on 127.0.0.1:{second}: the port is in use"):
            async with broker_on(data, f"A://127.0.0.1:{first},B://127.0.0.1:{second}"):
                pytest.fail("the broker started")
    assert list(data.parent.iterdir()) == []
    async with broker_on(data, f"127.0.0.1:{first}"):
        """The first port was let go of."""


async def test_listeners_that_cannot_be_are_found_when_the_settings_are_made(data: Path):
    with pytest.raises(ConfigurationError, match="C is advertised, but the listeners are A, B"):
        BrokerConfig(data=data, listen="A://:1,B://:2", advertise="C://x:1")
    with pytest.raises(ConfigurationError, match="HOST:PORT is wanted"):
        BrokerConfig(data=data, metrics_listen="9644")
