"""Hands out what the fetch buffer holds, and knows how far each partition got."""

from bisect import bisect_left
from collections.abc import Iterator, Mapping
from operator import attrgetter, length_hint
from typing import Final, Self

from gomq.client.consuming.fetched import FetchBuffer
from gomq.client.message import Batch, Message

_OFFSET: Final = attrgetter("offset")


class Reader:
    """The consumer's side of the buffer.

    Args:
        buffer: where fetched batches come from.
    """

    def __init__(self, buffer: FetchBuffer) -> None:
        self._buffer = buffer
        self._current: Batch | None = None
        self._kept_back: list[Batch] = []
        self.unread: Iterator[Message] = iter(())
        """The messages that are handed out one by one; when it has no more, ``load`` makes a new one."""
        self.positions: dict[int, int] = {}
        """The offset behind what is decoded of each partition."""

    async def load(self) -> bool:
        """Fill ``unread``, perhaps with no messages; return False at the end."""
        batch = await self.next_batch()
        if batch is None:
            return False
        if length_hint(self.unread):  # another task has loaded some while this one waited: those first
            self._kept_back.extend([batch] if batch.messages else [])
        else:
            self._current, self.unread = batch, iter(batch.messages)
        return True

    async def next_batch(self, until: Mapping[int, int] | None = None) -> Batch | None:
        """Return what comes next, perhaps without messages; None at the end.

        Args:
            until: messages from these offsets on are kept back.
        """
        if self._current is not None:  # somebody who iterated over messages has left some
            self._kept_back = self._unread_batches()
            self._current, self.unread = None, iter(())
        for index, batch in enumerate(self._kept_back):
            if until is None or batch.messages[0].offset < until.get(batch.partition, 0):
                del self._kept_back[index]
                return self._keep_back_from(batch, until)
        chunk = await self._buffer.wait_for_chunk()
        if chunk is None:
            return None
        batch = chunk.take()
        self.positions[batch.partition] = chunk.next_offset
        if chunk.is_taken:
            self._buffer.drop_first()
        return self._keep_back_from(batch, until)

    def position(self, partition: int) -> int:
        """Return the offset that is handed out next, or the first one behind it that exists."""
        unread = (batch for batch in self._unread_batches() if batch.partition == partition)
        first = next(unread, None)
        return first.messages[0].offset if first is not None else self.positions[partition]

    def stop(self) -> None:
        """End the iteration and drop what was not handed out."""
        self._buffer.close()
        self._current, self.unread = None, iter(())
        self._kept_back.clear()

    def _unread_batches(self) -> list[Batch]:
        """What is decoded and not handed out, in its order."""
        left = length_hint(self.unread)
        if not left or self._current is None:
            return self._kept_back
        return [self._current._replace(messages=self._current.messages[-left:]), *self._kept_back]

    def _keep_back_from(self, batch: Batch, until: Mapping[int, int] | None) -> Batch:
        """Split off the messages that are not wanted yet."""
        messages = batch.messages
        end = None if until is None else until.get(batch.partition, 0)
        if end is None or not messages or messages[-1].offset < end:
            return batch
        cut = bisect_left(messages, end, key=_OFFSET)
        self._kept_back.append(batch._replace(messages=messages[cut:]))
        return batch._replace(messages=messages[:cut])


class Batches:
    """An iteration over batches, made by ``Consumer.batches``."""

    def __init__(self, reader: Reader, until: Mapping[int, int] | None) -> None:
        self._reader = reader
        self._until = until

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Batch:
        """Return the next batch that has messages."""
        while not self._has_ended():
            batch = await self._reader.next_batch(self._until)
            if batch is None:
                break
            if batch.messages:
                return batch
        raise StopAsyncIteration

    def _has_ended(self) -> bool:
        if self._until is None:
            return False
        return all(self._reader.position(partition) >= end for partition, end in self._until.items())
