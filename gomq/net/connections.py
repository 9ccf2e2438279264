"""All connections of a broker, over all its listeners: how many there may be, and which have to end.

One sweep over them replaces a timer for each. Kafka: ``ConnectionQuotas``, and the expiry in ``Selector``, which reads
before it looks who is idle.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Final, Protocol

import anyio

from gomq.net.deadlines import Deadlines, Overdue, Standing
from gomq.net.limits import ConnectionLimits, plain_address
from gomq.net.own_time import OwnTime
from gomq.net.request_memory import RequestMemory

_SWEEP_SECONDS: Final = 0.5
"""Time between two sweeps, unless a deadline is shorter than a few of them."""
_SWEEPS_IN_SHORTEST: Final = 4
"""How often the shortest deadline is looked at while it lasts."""
_SWEPT_BEFORE_YIELD: Final = 500
_PATIENCE_AT_STOP: Final = 1.0
"""Seconds for a peer to take what is being sent to it once the broker stops."""


class TooManyConnectionsError(Exception):
    """An address has as many connections as it may. Kafka's ``TooManyConnectionsException``."""

    def __init__(self, address: str, limit: int) -> None:
        super().__init__(f"{address} has {limit} connections already, as many as max.connections.per.ip allows")
        self.address = address
        self.limit = limit


class Connection(Protocol):
    """What is swept: a session."""

    def standing(self) -> Standing:
        """How far it has come."""

    def is_abandoned(self) -> bool:
        """Whether the peer has left, though nothing is being read from it that would show it."""

    def end(self, overdue: Overdue) -> None:
        """End it at once."""

    def finish(self) -> None:
        """End it as soon as what it has begun is answered."""

    def let_go_of_memory(self) -> None:
        """Free what it keeps for the next request."""


class Connections:
    """Counts connections and sees that they end in time.

    Args:
        limits: what they may take.
        clock: seconds; the event loop's time unless a test brings another.
    """

    def __init__(self, limits: ConnectionLimits, *, clock: Callable[[], float] = anyio.current_time) -> None:
        self.memory: RequestMemory = RequestMemory(limits.queued_bytes)
        self._limits = limits
        self._time = OwnTime(clock)
        self._by_address: Counter[str] = Counter()
        self._count = 0
        self._served: dict[Connection, Deadlines] = {}
        self._changed = anyio.Event()
        self._is_stopping = False

    def __len__(self) -> int:
        return self._count

    @property
    def limits(self) -> ConnectionLimits:
        """What they may take; a change holds from the next connection or sweep on."""
        return self._limits

    @limits.setter
    def limits(self, limits: ConnectionLimits) -> None:
        self._limits = limits
        self._notify()

    @property
    def has_slot(self) -> bool:
        """Whether another connection may be accepted."""
        return self._count < self._limits.connections

    async def wait_for_slot(self) -> None:
        """Wait until another connection may be accepted, or the broker stops."""
        while not (self.has_slot or self._is_stopping):
            await self._changed.wait()

    def admit(self, address: str) -> None:
        """Count an accepted connection; ``leave`` must follow.

        Raises:
            TooManyConnectionsError: its address has too many; it is not counted, and is to be closed.
        """
        address = plain_address(address)
        limit = self._limits.connections_of(address)
        if self._by_address[address] >= limit:
            if not self._by_address[address]:
                del self._by_address[address]
            raise TooManyConnectionsError(address, limit)
        self._by_address[address] += 1
        self._count += 1

    def leave(self, address: str) -> None:
        """Count a connection no more."""
        address = plain_address(address)
        self._count -= 1
        self._by_address[address] -= 1
        if not self._by_address[address]:
            del self._by_address[address]
        self._notify()

    def watch(self, connection: Connection) -> None:
        """See that a connection ends in time, until ``forget``."""
        self._served[connection] = Deadlines(self._time.now())
        if len(self._served) == 1:
            self._notify()
        if self._is_stopping:
            connection.finish()

    def forget(self, connection: Connection) -> None:
        """Watch a connection no more."""
        del self._served[connection]
        if self._is_stopping and not self._served:
            self._notify()

    async def run(self) -> None:
        """Sweep for as long as there are connections, until cancelled."""
        while True:
            if not self._served:
                await self._changed.wait()
                continue
            seconds = self._seconds_between_sweeps()
            self._time.tick(next_in=seconds)
            await anyio.sleep(seconds)
            await self.sweep()

    async def sweep(self) -> None:
        """End the connections whose time is up, and have those that are quiet keep little."""
        now = self._time.now()
        for number, (connection, deadlines) in enumerate([*self._served.items()], start=1):
            standing = connection.standing()
            overdue = deadlines.check(standing, now, self._limits)
            if overdue is None and standing.is_waiting and connection.is_abandoned():
                overdue = Overdue("the peer has left", is_blameless=True)
            if overdue is not None:
                connection.end(overdue)
            elif deadlines.is_quiet:
                connection.let_go_of_memory()
            if number % _SWEPT_BEFORE_YIELD == 0:
                await anyio.lowlevel.checkpoint()

    async def drain(self, seconds: float) -> bool:
        """Have every connection finish what it has begun, and begin nothing more.

        Args:
            seconds: how long to wait for that.

        Returns:
            whether all of them have ended.
        """
        self._is_stopping = True
        self._notify()
        for connection in [*self._served]:
            connection.finish()
        patience = min(_PATIENCE_AT_STOP, seconds / 2, self._limits.send_seconds)
        self._limits = replace(self._limits, send_seconds=patience)
        with anyio.move_on_after(seconds):
            while self._served:
                await self._changed.wait()
        return not self._served

    def _seconds_between_sweeps(self) -> float:
        limits = self._limits
        shortest = min(
            limits.idle_seconds, limits.first_request_seconds, limits.request_seconds, limits.send_seconds
        )  # fmt: skip
        return max(min(shortest / _SWEEPS_IN_SHORTEST, _SWEEP_SECONDS), 0.001)

    def _notify(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()
