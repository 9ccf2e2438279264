"""Messages on their way: batches, in a lane for each partition, and how much they are. No I/O."""

from collections import deque
from collections.abc import Iterator, Sequence
from typing import Final

import anyio

from gomq.client.producing.batch import OutgoingBatch, size_of
from gomq.client.producing.lane import Lane
from gomq.errors import ClosedError, GomqError, MessageTooLargeError
from gomq_storage.batch import HEADER_SIZE
from gomq_storage.layout import TopicPartition
from gomq_storage.record import NewRecord

_LARGEST_REQUEST: Final = 100 << 20
"""``socket.request.max.bytes`` where nobody has changed it; where somebody has, ``buffer_bytes`` says so."""


class Accumulator:
    """The lanes of all partitions, and how much waits in them.

    Args:
        max_batch_bytes: when a batch counts as full.
        buffer_bytes: when there is no more room.
        is_idempotent: whether batches are numbered.
    """

    def __init__(self, *, max_batch_bytes: int, buffer_bytes: int, is_idempotent: bool) -> None:
        self._max_batch_bytes = max_batch_bytes
        self._buffer_bytes = buffer_bytes
        self._is_idempotent = is_idempotent
        self._lanes: dict[TopicPartition, Lane[OutgoingBatch]] = {}
        self._busy: dict[TopicPartition, Lane[OutgoingBatch]] = {}
        self._size = 0
        self._changed: anyio.Event | None = None
        self._queue: deque[anyio.Event] = deque()
        """Those who wait for room: one is let in at a time, and the next when that one has added something."""
        self._is_closed = False

    @property
    def has_room(self) -> bool:
        """Whether more may be added."""
        return self._size < self._buffer_bytes

    def topics(self) -> set[str]:
        """Name all topics that were published to."""
        return {target.topic for target in self._lanes}

    def busy(self) -> Iterator[Lane[OutgoingBatch]]:
        """Go through the lanes that hold anything, in flight or not."""
        return iter(list(self._busy.values()))

    def unfinished(self) -> list[OutgoingBatch]:
        """Return all batches that are neither acknowledged nor given up."""
        return [batch for lane in self._busy.values() for batch in lane.unfinished]

    def close(self) -> None:
        """Give up all that is here, and take nothing more."""
        self._is_closed = True
        for batch in self.unfinished():
            if not batch.is_done:
                self.give_up(batch, ClosedError("producer"), gave_up=False)
        self._let_all_in()

    def lane(self, target: TopicPartition) -> Lane[OutgoingBatch]:
        """Return a partition's lane."""
        found = self._lanes.get(target)
        if found is None:
            found = self._lanes[target] = Lane(target, is_idempotent=self._is_idempotent)
        return found

    def is_filling(self, target: TopicPartition) -> bool:
        """Whether a message for a partition would share a batch that is there already."""
        lane = self._lanes.get(target)
        batch = None if lane is None else lane.open_batch
        return batch is not None and batch.size < self._max_batch_bytes

    def check_size(self, size: int, topic: str) -> None:
        """Check that one message could be sent at all: a broker closes the connection on which a larger request comes.

        Raises:
            MessageTooLargeError: it could not. Kafka: ``KafkaProducer.ensureValidRecordSize``.
        """
        if size > max(self._buffer_bytes, _LARGEST_REQUEST):
            raise MessageTooLargeError(
                f"a message of {size} bytes for topic {topic!r}: brokers take requests of {_LARGEST_REQUEST} bytes; "
                "publish smaller messages, or raise the broker's socket.request.max.bytes, the topic's "
                "max.message.bytes and the producer's buffer_bytes"
            )

    def reserve(self, size: int) -> None:
        """Count a message that is not in a batch yet; a negative size gives the room back."""
        self._size += size
        if size < 0:
            self._wake()
        else:
            self._let_in()

    async def wait_for_room(self) -> None:
        """Wait for one's turn to see whether there is room; somebody else may have been quicker."""
        turn = anyio.Event()
        self._queue.append(turn)
        try:
            await turn.wait()
        except BaseException:
            if turn.is_set():
                self._let_in()
            else:
                self._queue.remove(turn)
            raise

    async def wait_for_change(self) -> None:
        """Wait until a batch is done."""
        if self._changed is None:
            self._changed = anyio.Event()
        await self._changed.wait()

    def add_record(self, target: TopicPartition, record: NewRecord) -> tuple[OutgoingBatch, int] | None:
        """Add a record to the partition's open batch, and return that and the position in it.

        None where there is no such batch, or it is full: ``begin`` one. So the time need not be known for every record.
        """
        lane = self._lanes.get(target)
        batch = None if lane is None else lane.open_batch
        if batch is None:
            return None
        size = size_of(record)
        if batch.size + size > self._max_batch_bytes:
            return None
        self._size += size
        if self._queue:
            self._let_in()
        return batch, batch.add(record, size)

    def begin(
        self, target: TopicPartition, record: NewRecord, *, now: float, deadline: float
    ) -> tuple[OutgoingBatch, int]:
        """Open a batch with a record, however large within ``check_size``, behind all others of the partition."""
        self.check_open()
        size = size_of(record)
        self.check_size(size, target.topic)
        lane = self.lane(target)
        batch = OutgoingBatch(target, now=now, deadline=deadline)
        lane.waiting.append(batch)
        self._busy[target] = lane
        self._size += size
        self._let_in()
        return batch, batch.add(record, size)

    def add_batch(self, batch: OutgoingBatch) -> None:
        """Add a batch that is encoded."""
        self.check_open()
        lane = self.lane(batch.target)
        lane.waiting.append(batch)
        self._busy[batch.target] = lane
        self._size += batch.size

    def succeed(self, batch: OutgoingBatch, *, base_offset: int, log_append_time: int | None) -> None:
        """End a batch in flight well."""
        lane = self.lane(batch.target)
        lane.acknowledged(batch)
        if not batch.is_done:
            batch.base_offset, batch.log_append_time = base_offset, log_append_time
            self._finish(batch)
        self.forget_if_idle(lane)

    def fail(self, batch: OutgoingBatch, cause: GomqError, *, gave_up: bool) -> None:
        """End a batch in flight, and those of the same owner behind it: their order would have a gap."""
        lane = self.lane(batch.target)
        behind = self._behind(lane, batch)
        lane.refused(batch)
        self._end(lane, batch, behind, cause, gave_up=gave_up)

    def give_up(self, batch: OutgoingBatch, cause: GomqError, *, gave_up: bool) -> None:
        """End a batch that will not be sent (again), and those of the same owner behind it."""
        lane = self.lane(batch.target)
        self._end(lane, batch, self._behind(lane, batch), cause, gave_up=gave_up)

    def split(self, batch: OutgoingBatch) -> None:
        """Have the halves of a batch in flight sent instead of it."""
        batch.split()
        self.lane(batch.target).replaced(batch, batch.parts)

    def withdraw(self, owner: object, targets: Sequence[TopicPartition], cause: GomqError | None) -> None:
        """Drop an owner's batches as far as they are not in flight; the cause is for whoever asks, if anybody does."""
        for target in targets:
            lane = self.lane(target)
            for batch in [each for each in lane.unfinished if each.owner is owner and not each.is_in_flight]:
                if not batch.is_done:
                    batch.cause = cause
                    self._finish(batch)
                lane.give_up(batch)
            self.forget_if_idle(lane)

    def forget_if_idle(self, lane: Lane[OutgoingBatch]) -> None:
        """Go past a lane from now on, if nothing is left in it."""
        if lane.is_idle:
            self._busy.pop(lane.target, None)

    def check_open(self) -> None:
        """Refuse what comes too late."""
        if self._is_closed:
            raise ClosedError("producer")

    def _behind(self, lane: Lane[OutgoingBatch], batch: OutgoingBatch) -> list[OutgoingBatch]:
        """Return the batches of the same owner behind one."""
        if batch.owner is None:
            return []
        everything = [*lane.travelling, *lane.waiting]
        return [each for each in everything[everything.index(batch) + 1 :] if each.owner is batch.owner]

    def _end(
        self,
        lane: Lane[OutgoingBatch],
        batch: OutgoingBatch,
        behind: Sequence[OutgoingBatch],
        cause: GomqError,
        *,
        gave_up: bool,
    ) -> None:
        for each in (batch, *behind):
            if not each.is_done:
                each.cause, each.gave_up = cause, gave_up
                self._finish(each)
            lane.give_up(each)
        self.forget_if_idle(lane)

    def _finish(self, batch: OutgoingBatch) -> None:
        batch.done.set()
        parent = batch.parent
        if parent is not None:
            if all(part.is_done for part in parent.parts) and not parent.is_done:
                self._finish(parent)
            return
        if batch.parts or batch.cause is not None:
            for publication in batch.publications:
                publication.note_loss()
        self._size -= batch.size if not batch.records else batch.size - HEADER_SIZE
        self._wake()

    def _wake(self) -> None:
        if self._changed is not None:
            self._changed.set()
            self._changed = None
        if self._size:
            self._let_in()
        else:
            self._let_all_in()  # nothing is left that would let others in, should the first of them add nothing

    def _let_in(self) -> None:
        if self._queue and self.has_room:
            self._queue.popleft().set()

    def _let_all_in(self) -> None:
        while self._queue:
            self._queue.popleft().set()
