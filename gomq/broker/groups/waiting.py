"""Requests that wait for their group, and the clock that says for how long. Asynchronous."""

import time

import anyio

from gomq.broker.groups.members import JoinAnswer, SyncAnswer
from gomq.net.own_time import OwnTime


class Waiting:
    """A JoinGroup or a SyncGroup until it is answered; the ``Ticket`` that its group has of it."""

    __slots__ = ("_answered", "answer")

    def __init__(self) -> None:
        self.answer: JoinAnswer | SyncAnswer | None = None
        self._answered: anyio.Event | None = None

    def set(self, answer: JoinAnswer | SyncAnswer) -> None:
        """Answer it."""
        self.answer = answer
        if self._answered is not None:
            self._answered.set()

    async def wait(self) -> None:
        """Return once it is answered."""
        if self.answer is None:
            self._answered = anyio.Event()
            await self._answered.wait()


class Clock:
    """The time, as the coordinator of groups wants to know it; a test brings its own."""

    def __init__(self) -> None:
        self._own = OwnTime(time.monotonic)

    def wall_ms(self) -> int:
        """Ms since the epoch, to be written down."""
        return time.time_ns() // 1_000_000

    def timer_ms(self) -> int:
        """Ms since some moment, which nobody sets: what deadlines are measured with.

        Time in which the broker had no turn counts for nobody: signs of life that came meanwhile are still to be read.
        """
        return int(self._own.now() * 1000)

    def tick(self, *, next_in_ms: int) -> None:
        """Say that the broker has a turn, and when it should have the next."""
        self._own.tick(next_in=next_in_ms / 1000)
