"""The accept loop. One connection's failure, or a full descriptor table, never ends it.

anyio's own ``serve`` stops for good when a handler raises or ``accept`` meets EMFILE.
"""

import errno
import os
import resource
import socket
from collections.abc import Callable, Coroutine
from typing import Any, Final, TypeAlias

import anyio
from anyio.abc import TaskGroup

from gomq.net.address import Address
from gomq.net.connections import Connections, TooManyConnectionsError
from gomq.net.limits import ConnectionLimits
from gomq.net.transport import PlainTransport

_OUT_OF_RESOURCES: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
_RETRY_SECONDS: Final = 0.1
_MOST_RESERVED: Final = 32
"""Descriptors that connections leave to those who are served already: for log files, and for modules to import."""

Serve: TypeAlias = Callable[[PlainTransport], Coroutine[Any, Any, None]]
OnRefusal: TypeAlias = Callable[[Any], None]
"""Told why a connection could not be taken: ``OSError`` (descriptors, buffers), ``MemoryError`` or
``TooManyConnectionsError``."""


class Listener:
    """One bound socket, which listens or will.

    Args:
        bound: the socket.
        host: the host that was asked for.
    """

    def __init__(self, bound: socket.socket, host: str) -> None:
        self._socket = bound
        self.address: Address = Address(host, bound.getsockname()[1])
        """Where it listens, the real port where 0 was asked for."""

    async def accept_forever(
        self, serve: Serve, group: TaskGroup, on_refusal: OnRefusal, connections: Connections | None = None
    ) -> None:
        """Start a task in the group for each connection, until the listener is closed.

        Args:
            serve: handles one connection to its end; it must not raise.
            group: where the connections' tasks live.
            on_refusal: told when a connection could not be taken.
            connections: counts them, over all listeners that are given the same; None sets no limits.
        """
        if connections is None:
            connections = Connections(ConnectionLimits())
        while self._socket.fileno() >= 0:
            try:
                await connections.wait_for_slot()
                await anyio.wait_readable(self._socket)
                if not connections.has_slot:  # another listener was faster
                    continue
                connected, peer = self._accept()
            except (anyio.ClosedResourceError, anyio.BusyResourceError, ValueError):
                return  # closed while waiting
            except (OSError, MemoryError) as error:
                if isinstance(error, MemoryError) or error.errno in _OUT_OF_RESOURCES:
                    on_refusal(error)
                    await anyio.sleep(_RETRY_SECONDS)
                continue  # otherwise the peer was gone before it was taken
            if (transport := _admit(connected, peer, connections, on_refusal)) is not None:
                group.start_soon(_serve_counted, serve, transport, peer, connections)

    def _accept(self) -> tuple[socket.socket, str]:
        connected, peer = self._socket.accept()
        limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        if limit == resource.RLIM_INFINITY or connected.fileno() < limit - min(_MOST_RESERVED, limit // 4):
            return connected, str(peer[0])
        connected.close()
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    def close(self) -> None:
        """Take no more connections."""
        if self._socket.fileno() >= 0:
            anyio.notify_closing(self._socket)
            self._socket.close()


def _admit(
    connected: socket.socket, peer: str, connections: Connections, on_refusal: OnRefusal
) -> PlainTransport | None:
    """Count a connection and make it ready, or close it."""
    try:
        connections.admit(peer)
    except TooManyConnectionsError as error:
        connected.close()
        on_refusal(error)
        return None
    try:
        return PlainTransport(connected, user_timeout=connections.limits.send_seconds)
    except OSError:  # it was reset meanwhile
        connected.close()
        connections.leave(peer)
        return None


async def _serve_counted(serve: Serve, transport: PlainTransport, peer: str, connections: Connections) -> None:
    try:
        await serve(transport)
    finally:
        connections.leave(peer)
