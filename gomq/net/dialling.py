"""Connecting to a host: all addresses that its name has, of both families, none of which may hold up the others."""

import errno
import os
import socket
from collections.abc import Iterable
from functools import partial
from itertools import chain, zip_longest
from typing import Final, TypeAlias

import anyio

from gomq.net.racing import first_to_succeed
from gomq.net.resolving import Found, resolve
from gomq.net.transport import PlainTransport

HEAD_START: Final = 0.25
"""Seconds that an address has for itself, RFC 8305's: an address that is a black hole costs no more than this."""

SocketAddress: TypeAlias = tuple[str, int] | tuple[str, int, int, int]
_Candidate: TypeAlias = tuple[socket.AddressFamily, SocketAddress]


async def connect(host: str, port: int) -> PlainTransport:
    """Connect to the first of a host's addresses that answers.

    Raises:
        OSError: none did, or the name is unknown.
    """
    candidates = interleave(await _look_up(host, port))
    attempts = [partial(_dial, family, address) for family, address in candidates]
    connected, failures = await first_to_succeed(
        attempts, head_start=HEAD_START, failure=OSError, discard=PlainTransport.close
    )
    if not connected:
        raise _failure_of_all(host, [(address[0], failures[place]) for place, (_, address) in enumerate(candidates)])
    return connected[0]


def interleave(candidates: Iterable[_Candidate]) -> list[_Candidate]:
    """Order addresses so that families take turns, beginning with the one that the system puts first (RFC 8305)."""
    by_family: dict[socket.AddressFamily, list[_Candidate]] = {}
    for each in candidates:
        by_family.setdefault(each[0], []).append(each)
    return [each for each in chain.from_iterable(zip_longest(*by_family.values())) if each is not None]


async def _look_up(host: str, port: int) -> list[_Candidate]:
    try:
        found = _numeric(host, port) or await resolve(host, port)
    except UnicodeError as error:
        raise OSError(errno.EADDRNOTAVAIL, f"this cannot be the name of a host ({error})") from error
    return list(dict.fromkeys((family, address) for family, _, _, _, address in found))


def _numeric(host: str, port: int) -> list[Found]:
    """Take an address that needs no look-up, and so no thread; the empty list for a name."""
    try:
        return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)  # type: ignore[return-value]
    except socket.gaierror:
        return []


async def _dial(family: socket.AddressFamily, address: SocketAddress) -> PlainTransport:
    candidate = socket.socket(family, socket.SOCK_STREAM)
    try:
        await _connect(candidate, address)
        return PlainTransport(candidate)
    except BaseException:
        anyio.notify_closing(candidate)
        candidate.close()
        raise


async def _connect(candidate: socket.socket, address: SocketAddress) -> None:
    candidate.setblocking(False)  # noqa: FBT003 - the socket module has it so
    code = candidate.connect_ex(address)
    if code in {errno.EINPROGRESS, errno.EWOULDBLOCK}:
        await anyio.wait_writable(candidate)
        code = candidate.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if code:
        raise OSError(code, os.strerror(code))


def _failure_of_all(host: str, failures: list[tuple[str, OSError]]) -> OSError:
    """Make one error of all; each is told with its address where they differ."""
    if not failures:
        return OSError(errno.EADDRNOTAVAIL, f"{host} has no address")
    reasons = {error.strerror or str(error) for _, error in failures}
    if len(reasons) == 1:
        return failures[0][1]
    told = ", ".join(f"{error.strerror or error} ({address})" for address, error in failures)
    return OSError(failures[0][1].errno, told)
