"""The iteration over deliveries: takes messages from where they come, and hands them out."""

import random
from collections.abc import Collection
from typing import Final, Self

import anyio

from gomq.client.delivering.delivery import Delivery
from gomq.client.delivering.desk import Desk
from gomq.client.delivering.lanes import Entry
from gomq.client.delivering.settings import DeliverySettings
from gomq.client.delivering.source import DeadLetterTopic, Source
from gomq.errors import ConfigurationError, GomqError
from gomq_storage.layout import TopicPartition

_TURNS: Final = 2
"""Checkpoints within which a task that was just started has begun its work, on either event loop."""


class Deliveries:
    """Hands messages out until they are acknowledged, made by ``Consumer.deliveries``.

    Several tasks may iterate, each gets deliveries of its own, and any task may settle a delivery. Who breaks out of
    the loop can go on with it later: it is no asynchronous generator, and leaving it leaves nothing open.

    Args:
        source: where messages come from; nobody else may take from it.
        settings: when to deliver again, and how many at a time.
        dead_letters: where messages go that are given up, if anywhere.

    Raises:
        ConfigurationError: the dead letter topic is one of those that are consumed.
    """

    def __init__(self, source: Source, settings: DeliverySettings, dead_letters: DeadLetterTopic | None) -> None:
        if settings.dead_letter is not None and source.reads(settings.dead_letter):
            raise ConfigurationError(
                f"dead_letter is {settings.dead_letter!r}, which is among the topics that are consumed: "
                "its messages would come back for ever; name another topic"
            )
        self._source = source
        self._desk = Desk(settings, dead_letters)
        self._ledger = self._desk.ledger
        self._settings = settings
        self._lease = settings.ack_timeout
        self._is_repeating = False
        """Whether what was delivered last was not so for the first time: nobody gives way where that fails at once."""
        self._overdue = "" if self._lease is None else f"it was not acknowledged within {self._lease:g} s"

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Delivery:
        """Return what is next: a message that is to be delivered again, before one that was not delivered yet.

        Raises:
            MessageNotHandledError: a message was given up, and no dead letter topic took it.
            GomqError: what went wrong in reading.
        """
        try:
            if self._is_repeating:
                self._is_repeating = False
                await anyio.lowlevel.checkpoint()
            while True:
                entry = self._at_hand()
                if entry is None:
                    await self._wait()
                elif entry.is_given_up:
                    await self._desk.bury(entry)
                else:
                    return self._deliver(entry)
        finally:
            self._desk.wake()

    def points(self) -> dict[TopicPartition, int]:
        """Return how far each partition may be committed: all before that offset is finished."""
        return self._ledger.points()

    def stop(self) -> None:
        """End the iteration; what is in hand can still be acknowledged."""
        self._desk.stop()

    def break_off(self, error: GomqError) -> None:
        """Have the iteration raise an error, in every task; the first one counts."""
        self._desk.break_off(error)

    async def drain(self, partitions: Collection[TopicPartition], *, within: float) -> None:
        """Hand nothing of these partitions out any more, and wait for what is in hand, at most for a time.

        Their commit points are final then, and known until they are forgotten. What is acknowledged later does not
        count.

        Args:
            partitions: those that are given away.
            within: seconds.
        """
        await self._desk.drain(partitions, within=within)

    def hold(self, partitions: Collection[TopicPartition]) -> None:
        """Hand out nothing of these partitions, which are paused, and of all others again; what is in hand stays."""
        self._desk.hold(partitions)

    def forget(self, partitions: Collection[TopicPartition]) -> None:
        """Know nothing of these partitions any more: they were drained and committed, or are lost."""
        self._desk.forget(partitions)

    def _at_hand(self) -> Entry | None:
        """Put in hand what can be without waiting."""
        self._desk.check()
        ledger = self._ledger
        now = None
        if ledger.needs_clock:
            now = anyio.current_time()
            for expired in ledger.expire(now, self._overdue, spread=random.random()):  # noqa: S311 - not a secret
                expired.holder = None
        while True:
            entry = ledger.hand_out(now)
            if entry is not None or not self._may_pull():
                return entry
            message = self._source.take()
            if message is None:
                return None
            ledger.take(message)

    def _may_pull(self) -> bool:
        return self._desk.pulling is None and self._ledger.may_hand_out and self._ledger.wants_more

    def _deliver(self, entry: Entry) -> Delivery:
        self._is_repeating = entry.attempt > 1
        entry.is_entered = False
        delivery = Delivery(self._desk, entry, self._ledger.deadline_of(entry))
        entry.holder = delivery
        return delivery

    async def _wait(self) -> None:
        """Wait for the source, if nobody does, or for something to change."""
        if not self._may_pull():
            if not await self._gave_way():
                await self._desk.wait()
            return
        with anyio.CancelScope(deadline=self._ledger.next_change()) as scope:
            self._desk.pulling = scope
            try:
                message = await self._source.next()
            except StopAsyncIteration:
                self._desk.stop()
            else:
                self._ledger.take(message)
            finally:
                self._desk.pulling = None

    async def _gave_way(self) -> bool:
        """Give the task that was just handed the only delivery a chance to begin; return whether that was needed.

        Raises:
            ConfigurationError: the delivery was dropped, and is never taken back: nothing would ever happen.
        """
        if not any(map(self._seems_dropped, self._ledger.in_hand)):
            return False
        for _ in range(_TURNS):
            await anyio.lowlevel.checkpoint()
        for entry in filter(self._seems_dropped, self._ledger.in_hand):
            raise ConfigurationError(
                f"{entry.holder!r} was neither acknowledged nor given back when the next one was asked for: "
                "work on it in `async with delivery`, or set ack_timeout, after which it is delivered again"
            )
        return True

    def _seems_dropped(self, entry: Entry) -> bool:
        """Whether nobody works on a delivery that all others wait for, and for which no time runs."""
        if self._settings.concurrency > 1 or self._lease is not None:
            return False
        return entry.holder is not None and not entry.is_entered
