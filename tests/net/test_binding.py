"""Binding: to every address of this machine that a host stands for, or to none and one clear error."""

import errno
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest

from gomq.errors import BrokerStartError
from gomq.net.address import Address
from gomq.net.binding import bind, listen


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")


@asynccontextmanager
async def bound(host: str, port: int = 0) -> AsyncIterator[list[socket.socket]]:
    sockets = await bind(Address(host, port))
    try:
        yield sockets
    finally:
        for each in sockets:
            each.close()


def resolve_to(monkeypatch: pytest.MonkeyPatch, *targets: tuple[int, tuple[Any, ...]]) -> None:
    """Have a host's name stand for these addresses."""

    async def getaddrinfo(_: str, port: int, **__: Any) -> list[tuple[Any, ...]]:
        return [(family, socket.SOCK_STREAM, 6, "", (target[0], port, *target[1:])) for family, target in targets]

    monkeypatch.setattr(anyio, "getaddrinfo", getaddrinfo)


IPV4 = (socket.AF_INET, ("127.0.0.1",))
IPV6 = (socket.AF_INET6, ("::1", 0, 0))
NOT_HERE = (socket.AF_INET, ("192.0.2.1",))


@needs_ipv6
@pytest.mark.parametrize("order", [(IPV4, IPV6), (IPV6, IPV4)])
async def test_a_name_that_stands_for_both_families_is_bound_to_both(
    monkeypatch: pytest.MonkeyPatch, order: tuple[Any, ...]
):
    resolve_to(monkeypatch, *order)

    async with bound("localhost") as sockets:
        names = [each.getsockname()[:2] for each in sockets]

    port = names[0][1]
    assert names == [("127.0.0.1", port), ("::1", port)], "IPv4 first, and one port for both"


@needs_ipv6
@pytest.mark.parametrize("host", ["", "::"])
async def test_every_interface_is_reached_over_both_families(host: str):
    async with bound(host) as sockets:
        listen(sockets, Address(host, 0))
        port = sockets[0].getsockname()[1]
        for family, target in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
            with socket.socket(family) as client:
                client.connect((target, port))


async def test_an_address_that_is_not_this_machines_is_passed_over_where_there_is_another(
    monkeypatch: pytest.MonkeyPatch,
):
    resolve_to(monkeypatch, NOT_HERE, IPV4)

    async with bound("both") as sockets:
        assert [each.getsockname()[0] for each in sockets] == ["127.0.0.1"]


async def test_no_address_of_this_machine_is_one_clear_error():
    with pytest.raises(BrokerStartError, match=r"cannot listen on 192\.0\.2\.1:9092: this machine has no such address"):
        await bind(Address("192.0.2.1", 9092))


@needs_ipv6
async def test_a_port_that_one_of_the_families_does_not_have_free_binds_neither():
    with socket.socket(socket.AF_INET6) as other:
        other.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        other.bind(("::1", 0))
        other.listen()
        port = other.getsockname()[1]

        with pytest.raises(BrokerStartError, match="the port is in use"):
            await bind(Address("::", port))
    async with bound("::", port):
        """Nothing was left bound."""


async def test_who_is_bound_and_does_not_listen_is_not_connected_to():
    async with bound("127.0.0.1") as sockets:
        name = sockets[0].getsockname()
        with socket.socket() as client:
            assert client.connect_ex(name) == errno.ECONNREFUSED
        listen(sockets, Address(*name))
        with socket.socket() as client:
            assert client.connect_ex(name) == 0


async def test_who_listens_first_has_the_port():
    async with bound("127.0.0.1") as sockets:
        name = Address(*sockets[0].getsockname())
        async with bound(*name) as others:
            listen(others, name)
            with pytest.raises(BrokerStartError, match="the port is in use"):
                listen(sockets, name)


async def test_a_host_that_nobody_knows_is_one_clear_error():
    with pytest.raises(BrokerStartError, match="the host is unknown"):
        await bind(Address("no-such-host.invalid", 1))
    with pytest.raises(BrokerStartError, match="no host has such a name"):
        await bind(Address("é" * 300, 1))
