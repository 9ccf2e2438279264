"""A message that was handed over, by whom it may be waited for, and what became of those that nobody asked about."""

from collections.abc import Callable
from typing import Final

import anyio

from gomq.client.cluster.metadata import TopicMetadata
from gomq.client.message import NewMessage, Receipt
from gomq.client.producing.batch import OutgoingBatch
from gomq.client.producing.finding import Seeker
from gomq.client.raising import own_copy
from gomq.errors import DeliveryFailedError, GomqError, Undelivered
from gomq_storage.record import NewRecord

_MOST_KEPT: Final = 10_000
"""Messages that are kept to be named; of more only the count is known."""


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
        deadline: float,
        losses: "Losses | None",
    ) -> None:
        super().__init__(deadline)
        self._topic = topic
        self._record = record
        self._partition = partition
        self._losses = losses
        self._place: Callable[[TopicMetadata | None], tuple[OutgoingBatch, int] | None] | None = None
        self._is_placed: anyio.Event | None = None
        self._batch: OutgoingBatch | None = None
        self._position = 0
        self._error: GomqError | None = None

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
        await self.wait_for_place()
        if self._batch is not None:
            await self._batch.done.wait()
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
            late = DeliveryFailedError(self._topic, 1, str(error), named)
            late.__cause__ = error
            error = late
        self._fail(error)

    def placed(self, batch: OutgoingBatch, position: int) -> None:
        """Take note of where the message is."""
        self._batch, self._position = batch, position
        batch.publications.append(self)
        self._wake()

    def batch_failed(self) -> None:
        """Take note that not all of the batch was delivered."""
        if self._losses is not None and self.undelivered() is not None:
            self._losses.add(self)

    def undelivered(self) -> Undelivered | None:
        """Name the message, if it has failed."""
        if self._batch is not None:
            return next(iter(self._batch.undelivered([(self._position, None)])), None)
        return None if self._error is None else self._named(self._error)

    def _named(self, reason: GomqError) -> Undelivered:
        value, key, headers, timestamp = self._record
        message = NewMessage(value, key, headers, self._partition, timestamp)
        return Undelivered(self._topic, self._partition, message, None, reason)

    def _fail(self, error: GomqError) -> None:
        self._error = error
        if self._losses is not None:
            self._losses.add(self)
        self._wake()

    def _wake(self) -> None:
        if self._is_placed is not None:
            self._is_placed.set()


class Losses:
    """Publications that failed and that nobody waited for."""

    def __init__(self) -> None:
        self._publications: dict[Publication, None] = {}
        self._more = 0

    def add(self, publication: Publication) -> None:
        """Take note of one that failed."""
        if len(self._publications) < _MOST_KEPT:
            self._publications[publication] = None
        else:
            self._more += 1

    def forget(self, publication: Publication) -> None:
        """Take note that somebody waits for it after all."""
        self._publications.pop(publication, None)

    def raise_all(self) -> None:
        """Raise what was not delivered, once.

        Raises:
            DeliveryFailedError: it names the messages.
        """
        undelivered = tuple(found for each in self._publications if (found := each.undelivered()) is not None)
        count = len(undelivered) + self._more
        self._publications.clear()
        self._more = 0
        if undelivered:
            first = undelivered[0]
            raise DeliveryFailedError(first.topic, count, str(first.reason), undelivered) from first.reason
