"""From an address to sockets that are bound to it: one for each address of this machine that the host stands for.

Binding and listening are two steps: a broker finds out at once that a port is taken, and its clients can connect once
it can serve them, not before.
"""

import errno
import socket
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final, TypeAlias

import anyio

from gomq.errors import BrokerStartError
from gomq.net.address import Address

_BACKLOG: Final = 512
_EVERYWHERE: Final = frozenset({"", "::"})
_NOT_HERE: Final = frozenset({errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT})
_ATTEMPTS: Final = 20
"""A port that is free over IPv4 may be taken over IPv6; then another is tried."""

_Target: TypeAlias = tuple[int, tuple[Any, ...]]
"""Family and socket address."""


async def bind(address: Address) -> list[socket.socket]:
    """Bind to every address of this machine that the host stands for, all with the same port.

    Raises:
        BrokerStartError: the port is taken, or the host is not this machine's.
    """
    targets = await _targets(address)
    for attempt in range(_ATTEMPTS):
        try:
            return _bind_all(targets, address.port)
        except OSError as error:
            is_last = attempt == _ATTEMPTS - 1
            if address.port == 0 and error.errno == errno.EADDRINUSE and not is_last:
                continue
            raise BrokerStartError(f"cannot listen on {address}: {_reason(error)}") from error
    raise AssertionError("the last attempt raises")


def listen(bound: Sequence[socket.socket], address: Address) -> None:
    """Take connections from now on.

    Raises:
        BrokerStartError: another program was faster.
    """
    try:
        for each in bound:
            each.listen(_BACKLOG)
    except OSError as error:
        raise BrokerStartError(f"cannot listen on {address}: {_reason(error)}") from error


async def _targets(address: Address) -> list[_Target]:
    """Find where to bind: IPv4 first, which nearly every client means."""
    if address.host in _EVERYWHERE:
        return [(socket.AF_INET, ("0.0.0.0", 0)), (socket.AF_INET6, ("::", 0, 0, 0))]  # noqa: S104 - it was asked for
    try:
        found = await anyio.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise BrokerStartError(f"cannot listen on {address}: the host is unknown") from error
    except UnicodeError as error:
        raise BrokerStartError(f"cannot listen on {address}: no host has such a name") from error
    targets = dict.fromkeys((int(family), target) for family, _, _, _, target in found)
    return sorted(targets, key=lambda target: target[0] != socket.AF_INET)


def _bind_all(targets: Sequence[_Target], port: int) -> list[socket.socket]:
    """Bind to each target that this machine has; to one at least."""
    bound: list[socket.socket] = []
    failure = OSError(errno.EADDRNOTAVAIL, "this machine has no such address")
    try:
        for family, target in targets:
            try:
                one = _bind_one(family, (target[0], port, *target[2:]))
            except OSError as error:
                if error.errno not in _NOT_HERE:
                    raise
                failure = error
                continue
            bound.append(one)
            port = one.getsockname()[1]
    except OSError:
        for each in bound:
            each.close()
        raise
    if not bound:
        raise failure
    return bound


def _bind_one(family: int, target: tuple[Any, ...]) -> socket.socket:
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        bound.setblocking(False)  # noqa: FBT003 - the socket module has it so
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            # IPv4 has a socket of its own: clients' addresses look the same whatever the host was
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        bound.bind(target)
    except OSError:
        with suppress(OSError):
            bound.close()
        raise
    return bound


def _reason(error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return "the port is in use"
    if error.errno in {errno.EACCES, errno.EPERM}:
        return "the port needs rights that the broker does not have; those from 1024 on do not"
    if error.errno in _NOT_HERE:
        return "this machine has no such address"
    return error.strerror or str(error)
