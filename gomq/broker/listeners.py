"""The broker's listeners, bound and taking connections, and what the clients of each are told."""

import socket
from collections.abc import Callable, Coroutine, Sequence
from contextlib import ExitStack
from functools import partial
from typing import Any

from anyio.abc import TaskGroup

from gomq.net.address import Address
from gomq.net.binding import bind, listen
from gomq.net.connections import Connections
from gomq.net.endpoints import ANY_HOSTS, Endpoint
from gomq.net.listener import Listener, OnRefusal
from gomq.net.transport import PlainTransport


class BrokerListener:
    """One endpoint and its sockets: one for each address that its host stands for.

    Args:
        endpoint: what was asked for.
        bound: its sockets, which have a port by now.
    """

    def __init__(self, endpoint: Endpoint, bound: Sequence[socket.socket]) -> None:
        host, _ = endpoint.address
        self.name: str = endpoint.name
        self.address: Address = Address(host, bound[0].getsockname()[1])
        """Where it listens, the real port where 0 was asked for."""
        self.connections = 0
        """How many there are now."""
        self.accepted = 0
        """How many there were."""
        self._bound = bound
        self._sockets = [Listener(each, host) for each in bound]
        told = endpoint.advertised
        self._advertised = Address(told.host, told.port or self.address.port) if told is not None else None

    @property
    def reachable(self) -> Address:
        """An address by which clients on this machine reach it."""
        host, port = self.address
        if host == "::" and all(each.family != socket.AF_INET for each in self._bound):
            return Address("::1", port)
        return Address("127.0.0.1" if host in ANY_HOSTS else host, port)

    @property
    def client_address(self) -> Address:
        """The address that clients use: what is advertised, else where it listens."""
        return self._advertised or self.reachable

    def reached_at(self, transport: PlainTransport) -> Address:
        """What a client is told of the broker's address: what is advertised, else the one that it has used."""
        if self._advertised is not None:
            return self._advertised
        host, port = self.address
        return Address(transport.local_host if host in ANY_HOSTS else host, port)

    def listen(self) -> None:
        """Take connections from now on; ``BrokerStartError`` where another program was faster."""
        listen(self._bound, self.address)

    def accept(
        self,
        serve: Callable[["BrokerListener", PlainTransport], Coroutine[Any, Any, None]],
        group: TaskGroup,
        on_refusal: OnRefusal,
        connections: Connections | None = None,
    ) -> None:
        """Start tasks that take connections; see ``Listener.accept_forever``."""
        for each in self._sockets:
            group.start_soon(each.accept_forever, partial(serve, self), group, on_refusal, connections)

    def close(self) -> None:
        """Take no more connections."""
        for each in self._sockets:
            each.close()


async def bind_listeners(endpoints: Sequence[Endpoint]) -> list[BrokerListener]:
    """Bind all of them or none.

    Raises:
        BrokerStartError: a port is taken, or a host is not this machine's.
    """
    with ExitStack() as stack:
        listeners: list[BrokerListener] = []
        for endpoint in endpoints:
            listener = BrokerListener(endpoint, await bind(endpoint.address))
            stack.callback(listener.close)
            listeners.append(listener)
        stack.pop_all()
        return listeners
