"""Requests that wait for what others do: a Fetch for messages, a JoinGroup for the other members.

They last as long as the client likes, but not longer than the broker: when it stops they are answered at once.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager

import anyio


class LongPolls:
    """All of them."""

    def __init__(self) -> None:
        self._scopes: set[anyio.CancelScope] = set()
        self._is_over = False

    def __len__(self) -> int:
        return len(self._scopes)

    @property
    def is_over(self) -> bool:
        """Whether the broker stops: nothing is worth waiting for."""
        return self._is_over

    @contextmanager
    def wait(self, seconds: float = math.inf) -> Iterator[None]:
        """Wait in this block, which is left early, without an error, when the time is up or the broker stops.

        What is in it must take being cancelled, as it must when the client goes away.
        """
        with anyio.move_on_after(seconds) as scope:
            if self._is_over:
                scope.cancel()
            self._scopes.add(scope)
            try:
                yield
            finally:
                self._scopes.discard(scope)

    def end(self) -> None:
        """Have all of them answered with what there is, and each that comes yet."""
        self._is_over = True
        for scope in self._scopes:
            scope.cancel()
