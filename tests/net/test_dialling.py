"""Connecting to a name: whatever addresses it has, those that answer are found."""

import socket
from collections.abc import Callable, Iterator
from typing import Any

import anyio
import pytest

from gomq.net.dialling import SocketAddress, connect, interleave

V4, V6 = socket.AF_INET, socket.AF_INET6


@pytest.fixture
def listening() -> Iterator[int]:
    """A port of 127.0.0.1 where somebody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


@pytest.fixture
def full() -> Iterator[tuple[str, int]]:
    """Where connections are not taken, nor refused: the backlog is full."""
    with socket.create_server(("127.0.0.2", 0), backlog=0) as listener:
        address = listener.getsockname()
        waiting = []
        for _ in range(3):
            each = socket.socket()
            each.setblocking(False)
            each.connect_ex(address)
            waiting.append(each)
        yield address
        for each in waiting:
            each.close()


@pytest.fixture
def resolves_to(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Have every name stand for these addresses."""

    def stub(*addresses: tuple[str, int]) -> None:
        async def look_up(*_: Any, **__: Any) -> list[Any]:
            return [
                (
                    V6 if ":" in host else V4,
                    socket.SOCK_STREAM,
                    6,
                    "",
                    (host, port, 0, 0) if ":" in host else (host, port),
                )
                for host, port in addresses
            ]

        monkeypatch.setattr("gomq.net.dialling.resolve", look_up)

    return stub


@pytest.mark.parametrize("dead_first", [True, False])
async def test_an_address_where_nobody_listens_does_no_harm(
    resolves_to: Callable[..., None], listening: int, dead_first: bool
):
    addresses = [("127.0.0.9", listening), ("127.0.0.1", listening)]
    resolves_to(*(addresses if dead_first else reversed(addresses)))
    with anyio.fail_after(20):
        transport = await connect("name", 1)

    assert transport.peer == f"127.0.0.1:{listening}"
    transport.close()


async def test_ipv6_first_does_no_harm_where_only_ipv4_answers(resolves_to: Callable[..., None], listening: int):
    resolves_to(("::1", 1), ("127.0.0.1", listening))
    transport = await connect("localhost", 1)

    assert transport.peer == f"127.0.0.1:{listening}"
    transport.close()


async def test_an_address_that_neither_takes_nor_refuses_costs_its_head_start_only(
    resolves_to: Callable[..., None], listening: int, full: tuple[str, int]
):
    resolves_to(full, ("127.0.0.1", listening))
    with anyio.fail_after(20):
        transport = await connect("name", 1)

    assert transport.peer == f"127.0.0.1:{listening}"
    transport.close()


async def test_where_no_address_answers_the_reason_is_told_once(resolves_to: Callable[..., None]):
    resolves_to(("127.0.0.1", 1), ("127.0.0.2", 1))
    with pytest.raises(ConnectionRefusedError) as caught:
        await connect("name", 1)

    assert caught.value.strerror == "Connection refused"


async def test_reasons_that_differ_are_told_with_their_addresses(resolves_to: Callable[..., None]):
    resolves_to(("127.0.0.1", 1), ("255.255.255.255", 1))
    with pytest.raises(OSError, match=r"Connection refused \(127.0.0.1\), .* \(255.255.255.255\)"):
        await connect("name", 1)


async def test_a_name_without_addresses_is_told(resolves_to: Callable[..., None]):
    resolves_to()
    with pytest.raises(OSError, match="name has no address"):
        await connect("name", 1)


@pytest.mark.parametrize("name", ["a" * 300, "a..b", "\udc80"])
async def test_what_cannot_be_a_name_is_told(name: str):
    with pytest.raises(OSError, match=r"cannot be the name of a host"):
        await connect(name, 1)


def test_families_take_turns_and_the_systems_first_goes_first():
    given: list[tuple[socket.AddressFamily, SocketAddress]] = [
        (V6, ("a", 1, 0, 0)),
        (V6, ("b", 1, 0, 0)),
        (V4, ("c", 1)),
        (V6, ("d", 1, 0, 0)),
        (V4, ("e", 1)),
    ]

    assert [address[0] for _, address in interleave(given)] == ["a", "c", "b", "e", "d"]
