"""Memory for large requests, shared by all connections. Kafka: ``queued.max.request.bytes``, ``SimpleMemoryPool``.

A connection that has seen the size of a large request takes that much before it reads on, and gives it back once the
request is handled; until it gets it, the kernel holds the peer back. As in Kafka it gets all of it where any is left:
no request waits for one of its size, and the limit is passed by one request at most. A peer's address gets half at
most, so that there is always some for others.
Small requests take nothing: each fits the buffer that its connection has anyhow, so they never wait.
"""

from collections import deque
from typing import Final, NamedTuple

import anyio

FREE_BYTES: Final = 64 << 10
"""Requests up to this size take nothing."""


class _Waiter(NamedTuple):
    owner: str
    size: int
    granted: anyio.Event


class RequestMemory:
    """What may be taken, and who has taken it.

    Args:
        total: bytes; None sets no limit.
    """

    def __init__(self, total: int | None) -> None:
        self._total = total
        self._taken: dict[str, int] = {}
        self._waiters: deque[_Waiter] = deque()
        self.taken_bytes: int = 0
        """How much is taken now."""

    @property
    def waiting(self) -> int:
        """How many connections wait for memory."""
        return len(self._waiters)

    async def take(self, size: int, owner: str) -> None:
        """Wait until there is memory, first come first served, and take it.

        Args:
            size: bytes.
            owner: the peer's address.
        """
        if not self._waiters and self._has_some_for(owner):
            self._grant(size, owner)
            return
        waiter = _Waiter(owner, size, anyio.Event())
        self._waiters.append(waiter)
        self._serve_waiters()
        try:
            await waiter.granted.wait()
        except BaseException:
            if waiter.granted.is_set():
                self.give_back(size, owner)
            else:
                self._waiters.remove(waiter)
            raise

    def give_back(self, size: int, owner: str) -> None:
        """Give back what was taken."""
        self.taken_bytes -= size
        left = self._taken[owner] - size
        if left:
            self._taken[owner] = left
        else:
            del self._taken[owner]
        self._serve_waiters()

    def _has_some_for(self, owner: str) -> bool:
        if self._total is None:
            return True
        return self.taken_bytes < self._total and self._taken.get(owner, 0) < max(self._total // 2, 1)

    def _grant(self, size: int, owner: str) -> None:
        self.taken_bytes += size
        self._taken[owner] = self._taken.get(owner, 0) + size

    def _serve_waiters(self) -> None:
        """Grant what can be granted; who has had its half lets those behind it pass."""
        passed: list[_Waiter] = []
        while self._waiters and self._total is not None and self.taken_bytes < self._total:
            waiter = self._waiters.popleft()
            if self._has_some_for(waiter.owner):
                self._grant(waiter.size, waiter.owner)
                waiter.granted.set()
            else:
                passed.append(waiter)
        self._waiters.extendleft(reversed(passed))
