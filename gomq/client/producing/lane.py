"""The batches of one partition on their way: which goes next, under which number, and what an answer means for them.

Decisions only: no clock, no I/O, no waiting. Kafka: ``TransactionManager`` and the queues of ``RecordAccumulator``.

Without idempotence one batch is in flight at a time, which keeps the order whatever has to be sent again. With it a
broker knows batches by their numbers (KIP-98), refuses what leaves a gap and stores nothing twice, so five may be.
Five is what a broker remembers. The rules:

- A batch that may be stored is only ever sent again under the numbers it has. Kafka gives it new ones when the
  sequence is broken; then it can be there twice. Here it fails instead, and its error says that it may be stored.
- What has to be sent again goes alone, and in the order of its numbers.
- When a numbered batch is given up or refused there is a gap, and nothing behind it can be stored. Once all answers
  are there, what is not stored for certain gets new numbers, in the next epoch (KIP-360). A broker looks at epochs in
  each partition alone, so each partition counts its own.
- Brokers take any number from a producer that they do not know. So only when one batch of an epoch is acknowledged do
  others go without waiting: until then a later one might be stored first.
"""

from collections import deque
from math import inf
from typing import Final, Generic, Protocol, TypeVar

from gomq.client.producing.identity import NO_IDENTITY, NO_SEQUENCE, Identity, sequence_behind
from gomq_storage.layout import TopicPartition

MAX_IN_FLIGHT: Final = 5
"""Batches of a partition. Kafka: ``ProducerStateEntry.NUM_BATCHES_TO_RETAIN``."""


class Travelling(Protocol):
    """What a lane has to know of a batch."""

    count: int
    created_at: float
    body: bytes | None
    identity: Identity
    sequence: int
    is_in_flight: bool
    was_first: bool
    may_be_stored: bool

    @property
    def is_done(self) -> bool:
        """Whether nobody waits for it any more: it is not sent again."""
        ...

    def number(self, identity: Identity, sequence: int) -> None:
        """Take the numbers to be sent under."""
        ...


B = TypeVar("B", bound=Travelling)


class Lane(Generic[B]):
    """One partition's batches.

    Args:
        target: the partition.
        is_idempotent: whether batches are numbered.
    """

    __slots__ = (
        "identity", "is_broken", "is_idempotent", "is_proven", "next_sequence", "retry_at", "spent_id", "target",
        "travelling", "waiting",
    )  # fmt: skip

    def __init__(self, target: TopicPartition, *, is_idempotent: bool) -> None:
        self.target: TopicPartition = target
        self.is_idempotent: bool = is_idempotent
        self.waiting: deque[B] = deque()
        """Not sent yet, or not stored for certain; only the last may be open."""
        self.travelling: deque[B] = deque()
        """In flight, or to be sent again, in the order of their numbers."""
        self.identity: Identity | None = None
        self.spent_id: int = -1
        """The producer id that is of no use here any more."""
        self.next_sequence: int = 0
        self.is_proven: bool = False
        """Whether the broker has acknowledged a batch of this epoch."""
        self.is_broken: bool = False
        """Whether a number was used that will perhaps never be stored."""
        self.retry_at: float = -inf

    @property
    def is_idle(self) -> bool:
        """Whether nothing is here."""
        return not self.waiting and not self.travelling

    @property
    def unfinished(self) -> list[B]:
        """The batches that somebody may wait for."""
        return [*(batch for batch in self.travelling if not batch.is_done), *self.waiting]

    @property
    def open_batch(self) -> B | None:
        """The batch that records can be added to, if there is one."""
        last = self.waiting[-1] if self.waiting else None
        return last if last is not None and last.body is None else None

    @property
    def needs_identity(self) -> bool:
        """Whether a producer id must be found before more can be sent."""
        return self.is_idempotent and self.identity is None and not self.travelling

    def begin(self, identity: Identity) -> None:
        """Number batches by a producer id, from 0 on."""
        self.identity, self.next_sequence, self.is_proven, self.is_broken = identity, 0, False, False

    def due_at(self, *, linger: float) -> float:
        """Say when the next batch should be sent; ``inf`` while an answer must come first, or there is none."""
        if self.travelling:
            if not self.travelling[0].is_in_flight:
                return self.retry_at
            return self.retry_at if self._may_follow() else inf
        if not self.waiting:
            return inf
        first = self.waiting[0]
        return max(self.retry_at, first.created_at + linger if first.body is None and len(self.waiting) == 1 else -inf)

    def _may_follow(self) -> bool:
        """Whether another batch may go while some are in flight; an open one rather fills until then."""
        if not self.is_proven or self.is_broken or not self.waiting:
            return False
        if len(self.waiting) == 1 and self.waiting[0].body is None:
            return False
        return len(self.travelling) < MAX_IN_FLIGHT and all(batch.is_in_flight for batch in self.travelling)

    def take(self) -> B:
        """Take the next batch out to be sent, under the number it has or now gets."""
        if self.travelling and not self.travelling[0].is_in_flight:
            batch = self.travelling[0]
        else:
            batch = self.waiting.popleft()
            self.travelling.append(batch)
            if self.is_idempotent:
                assert self.identity is not None
                batch.number(self.identity, self.next_sequence)
                self.next_sequence = sequence_behind(self.next_sequence, batch.count)
        batch.is_in_flight = True
        batch.was_first = batch is self.travelling[0]
        return batch

    def acknowledged(self, batch: B) -> None:
        """Take note that a batch is stored."""
        self._remove(batch)
        self.is_proven = self.is_idempotent
        self._mend()

    def refused(self, batch: B) -> None:
        """Take note that a batch in flight is not stored and will not be."""
        self._leave_gap(batch)
        self._mend()

    def replaced(self, batch: B, parts: list[B]) -> None:
        """Put parts in the place of a batch that was refused whole, under its numbers. Kafka: ``splitAndReenqueue``."""
        place, sequence = self.travelling.index(batch), batch.sequence
        self._remove(batch)
        for part in reversed(parts):
            self.travelling.insert(place, part)
        if self.is_idempotent:
            for part in parts:
                part.number(batch.identity, sequence)
                sequence = sequence_behind(sequence, part.count)
        elif self.travelling:
            self.waiting.extendleft(reversed(self.travelling))
            self.travelling.clear()

    def failed(self, batch: B, *, may_be_stored: bool, retry_at: float) -> None:
        """Take note that a batch has to be sent again, unless nobody waits for it any more."""
        batch.is_in_flight = False
        batch.may_be_stored |= may_be_stored
        self.retry_at = retry_at
        self.is_proven = False
        if batch.is_done:
            self._leave_gap(batch)
        self._mend()

    def out_of_order(self, batch: B, *, retry_at: float) -> bool:
        """Take note that numbers in front of a batch are missing, and say whether it can still be delivered.

        That says nothing while something in front of it is unfinished, or was when it was sent. Else the broker has
        lost what it acknowledged, or has the batch and has forgotten its numbers.
        """
        hopeless = batch.was_first and batch.may_be_stored
        self.is_broken |= batch.was_first
        if not hopeless:
            self.failed(batch, may_be_stored=False, retry_at=retry_at)
        return not hopeless

    def forgotten(self, batch: B, *, retry_at: float) -> None:
        """Take note that the broker knows nothing of this producer, nor has this batch. Kafka: UNKNOWN_PRODUCER_ID."""
        self.is_broken |= batch.was_first
        batch.may_be_stored &= not batch.was_first
        self.failed(batch, may_be_stored=False, retry_at=retry_at)

    def fenced(self, batch: B, *, retry_at: float) -> bool:
        """Take note that the broker has seen a newer epoch, and say whether the batch can still be delivered."""
        if batch.identity == self.identity:
            self.is_broken, self.spent_id = True, batch.identity.producer_id
        if not batch.may_be_stored:
            self.failed(batch, may_be_stored=False, retry_at=retry_at)
        return not batch.may_be_stored

    def give_up(self, batch: B) -> None:
        """Drop a batch that is done; where it is in flight once its answer has come."""
        if batch.is_in_flight:
            return
        if batch in self.waiting:
            self.waiting.remove(batch)
        elif batch in self.travelling:
            self._leave_gap(batch)
            self._mend()

    def _remove(self, batch: B) -> None:
        self.travelling.remove(batch)
        batch.is_in_flight = False

    def _leave_gap(self, batch: B) -> None:
        """Take a numbered batch out; where it is not stored for certain, nothing behind it is."""
        behind = list(self.travelling)[self.travelling.index(batch) + 1 :]
        self._remove(batch)
        self.is_broken = self.is_idempotent
        for each in behind:
            each.may_be_stored &= batch.may_be_stored

    def _mend(self) -> None:
        """Begin anew behind a gap, once that is safe: nothing is in flight, and what is left is not stored.

        What lies behind a batch that is not stored cannot be stored either.
        """
        if not self.is_broken or any(batch.is_in_flight for batch in self.travelling):
            return
        if self.travelling and self.travelling[0].may_be_stored:
            return
        for batch in reversed(self.travelling):
            batch.number(NO_IDENTITY, NO_SEQUENCE)
            self.waiting.appendleft(batch)
        self.travelling.clear()
        current, self.identity = self.identity, None
        self.is_broken = False
        if current is not None and current.producer_id != self.spent_id:
            following = current.bumped()
            if following is not None:
                self.begin(following)
            else:
                self.spent_id = current.producer_id
