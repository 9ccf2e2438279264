"""Messages that travel together: first open, then sealed, at last done. No I/O; who waits, waits for its event."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final

import anyio
from crc32c import crc32c

from gomq.client.message import NewMessage, Receipt
from gomq.client.producing.identity import NO_IDENTITY, NO_SEQUENCE, Identity
from gomq.client.raising import own_copy
from gomq.errors import DeliveryFailedError, GomqError, Undelivered
from gomq_storage.batch import (
    ATTRIBUTES_POSITION,
    HEADER,
    HEADER_SIZE,
    LENGTH_OVERHEAD,
    MAGIC,
    BatchHeader,
)
from gomq_storage.compression import Codec, compress
from gomq_storage.layout import TopicPartition
from gomq_storage.record import NewRecord, decode_batch, encode_records, encode_values
from gomq_storage.record_fields import encode_name

if TYPE_CHECKING:
    from gomq.client.producing.publication import Publication

RECORD_OVERHEAD: Final = 21
"""The most that a record takes besides key, value and headers (Kafka: ``MAX_RECORD_OVERHEAD``)."""
_HEADER_OVERHEAD: Final = 10


class OutgoingBatch:
    """Some messages for one partition.

    Args:
        target: the partition.
        now: the event loop's clock, seconds.
        deadline: when, by that clock, to give up.
        owner: whoever made the whole batch, for ``withdraw``; None when many may add to it.
    """

    __slots__ = (
        "base_offset", "body", "cause", "codec", "count", "created_at", "deadline", "done", "gave_up", "identity",
        "is_in_flight", "log_append_time", "may_be_stored", "owner", "parent", "parts", "publications", "records",
        "sequence", "size", "target", "timestamps", "was_first",
    )  # fmt: skip

    def __init__(  # noqa: PLR0915 - its fields
        self, target: TopicPartition, *, now: float, deadline: float, owner: object = None
    ) -> None:
        self.target: TopicPartition = target
        self.created_at: float = now
        self.deadline: float = deadline
        self.owner: object = owner
        self.records: list[NewRecord] = []
        self.count: int = 0
        self.size: int = HEADER_SIZE
        self.body: bytes | None = None
        """The records as they are sent; nothing can be added once it is there."""
        self.codec: Codec = Codec.NONE
        self.timestamps: tuple[int, int] = (-1, -1)
        """Of the first record, and the largest."""
        self.identity: Identity = NO_IDENTITY
        self.sequence: int = NO_SEQUENCE
        self.is_in_flight: bool = False
        self.was_first: bool = False
        """Whether nothing was unfinished in front of it when it was sent last."""
        self.may_be_stored: bool = False
        """Whether it was sent and no answer said that it is not stored."""
        self.publications: list[Publication] = []
        """Those who may never ask what became of their message."""
        self.parent: OutgoingBatch | None = None
        self.parts: list[OutgoingBatch] = []
        """What it was split into."""
        self.done: anyio.Event = anyio.Event()
        self.base_offset: int = -1
        self.log_append_time: int | None = None
        self.cause: GomqError | None = None
        """Why the batch was not delivered."""
        self.gave_up: bool = False
        """Whether the cause might have passed, but time ran out."""

    @property
    def is_done(self) -> bool:
        """Whether nobody waits for it any more."""
        return self.done.is_set()

    def add(self, record: NewRecord, size: int) -> int:
        """Add a record, which has a timestamp, and return its position in the batch."""
        self.records.append(record)
        self.size += size
        self.count += 1
        return self.count - 1

    def seal(self, codec: Codec) -> None:
        """Encode the records; nothing can be added from then on."""
        if self.body is None:
            stamps = [record.timestamp or 0 for record in self.records]
            self.timestamps = (stamps[0], max(stamps))
            self.codec = codec
            self.body = compress(codec, encode_records(self.records, base_timestamp=stamps[0]))

    def encode(self, codec: Codec) -> tuple[bytes, bytes]:
        """Return the batch as it is sent, with the numbers it has now: header and records."""
        self.seal(codec)
        assert self.body is not None
        base_timestamp, max_timestamp = self.timestamps
        fields = (
            0, HEADER_SIZE - LENGTH_OVERHEAD + len(self.body), -1, MAGIC, 0, int(self.codec), self.count - 1,
            base_timestamp, max_timestamp, *self.identity, self.sequence, self.count,
        )  # fmt: skip
        crc = crc32c(self.body, crc32c(HEADER.pack(*fields)[ATTRIBUTES_POSITION:]))
        return HEADER.pack(*fields[:4], crc, *fields[5:]), self.body

    def number(self, identity: Identity, sequence: int) -> None:
        """Give the batch the numbers by which a broker knows it again."""
        self.identity, self.sequence, self.may_be_stored = identity, sequence, False

    def split(self) -> None:
        """Make two halves of it, which go in its place; it is done when both are (KAFKA-3995)."""
        records = self.all_records()
        middle = len(records) // 2
        for share in (records[:middle], records[middle:]):
            part = OutgoingBatch(self.target, now=self.created_at, deadline=self.deadline, owner=self.owner)
            part.parent = self
            for record in share:
                part.add(record, 0)
            part.seal(self.codec)
            self.parts.append(part)

    def all_records(self) -> list[NewRecord]:
        """Return the records, read from what was encoded where they are not at hand, each with its timestamp."""
        if self.records:
            return self.records
        raw = b"".join(self.encode(self.codec))
        header = BatchHeader._make(HEADER.unpack_from(raw))
        return [NewRecord(each.value, each.key, each.headers, each.timestamp) for each in decode_batch(raw, header)]

    def offset_of(self, position: int) -> int:
        """Say where a record is stored; -1 where the broker does not tell."""
        batch, position = self._part_of(position)
        return batch.base_offset + position if batch.base_offset >= 0 else -1

    def first_cause(self) -> GomqError | None:
        """Say why the batch, or the first part of it that failed, was not delivered; None where all of it was."""
        return self.cause or next((cause for part in self.parts if (cause := part.first_cause()) is not None), None)

    def receipt(self, position: int) -> Receipt:
        """Say where a record was stored, or raise why it was not."""
        batch, within = self._part_of(position) if self.parts else (self, position)
        if batch.cause is not None:
            raise batch.failure([within])
        stamp = batch.log_append_time
        if stamp is None:
            stamp = batch.records[within].timestamp
            assert stamp is not None  # each got one before it was added
        offset = batch.base_offset + within if batch.base_offset >= 0 else -1
        return Receipt(batch.target.topic, batch.target.partition, offset, stamp)

    def failure(self, positions: Sequence[int]) -> GomqError:
        """Make an error of one's own for somebody who waited for some of the records, one of which has failed.

        What a broker refused is the refusal itself; what was given up names the messages.
        """
        undelivered = self.undelivered((position, None) for position in positions)
        batch, _ = self._part_of(positions[0])
        cause = batch.cause or undelivered[0].reason
        if not batch.gave_up:
            return own_copy(cause)
        error = DeliveryFailedError(self.target.topic, len(undelivered), str(cause), undelivered)
        error.__cause__ = cause
        return error

    def undelivered(self, numbered: Iterable[tuple[int, int | None]]) -> tuple[Undelivered, ...]:
        """Name records that were not delivered.

        Args:
            numbered: positions, and what their callers call them.
        """
        found: list[Undelivered] = []
        records = self.all_records()
        topic, partition = self.target
        for position, number in numbered:
            batch, _ = self._part_of(position)
            if batch.cause is not None:
                value, key, headers, timestamp = records[position]
                message = NewMessage(value, key, headers, partition, timestamp)
                found.append(Undelivered(topic, partition, message, number, batch.cause))
        return tuple(found)

    def _part_of(self, position: int) -> tuple["OutgoingBatch", int]:
        batch = self
        while batch.parts:
            first, second = batch.parts
            batch, position = (first, position) if position < first.count else (second, position - first.count)
        return batch, position


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
    batch.body = compress(codec, encode_values(values))
    batch.codec = codec
    batch.timestamps = (now_ms, now_ms)
    batch.count = len(values)
    batch.size = HEADER_SIZE + len(batch.body)
    return batch


def size_of(record: NewRecord) -> int:
    """Return the most that a record takes, encoded."""
    size = RECORD_OVERHEAD + len(record.key or b"") + len(record.value or b"")
    for name, value in record.headers:
        size += _HEADER_OVERHEAD + len(encode_name(name)) + len(value or b"")
    return size
