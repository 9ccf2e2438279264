"""Where deliveries come from and go back to, and where those wait who want one.

Who waits is woken when there may be something for it: one at a time, each wakes the next when it leaves. One of them
at most waits for the source itself.
"""

import random
from collections import deque
from collections.abc import Collection

import anyio

from gomq.client.delivering.lanes import Entry
from gomq.client.delivering.ledger import Ledger
from gomq.client.delivering.retrying import pause_before_next
from gomq.client.delivering.settings import DeliverySettings
from gomq.client.delivering.source import DeadLetterTopic
from gomq.client.raising import own_copy
from gomq.errors import GomqError, MessageNotHandledError
from gomq_storage.layout import TopicPartition


class Desk:
    """What is in hand, and what becomes of it.

    Args:
        settings: when to deliver again, and how many at a time.
        dead_letters: where messages go that are given up, if anywhere.
    """

    def __init__(self, settings: DeliverySettings, dead_letters: DeadLetterTopic | None) -> None:
        self.settings = settings
        self.ledger: Ledger = Ledger(settings)
        self._dead_letters = dead_letters
        self._has_ended = False
        self._failure: GomqError | None = None
        self._waiting: deque[anyio.Event] = deque()
        self._settled: anyio.Event | None = None
        """Set, and forgotten, when something changes; there while somebody drains."""
        self.pulling: anyio.CancelScope | None = None
        """Of the task that waits for the source."""

    def check(self) -> None:
        """Raise how the deliveries ended, if they did."""
        if self._failure is not None:
            raise own_copy(self._failure)
        if self._has_ended:
            raise StopAsyncIteration

    def stop(self) -> None:
        """End the deliveries; what is in hand can still be acknowledged."""
        self._has_ended = True
        self._wake_all()

    def break_off(self, error: GomqError) -> None:
        """End the deliveries with an error; the first one counts."""
        self._failure = self._failure or error
        self._wake_all()

    def enter(self, entry: Entry) -> None:
        """Leave it to a block when to give the message back."""
        entry.is_entered = True
        self.ledger.enter(entry)

    def acknowledge(self, entry: Entry) -> None:
        """Count a message as done."""
        self.ledger.finish(entry)
        self._note_change()

    def release(self, entry: Entry) -> None:
        """Take a message back as if it had not been handed out."""
        self.ledger.release(entry, anyio.current_time())
        self._note_change()

    async def retry(self, entry: Entry, reason: str, *, after: float | None = None) -> None:
        """Have a message delivered again, or give it up where that was the last attempt."""
        pause = pause_before_next(entry.attempt, self.settings, spread=random.random())  # noqa: S311 - not a secret
        if pause is None:
            await self.reject(entry, reason)
            return
        self.ledger.fail(entry, reason, pause=pause if after is None else after, now=anyio.current_time())
        self._note_change()

    async def reject(self, entry: Entry, reason: str) -> None:
        """Give a message up, and wait until it is where it should be then."""
        self.ledger.fail(entry, reason, pause=None, now=0.0)
        await self.bury(entry)

    async def bury(self, entry: Entry) -> None:
        """Put a message that is given up on the dead letter topic, or end the deliveries; ``check`` raises why.

        It is done once it is safe there, no sooner. Whoever is cancelled leaves it to the next that asks for a
        delivery.
        """
        is_buried = False
        try:
            is_buried = await self._is_taken(entry)
        finally:
            if is_buried:
                self.ledger.finish(entry)
            else:
                self.ledger.release(entry, anyio.current_time())
            self._note_change()

    async def drain(self, partitions: Collection[TopicPartition], *, within: float) -> None:
        """Hand nothing of these partitions out any more, and wait for what is in hand, at most for a time, seconds."""
        self.ledger.close(partitions)
        with anyio.move_on_after(within):
            while self.ledger.has_in_hand(partitions):
                if self._settled is None:
                    self._settled = anyio.Event()
                await self._settled.wait()
        self.ledger.abandon(partitions)
        self._note_change()

    def hold(self, partitions: Collection[TopicPartition]) -> None:
        """Hand out nothing of these partitions, and of all others again."""
        self.ledger.hold(partitions)
        self._note_change()

    def forget(self, partitions: Collection[TopicPartition]) -> None:
        """Know nothing of these partitions any more."""
        self.ledger.forget(partitions)
        self._note_change()

    async def wait(self) -> None:
        """Wait until something changes, or it is time for something."""
        event = anyio.Event()
        self._waiting.append(event)
        try:
            with anyio.CancelScope(deadline=self.ledger.next_change()):
                await event.wait()
        finally:
            if not event.is_set():
                self._waiting.remove(event)

    def wake(self) -> None:
        """Have somebody who waits look whether there is anything for it."""
        if self._waiting:
            self._waiting.popleft().set()
        elif self.pulling is not None:
            if self.ledger.has_free:
                self.pulling.cancel()
            else:
                self.pulling.deadline = self.ledger.next_change()

    async def _is_taken(self, entry: Entry) -> bool:
        reason = entry.reason or ""
        cause: BaseException | None = entry.failure
        trouble = ""
        if self._dead_letters is not None:
            try:
                await self._dead_letters.publish(entry.message, reason=reason, attempts=entry.attempt)
            except GomqError as error:
                cause = error
                trouble = f"topic {self.settings.dead_letter!r} does not take it: {error}"
            else:
                return True
        topic, partition, offset, *_ = entry.message
        failure = MessageNotHandledError(
            TopicPartition(topic, partition), offset, attempts=entry.attempt, reason=reason, trouble=trouble
        )
        failure.__cause__ = cause
        self.break_off(failure)
        return False

    def _note_change(self) -> None:
        if self._settled is not None:
            self._settled.set()
            self._settled = None
        self.wake()

    def _wake_all(self) -> None:
        while self._waiting:
            self._waiting.popleft().set()
        if self.pulling is not None:
            self.pulling.cancel()
