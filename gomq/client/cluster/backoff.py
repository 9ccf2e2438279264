"""How long to pause before something that failed is tried again."""

import random


class Backoff:
    """Pauses that double up to a limit, each half to all of its length at random, so that clients do not march in step.

    Args:
        first: seconds of the first pause, at most.
        most: seconds of any pause, at most.
    """

    def __init__(self, *, first: float, most: float) -> None:
        self._first = first
        self._most = most
        self._next = first

    def next(self) -> float:
        """Return the seconds of the next pause."""
        seconds = self._next
        self._next = min(2 * seconds, self._most)
        return seconds * random.uniform(0.5, 1.0)  # noqa: S311 - not a secret

    def reset(self) -> None:
        """Begin with the shortest again: it worked."""
        self._next = self._first
