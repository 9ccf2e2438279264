"""The seam between a connection and what handles its requests, where tests of clients come in.

A broker that was given an ``Interceptor`` has it wrap each connection's handler, once, when the connection is made; one
without has nothing in the way. ``gomq.testing`` has the one that there is: faults on demand.
"""

from typing import NamedTuple, Protocol

from gomq.broker.context import State
from gomq.net.address import Address
from gomq.net.session import Handle


class Connection(NamedTuple):
    """One client's connection, before its first request."""

    state: State
    """The broker's."""
    reached_at: Address
    """The address by which the client found the broker."""


class Interceptor(Protocol):
    """What sees requests before they are handled, and answers before they are sent."""

    def wrap(self, handle: Handle, connection: Connection) -> Handle:
        """Return what is to handle the requests of a connection in the place of ``handle``.

        It is called on the event loop, for one request after the other. It may answer itself, call ``handle`` with what
        it was given, wait before or behind that, and raise: ``OSError`` closes the connection and is told as a
        connection that was lost. A frame is only good until it returns.
        """
