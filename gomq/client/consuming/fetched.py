"""What was fetched and is not yet consumed: whole batches as they came, decoded when somebody wants them.

The buffer stands between the tasks that fetch and the one that consumes. It is bounded in bytes; what goes wrong in
fetching is told the consumer behind the messages that came before it.
"""

from collections import deque
from dataclasses import dataclass, field

import anyio

from gomq.client.message import Batch, Message
from gomq.client.raising import own_copy
from gomq.errors import CorruptMessageError, GomqError
from gomq_storage.batch import BatchHeader, check_batch
from gomq_storage.errors import CorruptBatchError
from gomq_storage.layout import TopicPartition
from gomq_storage.record import BatchRecords

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
        messages: list[Message] = []
        while not self.is_taken and len(messages) < _AT_ONCE:
            try:
                decoded = self._decode(_AT_ONCE - len(messages))
            except CorruptBatchError as error:
                if messages:
                    break  # these first
                raise CorruptMessageError(f"{self.target} at offset {self.next_offset}: {error}") from error
            messages = messages + decoded if messages else decoded
        return Batch(self.target.topic, self.target.partition, messages)

    def _decode(self, most: int) -> list[Message]:
        """Decode messages of the first batch that is not taken."""
        position, header = self.batches[self.taken]
        messages: list[Message] = []
        if not header.is_control and header.next_offset > self.wanted:
            if self.opened is None:
                check_batch(self.data, position)
                view = memoryview(self.data)[position : position + header.size]
                self.opened = BatchRecords(view, header, max_bytes=self.max_decompressed_bytes)
            messages = self.opened.take(Message, self.target, most)
        if self.opened is None or self.opened.is_taken:
            self.taken += 1
            self.opened = None
            self.next_offset = header.next_offset
        else:
            self.next_offset = messages[-1].offset + 1
        if header.base_offset < self.wanted:
            return [message for message in messages if message.offset >= self.wanted]
        return messages


class FetchBuffer:
    """Chunks in the order they came.

    Args:
        max_bytes: no more is fetched while this much is here.
    """

    def __init__(self, *, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._chunks: deque[Chunk] = deque()
        self._size = 0
        self._failure: GomqError | None = None
        self._is_closed = False
        self._came: anyio.Event | None = None
        """Set, and forgotten, when something comes; there while somebody waits. So is ``_room``."""
        self._room: anyio.Event | None = None

    @property
    def is_closed(self) -> bool:
        """Whether the iteration is to end."""
        return self._is_closed

    @property
    def is_wanted(self) -> bool:
        """Whether there is any use in fetching more."""
        return not self._is_closed and self._failure is None

    def put(self, chunk: Chunk) -> None:
        """Add what was fetched; behind a failure nothing is wanted any more."""
        if self.is_wanted:
            self._chunks.append(chunk)
            self._size += len(chunk.data)
            self._wake_consumers()

    def fail(self, error: GomqError) -> None:
        """Have the consumer raise the error once it has all that came before; the first one counts."""
        self._failure = self._failure or error
        self._wake_consumers()

    def close(self) -> None:
        """End the iteration, and drop what is here."""
        self._is_closed = True
        self._chunks.clear()
        self._size = 0
        self._wake_consumers()
        self._wake_fetchers()

    async def wait_for_room(self) -> None:
        """Wait until more may be fetched."""
        while self._size >= self._max_bytes:
            if self._room is None:
                self._room = anyio.Event()
            await self._room.wait()

    async def wait_for_chunk(self) -> Chunk | None:
        """Wait for something to consume and return it, without taking it away; None at the end.

        Raises:
            GomqError: what went wrong in fetching.
        """
        await anyio.lowlevel.checkpoint()
        while not self._chunks and not self._is_closed:
            if self._failure is not None:
                raise own_copy(self._failure)
            if self._came is None:
                self._came = anyio.Event()
            await self._came.wait()
        return None if self._is_closed else self._chunks[0]

    def drop_first(self) -> None:
        """Take away the first chunk."""
        self._size -= len(self._chunks.popleft().data)
        self._wake_fetchers()

    def _wake_consumers(self) -> None:
        if self._came is not None:
            self._came.set()
            self._came = None

    def _wake_fetchers(self) -> None:
        if self._room is not None:
            self._room.set()
            self._room = None
