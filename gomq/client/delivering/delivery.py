"""One delivery: a message, and how to say what became of it."""

from math import inf
from types import TracebackType
from typing import Self

import anyio

from gomq.client.delivering.desk import Desk
from gomq.client.delivering.lanes import Entry
from gomq.client.delivering.retrying import reason_of, shortened
from gomq.client.message import Message


class Delivery:
    """A message in hand, to be acknowledged or given back, once.

    ``async with delivery:`` does it: leaving the block acknowledges. What an ``Exception`` does that leaves it is to
    have the message delivered again; it goes no further, and is the next attempt's ``failure``. When the block takes
    longer than ``ack_timeout`` it is cancelled, and the message is delivered again. Any other cancellation passes
    through, and so does what is no ``Exception``: the message is then unfinished, and that attempt does not count.

    What was said first counts; so nothing is swallowed in a block behind an ``ack()``.
    """

    __slots__ = ("_desk", "_entry", "_is_entered", "_lease", "_said", "_scope", "attempt", "failure", "message")

    def __init__(self, desk: Desk, entry: Entry, lease: float) -> None:
        self._desk = desk
        self._entry = entry
        self._lease = lease
        self._scope: anyio.CancelScope | None = None
        self._is_entered = False
        self._said = False
        self.message: Message = entry.message
        """What is to be handled."""
        self.attempt: int = entry.attempt
        """1 for the first time that the message is delivered."""
        self.failure: Exception | None = entry.failure
        """What left the block of the attempt before this one; None where it took too long, or gave the message back."""

    def __repr__(self) -> str:
        topic, partition, offset, *_ = self.message
        return f"<Delivery of {topic}-{partition} offset {offset}, attempt {self.attempt}>"

    @property
    def is_current(self) -> bool:
        """Whether it still matters what becomes of it: not when it was acknowledged or given back, nor when it was
        taken back for the next attempt, or its partition was given away.
        """  # noqa: D205 - one sentence
        return self._entry.holder is self and self._entry.is_counted

    async def ack(self) -> bool:
        """Say that the message was handled; return whether it mattered, see ``is_current``."""
        if not self._say():
            return False
        self._desk.acknowledge(self._entry)
        return True

    async def retry(self, *, after: float | None = None) -> bool:
        """Have the message delivered again, unless this was the last attempt; return whether it mattered.

        Args:
            after: seconds to wait before; None takes the backoff.
        """
        if after is not None and not 0 <= after < inf:
            raise ValueError(f"after must be 0 or more seconds, not {after}")
        if not self._say():
            return False
        await self._desk.retry(self._entry, "it was given back", after=after)
        return True

    async def reject(self, reason: str = "it was rejected") -> bool:
        """Give the message up at once: it goes to the dead letter topic, and without one it ends the deliveries.

        Returns once it is safe there, whether it mattered.
        """
        if not self._say():
            return False
        await self._desk.reject(self._entry, shortened(reason))
        return True

    async def __aenter__(self) -> Self:
        if self._is_entered:
            raise RuntimeError("the block of a delivery can be entered once")
        self._is_entered = True
        if self.is_current:
            self._desk.enter(self._entry)
        if self._lease != inf:
            self._scope = anyio.CancelScope(deadline=self._lease)
            self._scope.__enter__()
            if not self.is_current and not self._said:
                self._scope.cancel()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        is_over = False
        if self._scope is not None:
            try:
                self._scope.__exit__(kind, error, traceback)
                is_over = self._scope.cancelled_caught
            except Exception as others:  # the block's, which came with our cancellation
                if self._said:
                    raise
                error = others
            except BaseException:
                self._release()
                raise
        return await self._leave(error, is_over=is_over)

    async def _leave(self, error: BaseException | None, *, is_over: bool) -> bool:
        """Say what leaving the block says; return whether the error ends here."""
        if self._said:
            return is_over
        if not isinstance(error, Exception | None) and not is_over:
            self._release()
            return False
        if not self._say():
            return True  # what was handled here is handled elsewhere, or again
        if is_over:
            await self._desk.retry(self._entry, "it was not acknowledged in time")
        elif error is None:
            self._desk.acknowledge(self._entry)
        else:
            assert isinstance(error, Exception)
            self._entry.failure = error
            await self._desk.retry(self._entry, reason_of(error))
        return True

    def _release(self) -> None:
        if self._say():
            self._desk.release(self._entry)

    def _say(self) -> bool:
        """Take note that it is said what became of it; return whether that matters."""
        is_current = self.is_current
        if is_current:
            self._said = True
            self._entry.holder = None
            if self._scope is not None:
                self._scope.deadline = inf
        return is_current
