"""When messages are printed that are replayed in their original timing. Values only; the clock is an argument.

All partitions share one schedule: what was published at the same time comes at the same time. What is late, because
the output is slow or a message's timestamp lies before one that was printed, comes at once.
"""

from math import inf


class Pacing:
    """A schedule that the first message starts.

    Args:
        speed: how many times faster than it was; 1 is as it was.
        max_wait: seconds that a pause takes at most.
    """

    def __init__(self, speed: float, *, max_wait: float = inf) -> None:
        self._speed = speed
        self._max_wait = max_wait
        self._start: tuple[int, float] | None = None
        """A timestamp, and the time at which it is due."""

    def wait(self, timestamp: int, now: float) -> float:
        """Say how long to wait before a message is printed; 0 when it is due.

        Args:
            timestamp: the message's, in milliseconds since the epoch; -1 for none.
            now: the time in seconds, of a clock that does not jump.
        """
        if timestamp < 0:
            return 0.0
        if self._start is None:
            self._start = (timestamp, now)
        return max(self._due(timestamp) - now, 0.0)

    def shorten(self, timestamp: int, now: float) -> None:
        """Have a message come after the longest pause there may be, and all behind it earlier by as much."""
        if self._due(timestamp) - now > self._max_wait:
            self._start = (timestamp, now + self._max_wait)

    def _due(self, timestamp: int) -> float:
        if self._start is None:
            return 0.0
        first, started = self._start
        return started + (timestamp - first) / 1000 / self._speed
