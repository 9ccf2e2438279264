"""A message that was handed over, by whom it may be waited for, and what became of those that nobody asked about."""

from collections.abc import Callable
from math import inf
from typing import Final

import anyio

from gomq.client.cluster.metadata import TopicMetadata
from gomq.client.message import NewMessage, Receipt
from gomq.client.producing.batch import OutgoingBatch, size_of
from gomq.client.producing.finding import Seeker
from gomq.client.raising import own_copy
from gomq.errors import DeliveryFailedError, GomqError, Undelivered
from gomq_storage.record import NewRecord

_MOST_KEPT: Final = 10_000
"""Messages that are kept to be named; of more only the count is known. So it is of what takes too many bytes."""


class Publication(Seeker):
    """One message on its way, as ``publish_nowait`` returns it.

    Whoever waits gets its failure. Of those for which nobody waits, ``flush`` raises the failures, or leaving the
    producer's block does.
    """

    def __init__(
        self,
        topic: str,
        record: NewRecord,
        partition: int | None,
        *,
        deadline: float = inf,
        losses: "Losses | None",
    ) -> None:
        super().__init__(deadline)
        self.topic = topic
        self._record = record
        self._partition = partition
        self._losses = losses
        self._place: Callable[[TopicMetadata | None], tuple[OutgoingBatch, int] | None] | None = None
        self._is_placed: anyio.Event | None = None
        self._batch: OutgoingBatch | None = None
        self._position = 0
        self._error: GomqError | None = None
        self._waiting = 0
        self._is_told = False
        """Whether somebody has waited to the end."""
        self.noted_in = -1
        """The round of losses that it is one of."""

    @property
    def is_unattended(self) -> bool:
        """Whether perhaps nobody waits for it."""
        return self._losses is not None

    @property
    def done(self) -> bool:
        """Whether the message is acknowledged or given up, so that ``wait`` returns or raises at once."""
        return self._error is not None or (self._batch is not None and self._batch.is_done)

    async def wait(self) -> Receipt:
        """Wait until the message is acknowledged, and say where it is.

        Being cancelled leaves the message on its way; then ``flush`` raises its failure, as if nobody had waited.

        Raises:
            GomqError: what ``Producer.publish`` raises.
        """
        self._waiting += 1
        try:
            await self.wait_for_place()
            if self._batch is not None:
                await self._batch.done.wait()
            self._is_told = True
        finally:
            self._waiting -= 1
            if self.done:
                self.note_loss()
        if self._losses is not None:
            self._losses.forget(self)
        if self._error is not None:
            raise own_copy(self._error)
        assert self._batch is not None
        return self._batch.receipt(self._position)

    async def wait_for_place(self) -> None:
        """Wait until the message is in a batch, or is given up."""
        if self._batch is None and self._error is None:
            if self._is_placed is None:
                self._is_placed = anyio.Event()
            await self._is_placed.wait()

    def park(self, place: Callable[[TopicMetadata | None], tuple[OutgoingBatch, int] | None]) -> None:
        """Have the message wait for its topic.

        Args:
            place: puts it into a batch of a topic; None where there is no topic for it.
        """
        self._place = place

    def found(self, topic: TopicMetadata) -> None:
        """Put the message into a batch."""
        assert self._place is not None
        try:
            placed = self._place(topic)
        except GomqError as error:
            self._fail(error)
        else:
            assert placed is not None
            self.placed(*placed)

    def failed(self, error: GomqError, *, gave_up: bool) -> None:
        """Give the message up before it has a batch."""
        assert self._place is not None
        self._place(None)
        if gave_up:
            named = (self._named(error),)
            late = DeliveryFailedError(self.topic, 1, str(error), named)
            late.__cause__ = error
            error = late
        self._fail(error)

    def placed(self, batch: OutgoingBatch, position: int) -> None:
        """Take note of where the message is."""
        self._batch, self._position = batch, position
        batch.publications.append(self)
        self._wake()

    def note_loss(self) -> None:
        """Have a failure raised by whoever flushes, if there is one and nobody waits for it."""
        if self._losses is None or self._waiting or self._is_told or self.noted_in >= 0:
            return
        named = self.undelivered()
        if named is not None:
            self._losses.add(self, named.reason, size_of(self._record))

    def undelivered(self) -> Undelivered | None:
        """Name the message, if it has failed."""
        if self._batch is not None:
            return next(iter(self._batch.undelivered([(self._position, None)])), None)
        return None if self._error is None else self._named(self._error)

    def _named(self, reason: GomqError) -> Undelivered:
        value, key, headers, timestamp = self._record
        message = NewMessage(value, key, headers, self._partition, timestamp)
        return Undelivered(self.topic, self._partition, message, None, reason)

    def _fail(self, error: GomqError) -> None:
        self._error = error
        self.note_loss()
        self._wake()

    def _wake(self) -> None:
        if self._is_placed is not None:
            self._is_placed.set()


class Losses:
    """Publications that failed and that nobody waited for, in rounds: one ends when they are raised.

    Args:
        most_bytes: what the messages that are kept to be named take at most, about.
    """

    def __init__(self, *, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._publications: dict[Publication, int] = {}
        self._bytes = 0
        self._more = 0
        self._first: tuple[str, GomqError] | None = None
        self._round = 0

    def add(self, publication: Publication, reason: GomqError, size: int) -> None:
        """Take note of one that failed, of so many bytes."""
        publication.noted_in = self._round
        self._first = self._first or (publication.topic, reason)
        if len(self._publications) < _MOST_KEPT and self._bytes < self._most_bytes:
            self._publications[publication] = size
            self._bytes += size
        else:
            self._more += 1

    def forget(self, publication: Publication) -> None:
        """Take note that somebody waits for it after all."""
        if publication.noted_in != self._round:
            return
        publication.noted_in = -1
        size = self._publications.pop(publication, None)
        if size is None:
            self._more -= 1
        else:
            self._bytes -= size

    def raise_all(self) -> None:
        """Raise what was not delivered, once.

        Raises:
            DeliveryFailedError: it names the messages.
        """
        undelivered = tuple(found for each in self._publications if (found := each.undelivered()) is not None)
        count, first = len(undelivered) + self._more, self._first
        self._publications.clear()
        self._bytes, self._more, self._first = 0, 0, None
        self._round += 1
        if count and first is not None:
            topic, reason = (undelivered[0].topic, undelivered[0].reason) if undelivered else first
            raise DeliveryFailedError(topic, count, str(reason), undelivered) from reason
