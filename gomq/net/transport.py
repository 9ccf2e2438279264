"""A plain TCP connection as raw non-blocking calls: try first, wait only when the kernel says so.

No stream, protocol object or queue stands in between, on asyncio or on trio. A TLS transport will have the same
methods. Whoever calls handles ``OSError``: it means that the connection is gone.
"""

import os
import select
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

import anyio

from gomq_storage.batch import Buffer

_MAX_PARTS: Final = 512
"""Parts for one ``sendmsg``; the kernel takes 1024."""
_MAX_SENDFILE_BYTES: Final = 1 << 20
_MORE: Final = getattr(socket, "MSG_MORE", 0)  # Linux has it; elsewhere it is only an optimisation less
_KEEPALIVE: Final = (("TCP_KEEPIDLE", 60), ("TCP_KEEPALIVE", 60), ("TCP_KEEPINTVL", 15), ("TCP_KEEPCNT", 4))
"""A peer whose machine is gone is noticed after two minutes; names differ, and what a system has not is left out."""
_HAS_LEFT: Final = getattr(select, "POLLRDHUP", 0) | getattr(select, "POLLHUP", 0) | getattr(select, "POLLERR", 0)


class PlainTransport:
    """One connected socket, owned: ``close`` ends it.

    Args:
        connected: the socket.
        user_timeout: seconds after which the kernel gives up on a peer that takes nothing of what is sent to it
            (``TCP_USER_TIMEOUT``); None leaves that to the kernel.

    Raises:
        OSError: the connection is gone already; the socket is the caller's to close.
    """

    def __init__(self, connected: socket.socket, *, user_timeout: float | None = None) -> None:
        connected.setblocking(False)  # noqa: FBT003 - the socket module has it so
        if connected.family in {socket.AF_INET, socket.AF_INET6}:
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if connected.getpeername()[0] == connected.getsockname()[0]:
                _send_without_pacing(connected)
            for name, seconds in _KEEPALIVE:
                _set_if_there(connected, name, seconds)
            if user_timeout is not None:
                _set_if_there(connected, "TCP_USER_TIMEOUT", min(round(user_timeout * 1000), 0x7FFFFFFF))
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        self._socket = connected
        self._closed = False
        self.sent_bytes: int = 0
        """How much the kernel has taken so far."""

    @property
    def peer(self) -> str:
        """The other side's address, for logs."""
        return _name(self._socket.getpeername)

    @property
    def local_host(self) -> str:
        """The address by which the other side reached this one."""
        return _name(self._socket.getsockname).rpartition(":")[0]

    async def receive_into(self, space: memoryview) -> int:
        """Receive some bytes into the space and return how many; 0 when the peer sends no more."""
        while (count := self.receive_now(space)) is None:
            await anyio.wait_readable(self._socket)
        return count

    def receive_now(self, space: memoryview) -> int | None:
        """Receive what has come already, like ``receive_into``; None where that is nothing."""
        try:
            return self._socket.recv_into(space)
        except BlockingIOError:
            return None

    async def receive(self, space: Callable[[], memoryview]) -> int:
        """Receive some bytes into a space that is only asked for when it is needed, and not held while waiting."""
        while True:
            try:
                return self._socket.recv_into(space())
            except BlockingIOError:
                pass  # what was raised and where, and the space with it, is gone before the wait
            await anyio.wait_readable(self._socket)

    def has_left(self) -> bool:
        """Say whether the other side has closed or broken the connection, whatever it has sent before."""
        if self._closed:
            return True
        poll = select.poll()
        poll.register(self._socket, _HAS_LEFT)
        return bool(poll.poll(0))

    async def send(self, parts: Sequence[Buffer], *, more: bool = False) -> None:
        """Send all the parts, in order.

        Args:
            parts: what to send.
            more: something follows at once; the kernel may put both into one packet.
        """
        flags = _MORE if more else 0
        for first in range(0, len(parts), _MAX_PARTS):
            await self._send_some(parts[first : first + _MAX_PARTS], flags)

    def send_now(self, parts: Sequence[Buffer]) -> Sequence[Buffer]:
        """Send what the kernel takes at once, and return what is left for ``send``."""
        try:
            sent = self._socket.sendmsg(parts[:_MAX_PARTS])
        except BlockingIOError:
            return parts
        self.sent_bytes += sent
        return () if sent == sum(map(len, parts)) else _behind(parts, sent)

    async def _send_some(self, parts: Sequence[Buffer], flags: int) -> None:
        size = sum(map(len, parts))
        sent = await self._try_send(parts, flags)
        while sent < size:
            parts, size = _behind(parts, sent), size - sent
            sent = await self._try_send(parts, flags)

    async def _try_send(self, parts: Sequence[Buffer], flags: int) -> int:
        while True:
            try:
                sent = self._socket.sendmsg(parts, (), flags)
            except BlockingIOError:
                await anyio.wait_writable(self._socket)
            else:
                self.sent_bytes += sent
                return sent

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
            self.sent_bytes += sent

    def close(self) -> None:
        """End the connection, waking whoever waits for it."""
        if not self._closed:
            self._closed = True
            with suppress(OSError):
                anyio.notify_closing(self._socket)
            self._socket.close()


def _behind(parts: Sequence[Buffer], sent: int) -> list[Buffer]:
    """Return what is left of the parts behind their first bytes."""
    left: list[Buffer] = []
    for part in parts:
        if sent < len(part):
            left.append(memoryview(part)[sent:] if sent else part)
        sent = max(0, sent - len(part))
    return left


def _send_without_pacing(connected: socket.socket) -> None:
    """Take the simplest congestion control for a connection within this machine, which no network can hold up.

    Where the system's own is BBR, it would set a timer for every few packets: a third of what sending a fetch costs.
    """
    if (option := getattr(socket, "TCP_CONGESTION", None)) is not None:
        with suppress(OSError):  # it only costs more then
            connected.setsockopt(socket.IPPROTO_TCP, option, b"reno")


def _set_if_there(connected: socket.socket, option: str, value: int) -> None:
    """Set a TCP option where the system has it."""
    if (number := getattr(socket, option, None)) is not None:
        connected.setsockopt(socket.IPPROTO_TCP, number, value)


def _name(lookup: Callable[[], tuple[str, int]]) -> str:
    try:
        host, port = lookup()[:2]
    except (OSError, ValueError):
        return "unknown:0"
    return f"{host}:{port}"
