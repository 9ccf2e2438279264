"""Messages on their way: batches, and a queue of them for each partition. No I/O; who waits, waits for events.

Of a partition one batch is in flight at a time, which keeps the order whatever has to be sent again. While it is, the
next one fills.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from math import inf
from typing import Final

import anyio

from gomq.client.message import Receipt
from gomq.client.raising import own_copy
from gomq.errors import ClosedError, DeliveryFailedError, GomqError
from gomq_storage.batch import HEADER_SIZE
from gomq_storage.compression import Codec
from gomq_storage.layout import TopicPartition
from gomq_storage.record import NewRecord, build_batch, encode_batch, encode_values

RECORD_OVERHEAD: Final = 21
"""The most that a record takes besides key, value and headers (Kafka: ``MAX_RECORD_OVERHEAD``)."""
_HEADER_OVERHEAD: Final = 10


class OutgoingBatch:
    """Messages that travel together: first open, then encoded, at last done.

    Args:
        target: the partition.
        now: the event loop's clock, seconds.
        deadline: when, by that clock, to give up.
        owner: whoever made the whole batch, for ``withdraw``; None when many may add to it.
    """

    __slots__ = (
        "base_offset", "cause", "count", "created_at", "deadline", "done", "encoded", "gave_up", "log_append_time",
        "owner", "records", "size", "target",
    )  # fmt: skip

    def __init__(self, target: TopicPartition, *, now: float, deadline: float, owner: object = None) -> None:
        self.target = target
        self.created_at = now
        self.deadline = deadline
        self.owner = owner
        self.records: list[NewRecord] = []
        self.count = 0
        self.size = HEADER_SIZE
        self.encoded: bytes | None = None
        self.done = anyio.Event()
        self.base_offset = -1
        self.log_append_time: int | None = None
        self.cause: GomqError | None = None
        """Why the batch was not delivered."""
        self.gave_up = False
        """Whether the cause might have passed, but time ran out."""

    def add(self, record: NewRecord, size: int) -> int:
        """Add a record, which has a timestamp, and return its position in the batch."""
        self.records.append(record)
        self.size += size
        self.count += 1
        return self.count - 1

    def encode(self, codec: Codec) -> bytes:
        """Return the batch as it is sent; nothing can be added from then on."""
        if self.encoded is None:
            self.encoded = encode_batch(self.records, now_ms=0, codec=codec)
        return self.encoded

    def timestamp_of(self, position: int) -> int:
        """Return a record's timestamp as stored, ms."""
        stamp = self.records[position].timestamp
        assert stamp is not None  # each got one before it was added
        return stamp if self.log_append_time is None else self.log_append_time

    def receipt(self, position: int) -> Receipt:
        """Say where a record was stored, or raise why it was not."""
        if self.cause is not None:
            raise self.error(count=1)
        offset = self.base_offset + position if self.base_offset >= 0 else -1
        return Receipt(self.target.topic, self.target.partition, offset, self.timestamp_of(position))

    def error(self, *, count: int) -> GomqError:
        """Make an error of one's own for somebody who waited for this many of the records."""
        assert self.cause is not None
        if not self.gave_up:
            return own_copy(self.cause)
        error = DeliveryFailedError(self.target.topic, count, str(self.cause))
        error.__cause__ = self.cause
        return error


def batch_of_values(  # noqa: PLR0913 - each is named at the call
    target: TopicPartition,
    values: Sequence[bytes],
    *,
    now: float,
    now_ms: int,
    deadline: float,
    codec: Codec,
    owner: object,
) -> OutgoingBatch:
    """Make a batch of plain values, encoded at once; may run in a worker thread."""
    batch = OutgoingBatch(target, now=now, deadline=deadline, owner=owner)
    batch.encoded = build_batch(
        encode_values(values), record_count=len(values), base_timestamp=now_ms, max_timestamp=now_ms, codec=codec
    )
    batch.count = len(values)
    batch.size = len(batch.encoded)
    return batch


def size_of(record: NewRecord) -> int:
    """Return the most that a record takes, encoded."""
    size = RECORD_OVERHEAD + len(record.key or b"") + len(record.value or b"")
    for name, value in record.headers:
        size += _HEADER_OVERHEAD + len(name.encode()) + len(value or b"")
    return size


class PartitionQueue:
    """Batches for one partition in their order."""

    __slots__ = ("batches", "in_flight", "retry_at", "target")

    def __init__(self, target: TopicPartition) -> None:
        self.target = target
        self.batches: deque[OutgoingBatch] = deque()
        self.in_flight: OutgoingBatch | None = None
        self.retry_at = -inf

    @property
    def unfinished(self) -> list[OutgoingBatch]:
        """The batches that somebody may wait for; one that is in flight may have been given up already."""
        in_flight = [self.in_flight] if self.in_flight is not None and not self.in_flight.done.is_set() else []
        return [*in_flight, *self.batches]

    @property
    def open_batch(self) -> OutgoingBatch | None:
        """The batch that records can be added to, if there is one."""
        last = self.batches[-1] if self.batches else None
        return last if last is not None and last.encoded is None else None

    def due_at(self, *, linger: float) -> float:
        """Say when the first batch should be sent; ``inf`` while one is in flight or there is none."""
        if self.in_flight is not None or not self.batches:
            return inf
        first = self.batches[0]
        is_filling = first is self.open_batch
        return max(self.retry_at, first.created_at + linger if is_filling else -inf)


class Accumulator:
    """The queues of all partitions, and how much waits in them.

    Args:
        max_batch_bytes: when a batch counts as full.
        buffer_bytes: when there is no more room.
    """

    def __init__(self, *, max_batch_bytes: int, buffer_bytes: int) -> None:
        self._max_batch_bytes = max_batch_bytes
        self._buffer_bytes = buffer_bytes
        self._queues: dict[TopicPartition, PartitionQueue] = {}
        self._busy: dict[TopicPartition, PartitionQueue] = {}
        self._size = 0
        self._changed: anyio.Event | None = None
        self._is_closed = False

    @property
    def has_room(self) -> bool:
        """Whether more may be added."""
        return self._size < self._buffer_bytes

    def busy(self) -> Iterator[PartitionQueue]:
        """Go through the queues that hold anything, in flight or not."""
        return iter(list(self._busy.values()))

    def unfinished(self) -> list[OutgoingBatch]:
        """Return all batches that are neither acknowledged nor given up."""
        return [batch for queue in self._busy.values() for batch in queue.unfinished]

    def close(self) -> None:
        """Give up all that is here, and take nothing more."""
        self._is_closed = True
        for batch in self.unfinished():
            self.give_up(batch, ClosedError("producer"), gave_up=False)

    def queue(self, target: TopicPartition) -> PartitionQueue:
        """Return a partition's queue."""
        found = self._queues.get(target)
        if found is None:
            found = self._queues[target] = PartitionQueue(target)
        return found

    async def wait_for_change(self) -> None:
        """Wait until a batch is done."""
        if self._changed is None:
            self._changed = anyio.Event()
        await self._changed.wait()

    def add_record(
        self, target: TopicPartition, record: NewRecord, *, now: float, deadline: float
    ) -> tuple[OutgoingBatch, int]:
        """Add a record to the partition's open batch, or a new one; return the batch and the position in it."""
        self._check_open()
        size = size_of(record)
        queue = self.queue(target)
        batch = queue.open_batch
        if batch is None or batch.size + size > self._max_batch_bytes:
            batch = OutgoingBatch(target, now=now, deadline=deadline)
            queue.batches.append(batch)
            self._busy[target] = queue
        self._size += size
        return batch, batch.add(record, size)

    def add_batch(self, batch: OutgoingBatch) -> None:
        """Add a batch that is encoded."""
        self._check_open()
        queue = self.queue(batch.target)
        queue.batches.append(batch)
        self._busy[batch.target] = queue
        self._size += batch.size

    def take(self, queue: PartitionQueue) -> OutgoingBatch:
        """Take the first batch out to be sent."""
        batch = queue.in_flight = queue.batches.popleft()
        return batch

    def put_back(self, queue: PartitionQueue, *, retry_at: float) -> None:
        """Have the batch in flight sent again, before all others."""
        assert queue.in_flight is not None
        if not queue.in_flight.done.is_set():
            queue.batches.appendleft(queue.in_flight)
            queue.retry_at = retry_at
        queue.in_flight = None
        self._forget_if_idle(queue)

    def succeed(self, queue: PartitionQueue, *, base_offset: int, log_append_time: int | None) -> None:
        """End the batch in flight well."""
        batch, queue.in_flight = queue.in_flight, None
        assert batch is not None
        if not batch.done.is_set():
            batch.base_offset, batch.log_append_time = base_offset, log_append_time
            self._finish(batch)
        self._forget_if_idle(queue)

    def fail(self, queue: PartitionQueue, cause: GomqError, *, gave_up: bool) -> None:
        """End the batch in flight, and those of the same owner behind it: their order would have a gap."""
        batch, queue.in_flight = queue.in_flight, None
        assert batch is not None
        self.give_up(batch, cause, gave_up=gave_up)
        self._forget_if_idle(queue)

    def give_up(self, batch: OutgoingBatch, cause: GomqError, *, gave_up: bool) -> None:
        """End a batch that will not be sent (again), and those of the same owner behind it."""
        queue = self.queue(batch.target)
        behind = [each for each in queue.batches if batch.owner is not None and each.owner is batch.owner]
        for each in dict.fromkeys((batch, *behind)):
            if each in queue.batches:
                queue.batches.remove(each)
            if not each.done.is_set():
                each.cause, each.gave_up = cause, gave_up
                self._finish(each)
        self._forget_if_idle(queue)

    def withdraw(self, owner: object, targets: Sequence[TopicPartition]) -> None:
        """Drop an owner's batches as far as they are not in flight."""
        for target in targets:
            queue = self.queue(target)
            for batch in [each for each in queue.batches if each.owner is owner]:
                queue.batches.remove(batch)
                self._finish(batch)
            self._forget_if_idle(queue)

    def _check_open(self) -> None:
        if self._is_closed:
            raise ClosedError("producer")

    def _finish(self, batch: OutgoingBatch) -> None:
        batch.done.set()
        self._size -= batch.size if not batch.records else batch.size - HEADER_SIZE
        if self._changed is not None:
            self._changed.set()
            self._changed = None

    def _forget_if_idle(self, queue: PartitionQueue) -> None:
        if not queue.batches and queue.in_flight is None:
            self._busy.pop(queue.target, None)
