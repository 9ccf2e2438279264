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

from gomq.errors import BrokerStartError
from gomq.net.address import Address
from gomq.net.transport import PlainTransport

_BACKLOG: Final = 512
_OUT_OF_RESOURCES: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
_RETRY_SECONDS: Final = 0.1
_MOST_RESERVED: Final = 32
"""Descriptors that connections leave to those who are served already: for log files, and for modules to import."""

Serve: TypeAlias = Callable[[PlainTransport], Coroutine[Any, Any, None]]


class Listener:
    """One bound, listening socket."""

    def __init__(self, bound: socket.socket, host: str) -> None:
        self._socket = bound
        self.address = Address(host, bound.getsockname()[1])
        """Where it listens, the real port where 0 was asked for."""

    @classmethod
    async def bind(cls, address: Address) -> "Listener":
        """Bind and listen.

        Raises:
            BrokerStartError: the port is taken, or the host is not this machine's.
        """
        try:
            found = await anyio.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
        except OSError as error:
            raise BrokerStartError(f"cannot listen on {address}: the host is unknown") from error
        # localhost may name ::1 first; clients that mean 127.0.0.1 are far more common
        family, kind, protocol, _, target = min(found, key=lambda entry: entry[0] != socket.AF_INET)
        bound = socket.socket(family, kind, protocol)
        try:
            bound.setblocking(False)  # noqa: FBT003 - the socket module has it so
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bound.bind(target)
            bound.listen(_BACKLOG)
        except OSError as error:
            bound.close()
            why = "the port is in use" if error.errno == errno.EADDRINUSE else error.strerror
            raise BrokerStartError(f"cannot listen on {address}: {why}") from error
        return cls(bound, address.host)

    async def accept_forever(self, serve: Serve, group: TaskGroup, on_refusal: Callable[[OSError], None]) -> None:
        """Start a task in the group for each connection.

        Args:
            serve: handles one connection to its end; it must not raise.
            group: where the connections' tasks live.
            on_refusal: told when a connection could not be taken for want of descriptors or memory.
        """
        while True:
            await anyio.wait_readable(self._socket)
            try:
                connected = self._accept()
            except OSError as error:
                if error.errno in _OUT_OF_RESOURCES:
                    on_refusal(error)
                    await anyio.sleep(_RETRY_SECONDS)
                continue  # otherwise the peer was gone before it was taken
            try:
                transport = PlainTransport(connected)
            except OSError:
                connected.close()
                continue
            group.start_soon(serve, transport)

    def _accept(self) -> socket.socket:
        connected, _ = self._socket.accept()
        limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        if limit == resource.RLIM_INFINITY or connected.fileno() < limit - min(_MOST_RESERVED, limit // 4):
            return connected
        connected.close()
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    def close(self) -> None:
        """Take no more connections."""
        if self._socket.fileno() >= 0:
            anyio.notify_closing(self._socket)
            self._socket.close()
