"""The time in which this process had its turns: what others may be late by.

A process may stand still: stopped, suspended with its machine, or with an event loop that somebody blocks. What others
sent meanwhile is there, but not read, and timers may run before it is. Whoever measures others with this clock does
not blame them for that: it goes on only while it is looked after.
"""

from collections.abc import Callable
from math import inf
from typing import Final

import anyio

_TURNS: Final = 10
"""One to look what has come, one to wake who waits for it, one for that to read it; five, where somebody connects."""


class OwnTime:
    """A clock that stands still, but for a moment, where its ticks do not come. It never goes back.

    Args:
        clock: what it goes by, in any unit.
    """

    __slots__ = ("_clock", "_counted", "_most", "_ticked_at")

    def __init__(self, clock: Callable[[], float] = anyio.current_time) -> None:
        self._clock = clock
        self._counted = 0.0
        self._ticked_at = 0.0
        self._most = inf

    def now(self) -> float:
        """Return the time."""
        return self._counted + min(self._clock() - self._ticked_at, self._most)

    def tick(self, *, next_in: float) -> None:
        """Say that there was a turn.

        Args:
            next_in: when there is another one. As much time again may pass until then; more does not count.
        """
        self._counted, self._ticked_at, self._most = self.now(), self._clock(), 2 * next_in


async def let_others_read() -> None:
    """Let what has come while this process stood still be read, by whoever has to: for who else gives somebody up."""
    for _ in range(_TURNS):
        await anyio.lowlevel.checkpoint()
