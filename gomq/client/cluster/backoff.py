"""How long to pause before something that failed is tried again."""

import random
from typing import Final

_JITTER: Final = 0.2
"""Kafka's, for connections and requests alike."""


class Backoff:
    """Pauses that double up to a limit, each a fifth shorter or longer at random, so that clients do not march in step.

    Args:
        first: seconds of the first pause, before chance.
        most: seconds of any pause, before chance.
    """

    def __init__(self, *, first: float, most: float) -> None:
        self._first = first
        self._most = most
        self._next = first

    def next(self) -> float:
        """Return the seconds of the next pause."""
        seconds = self._next
        self._next = min(2 * seconds, self._most)
        return seconds * random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311 - not a secret

    def reset(self) -> None:
        """Begin with the shortest again: it worked."""
        self._next = self._first
