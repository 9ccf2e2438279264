"""So many messages a second. Values only; the clock is an argument."""

from typing import Final

_BURST_SECONDS: Final = 0.1
"""So much of what was not used may be made up for: input that pauses does not come in a burst afterwards."""


class Rate:
    """Says how many messages may go now.

    Args:
        per_second: how many on average.
    """

    def __init__(self, per_second: float) -> None:
        self._per_second = per_second
        self._burst = max(per_second * _BURST_SECONDS, 1.0)
        self._tokens = 1.0
        self._seen: float | None = None

    def take(self, most: int, now: float) -> int:
        """Take leave for some messages.

        Args:
            most: how many there are.
            now: the time in seconds, of a clock that does not jump.

        Returns:
            how many of them may go; 0 where the time has not come.
        """
        if self._seen is not None:
            self._tokens = min(self._tokens + (now - self._seen) * self._per_second, self._burst)
        self._seen = now
        count = min(most, int(self._tokens + 1e-9))
        self._tokens -= count
        return count

    def wait(self) -> float:
        """Say how many seconds there are until the next message may go."""
        return max(1.0 - self._tokens, 0.0) / self._per_second
