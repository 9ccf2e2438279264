"""A plain TCP connection as raw non-blocking calls: try first, wait only when the kernel says so.

No stream, protocol object or queue stands in between, on asyncio or on trio. A TLS transport will have the same
methods. Whoever calls handles ``OSError``: it means that the connection is gone.
"""

import errno
import os
import socket
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

import anyio

from gomq_storage.batch import Buffer

_MAX_PARTS: Final = 512
"""Parts for one ``sendmsg``; the kernel takes 1024."""
_MAX_SENDFILE_BYTES: Final = 1 << 20


class PlainTransport:
    """One connected socket, owned: ``close`` ends it."""

    def __init__(self, connected: socket.socket) -> None:
        connected.setblocking(False)  # noqa: FBT003 - the socket module has it so
        if connected.family in {socket.AF_INET, socket.AF_INET6}:
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        self._socket = connected
        self._closed = False

    async def receive_into(self, space: memoryview) -> int:
        """Receive some bytes into the space and return how many; 0 when the peer sends no more."""
        while True:
            try:
                return self._socket.recv_into(space)
            except BlockingIOError:
                await anyio.wait_readable(self._socket)

    async def send(self, parts: Sequence[Buffer]) -> None:
        """Send all the parts, in order."""
        for first in range(0, len(parts), _MAX_PARTS):
            await self._send_some(parts[first : first + _MAX_PARTS])

    async def _send_some(self, parts: Sequence[Buffer]) -> None:
        size = sum(map(len, parts))
        sent = await self._try_send(parts)
        while sent < size:
            left: list[Buffer] = []
            skip = sent
            for part in parts:
                if skip < len(part):
                    left.append(memoryview(part)[skip:])
                skip = max(0, skip - len(part))
            parts, size = left, size - sent
            sent = await self._try_send(parts)

    async def _try_send(self, parts: Sequence[Buffer]) -> int:
        while True:
            try:
                return self._socket.sendmsg(parts)
            except BlockingIOError:
                await anyio.wait_writable(self._socket)

    async def send_file(self, descriptor: int, position: int, size: int) -> None:
        """Send a range of a file, which the kernel copies from its cache to the socket.

        Raises:
            EOFError: the file is shorter than the range; the peer was promised more than it got.
        """
        end = position + size
        while position < end:
            try:
                sent = os.sendfile(
                    self._socket.fileno(), descriptor, position, min(end - position, _MAX_SENDFILE_BYTES)
                )
            except BlockingIOError:
                await anyio.wait_writable(self._socket)
                continue
            if sent == 0:
                raise EOFError(f"file ends at byte {position}, {end - position} more were promised")
            position += sent

    def close(self) -> None:
        """End the connection, waking whoever waits for it."""
        if not self._closed:
            self._closed = True
            with suppress(OSError):
                anyio.notify_closing(self._socket)
            self._socket.close()


async def connect(host: str, port: int) -> PlainTransport:
    """Connect to the first of a host's addresses that answers.

    Raises:
        OSError: none did, or the name is unknown.
    """
    failure: OSError = OSError(errno.EADDRNOTAVAIL, f"{host} has no address")
    for family, kind, protocol, _, address in await anyio.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        candidate = socket.socket(family, kind, protocol)
        try:
            await _connect(candidate, address)
        except OSError as error:
            candidate.close()
            failure = error
        except BaseException:
            anyio.notify_closing(candidate)
            candidate.close()
            raise
        else:
            return PlainTransport(candidate)
    raise failure


async def _connect(candidate: socket.socket, address: tuple[str, int] | tuple[str, int, int, int]) -> None:
    candidate.setblocking(False)  # noqa: FBT003 - the socket module has it so
    code = candidate.connect_ex(address)
    if code in {errno.EINPROGRESS, errno.EWOULDBLOCK}:
        await anyio.wait_writable(candidate)
        code = candidate.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if code:
        raise OSError(code, os.strerror(code))
