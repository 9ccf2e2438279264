"""What was fetched and is not yet consumed: whole batches as they came, decoded when somebody wants them.

The buffer stands between the tasks that fetch and the one that consumes. It is bounded in bytes; what goes wrong in
fetching is told the consumer behind the messages that came before it.
"""

from collections import deque
from dataclasses import dataclass

import anyio

from gomq.client.message import Batch, Message
from gomq.client.metadata import TopicPartition
from gomq.errors import CorruptMessageError, GomqError
from gomq_storage.batch import BatchHeader, check_batch
from gomq_storage.errors import CorruptBatchError
from gomq_storage.record import decode_batch_as

_ENOUGH_MESSAGES = 500
"""Small batches are handed out together until there are this many messages."""


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
    """How many of the batches are decoded."""

    @property
    def is_taken(self) -> bool:
        """Whether nothing is left."""
        return self.taken == len(self.batches)

    @property
    def next_offset(self) -> int:
        """Where to go on behind what is decoded."""
        return self.batches[self.taken - 1][1].next_offset if self.taken else self.wanted

    def take(self) -> Batch:
        """Decode some more; a batch of no messages is one that only brokers care for, or that compaction emptied.

        Raises:
            CorruptMessageError: a checksum does not hold, or the records cannot be read.
        """
        messages: list[Message] = []
        while not self.is_taken and len(messages) < _ENOUGH_MESSAGES:
            position, header = self.batches[self.taken]
            try:
                decoded = self._decode(position, header)
            except CorruptBatchError as error:
                if messages:
                    break  # these first
                raise CorruptMessageError(f"{self.target} at offset {header.base_offset}: {error}") from error
            messages = messages + decoded if messages else decoded
            self.taken += 1
        return Batch(self.target.topic, self.target.partition, messages)

    def _decode(self, position: int, header: BatchHeader) -> list[Message]:
        if header.is_control or header.next_offset <= self.wanted:
            return []
        check_batch(self.data, position)
        view = memoryview(self.data)[position : position + header.size]
        messages = decode_batch_as(Message, self.target, view, header, max_bytes=self.max_decompressed_bytes)
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
        self._came = anyio.Event()
        self._room = anyio.Event()

    @property
    def is_closed(self) -> bool:
        """Whether the iteration is to end."""
        return self._is_closed

    def put(self, chunk: Chunk) -> None:
        """Add what was fetched."""
        self._chunks.append(chunk)
        self._size += len(chunk.data)
        self._came.set()

    def fail(self, error: GomqError) -> None:
        """Have the consumer raise the error once it has all that came before; the first one counts."""
        self._failure = self._failure or error
        self._came.set()

    def close(self) -> None:
        """End the iteration."""
        self._is_closed = True
        self._came.set()

    async def wait_for_room(self) -> None:
        """Wait until more may be fetched."""
        while self._size >= self._max_bytes:
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
                raise self._failure
            self._came = anyio.Event()
            await self._came.wait()
        return None if self._is_closed else self._chunks[0]

    def drop_first(self) -> None:
        """Take away the first chunk."""
        self._size -= len(self._chunks.popleft().data)
        self._room.set()
