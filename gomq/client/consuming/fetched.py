"""What was fetched and is not yet consumed: whole batches as they came, decoded when somebody wants them.

``buffer.py`` keeps it between the tasks that fetch and those that consume.
"""

from dataclasses import dataclass, field
from itertools import chain, compress

from gomq.client.message import Batch
from gomq.errors import CorruptMessageError
from gomq_storage.batch import BatchHeader, check_batch
from gomq_storage.errors import CorruptBatchError
from gomq_storage.layout import TopicPartition
from gomq_storage.record import BatchRecords
from gomq_storage.record_fields import Columns

_AT_ONCE = 300
"""Messages that are handed out together: small batches are put together, large ones taken apart. While a consumer looks
at so many, and these are the only ones decoded, they fit into the processor's caches and the garbage collector, which
runs every 700 new objects, hardly ever does."""


@dataclass(slots=True, kw_only=True)
class Chunk:
    """Consecutive batches of one partition, from one fetch."""

    target: TopicPartition
    wanted: int
    """The offset that was asked for; the first batch may start before it."""
    data: bytes
    batches: list[tuple[int, BatchHeader]]
    """Position and header of each whole batch; what is behind them was cut off."""
    max_decompressed_bytes: int
    taken: int = 0
    """How many of the batches are decoded to their end."""
    opened: BatchRecords | None = None
    """The batch behind them, once some of it is decoded."""
    next_offset: int = field(init=False)
    """Where to go on behind what is decoded."""

    def __post_init__(self) -> None:
        self.next_offset = self.wanted

    @property
    def is_taken(self) -> bool:
        """Whether nothing is left."""
        return self.taken == len(self.batches)

    def take(self) -> Batch:
        """Decode some more; a batch of no messages is one that only brokers care for, or that compaction emptied.

        Raises:
            CorruptMessageError: a checksum does not hold, or the records cannot be read.
        """
        parts: list[Columns] = []
        room = _AT_ONCE
        while not self.is_taken and room > 0:
            try:
                part = self._decode(room)
            except CorruptBatchError as error:
                if parts:
                    break  # these first
                behind = self.batches[self.taken][1].next_offset
                raise CorruptMessageError(
                    f"{self.target} at offset {self.next_offset}: {error}. Seek to {behind} to go on behind the batch"
                ) from error
            if part.offsets:
                parts.append(part)
                room -= len(part.offsets)
        return Batch(self.target.topic, self.target.partition, _joined(parts))

    def _decode(self, most: int) -> Columns:
        """Decode messages of the first batch that is not taken."""
        position, header = self.batches[self.taken]
        columns = Columns([], [], [], [], [])
        if not header.is_control and header.next_offset > self.wanted:
            if self.opened is None:
                check_batch(self.data, position)
                view = memoryview(self.data)[position : position + header.size]
                self.opened = BatchRecords(view, header, max_bytes=self.max_decompressed_bytes)
            columns = self.opened.take(most)
        if self.opened is None or self.opened.is_taken:
            self.taken += 1
            self.opened = None
            self.next_offset = header.next_offset
        else:
            self.next_offset = columns.offsets[-1] + 1
        if header.base_offset < self.wanted:
            are_wanted = [offset >= self.wanted for offset in columns.offsets]
            return Columns._make(list(compress(column, are_wanted)) for column in columns)
        return columns


def _joined(parts: list[Columns]) -> Columns:
    if len(parts) == 1:
        return parts[0]
    return Columns._make(
        [list(chain.from_iterable(column)) for column in zip(*parts, strict=True)] or ([], [], [], [], [])
    )
