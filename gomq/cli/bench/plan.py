"""How a measurement is cut into pieces, and when each is due. Values only."""

from dataclasses import dataclass
from itertools import count
from random import Random
from typing import Final

_SLICES_A_SECOND: Final = 200
"""Where the rate is limited, messages are handed over so often."""
MOST_AT_ONCE: Final = 10_000
_PER_MESSAGE_BYTES: Final = 10
"""Of a batch, besides the value."""
MARK_BYTES: Final = 8
"""What a message has in front twice, whose way is measured: the mark of the run, and its own."""
_LETTERS: Final = bytes(ord("A") + value % 26 for value in range(256))


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What is to be published."""

    size: int
    """Of a value, in bytes."""
    count: int | None
    """How many messages; None for no end."""
    seconds: float | None
    """For how long; None for no end."""
    rate: float | None
    """Messages a second; None for as many as go."""
    batch_bytes: int
    """The most that a batch has."""
    at_once: int = MOST_AT_ONCE
    """So many messages are handed over together at most."""

    @property
    def slice_count(self) -> int:
        """How many messages are handed over at once: as many as fill half a batch, or as the rate has it."""
        most = max(self.batch_bytes // 2 // (self.size + _PER_MESSAGE_BYTES), 1)
        if self.rate is not None:
            most = min(most, max(int(self.rate / _SLICES_A_SECOND), 1))
        if self.count is not None:
            most = min(most, max(self.count, 1))
        return min(most, self.at_once)


class Schedule:
    """Hands out pieces of a load, each with the time at which it is due.

    Where the rate is limited, how long something took counts from when it was due: a broker that stalls delays what
    would have come meanwhile, too ("coordinated omission").

    Args:
        load: what is to be published.
        start: the time at which the first piece is due, in seconds of whatever clock.
    """

    def __init__(self, load: Load, *, start: float) -> None:
        self._load = load
        self._start = start
        self._given = 0

    def next(self, now: float) -> tuple[int, float] | None:
        """Return how many messages to publish next, and when; None at the end."""
        load = self._load
        messages = load.slice_count
        if load.count is not None:
            messages = min(messages, load.count - self._given)
        due = now if load.rate is None else self._start + self._given / load.rate
        if messages <= 0 or (load.seconds is not None and max(due, now) - self._start >= load.seconds):
            return None
        self._given += messages
        return messages, due


def values(load: Load, *, seed: int) -> list[bytes]:
    """Make values for one piece: letters at random, as ``kafka-producer-perf-test`` does, for codecs to work on."""
    letters = Random(seed).randbytes(load.size * load.slice_count).translate(_LETTERS)  # noqa: S311 - no secret
    size = load.size
    return [letters[start : start + size] for _, start in zip(range(load.slice_count), count(0, size), strict=False)]
