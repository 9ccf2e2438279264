"""One call of ``publish_many``: takes messages, fills batches, keeps a few of them on their way."""

import time
from collections.abc import AsyncIterable, Callable, Iterable, Sequence
from itertools import islice
from typing import Final, NamedTuple, TypeAlias

import anyio
from anyio import to_thread

from gomq.client.cluster.metadata import TopicMetadata
from gomq.client.message import NewMessage, OffsetRange, Published, checked, checked_timestamp, normalize_headers
from gomq.client.producing.accumulator import RECORD_OVERHEAD, Accumulator, OutgoingBatch, batch_of_values
from gomq.client.producing.sender import Sender
from gomq.client.producing.settings import ProducerSettings
from gomq_storage.batch import HEADER_SIZE
from gomq_storage.compression import Codec
from gomq_storage.layout import TopicPartition
from gomq_storage.record import NewRecord

_FIRST_CHUNK: Final = 100
_MOST_IN_CHUNK: Final = 10_000
_MOST_IN_MIXED_CHUNK: Final = 500
_BATCHES_AHEAD: Final = 2
"""Encoded while those of as many partitions are on their way."""
_COMPRESSED_ON_THE_LOOP_BYTES: Final = 64 << 10

Choose: TypeAlias = Callable[[bytes | None, int | None], TopicPartition]
"""Picks the partition for a key and the partition that the message names."""


class _Share(NamedTuple):
    """What of a batch is this call's."""

    first: int
    last: int
    message_count: int
    """Less than lie between first and last where other tasks added to the batch too."""


class Publishing:
    """What one call has under way, and what of it is acknowledged."""

    def __init__(
        self,
        topic: TopicMetadata,
        accumulator: Accumulator,
        sender: Sender,
        settings: ProducerSettings,
        *,
        choose: Choose,
    ) -> None:
        self._topic = topic.name
        self._most_under_way = _BATCHES_AHEAD + len(topic.partitions)
        self._accumulator = accumulator
        self._sender = sender
        self._settings = settings
        self._choose = choose
        self._under_way: dict[OutgoingBatch, _Share] = {}
        """Batches in the order of their making."""
        self._count = 0
        self._offsets: dict[int, OffsetRange] = {}

    async def run(self, messages: Iterable[bytes | NewMessage] | AsyncIterable[bytes | NewMessage]) -> Published:
        """Publish all messages and say where they are."""
        try:
            if isinstance(messages, AsyncIterable):
                await self._take_async(messages)
            else:
                await self._take(messages)
            while self._under_way:
                await self._wait_for_first()
        except BaseException:
            targets = list(dict.fromkeys(batch.target for batch in self._under_way))
            self._accumulator.withdraw(self, targets)
            raise
        return Published(topic=self._topic, count=self._count, offsets=self._offsets)

    async def _take(self, messages: Iterable[bytes | NewMessage]) -> None:
        iterator = iter(messages)
        wanted = _FIRST_CHUNK
        while chunk := list(islice(iterator, wanted)):
            if set(map(type, chunk)) == {bytes}:
                size = await self._add_values(chunk)  # type: ignore[arg-type]
                wanted = max(1, min(_MOST_IN_CHUNK, self._settings.max_batch_bytes * len(chunk) // size))
            else:
                for message in chunk:
                    await self._add(message)
                self._sender.kick()
                await self._give_way()
                size = 1 + sum(map(_value_size, chunk))
                wanted = max(1, min(_MOST_IN_MIXED_CHUNK, self._settings.max_batch_bytes * len(chunk) // size))

    async def _take_async(self, messages: AsyncIterable[bytes | NewMessage]) -> None:
        """Messages may come slowly: each is sent as soon as the one before is on its way."""
        taken = 0
        async for message in messages:
            self._sender.kick(await self._add(message))
            self._collect()
            taken += 1
            if taken % _MOST_IN_MIXED_CHUNK == 0:
                await self._give_way()

    async def _add_values(self, values: Sequence[bytes]) -> int:
        """Add plain values in as many batches as their size asks for; return that size."""
        size = sum(map(len, values)) + RECORD_OVERHEAD * len(values)
        if size > self._settings.max_batch_bytes - HEADER_SIZE and len(values) > 1:
            middle = len(values) // 2
            return await self._add_values(values[:middle]) + await self._add_values(values[middle:])
        while len(self._under_way) >= self._most_under_way or not self._accumulator.has_room:
            await self._wait_for_first()
        batch = await self._encode(values, self._choose(None, None))
        self._accumulator.add_batch(batch)
        self._under_way[batch] = _Share(0, batch.count - 1, batch.count)
        self._sender.kick(batch.target)
        await self._give_way()
        return size

    async def _encode(self, values: Sequence[bytes], target: TopicPartition) -> OutgoingBatch:
        now = anyio.current_time()

        def encode() -> OutgoingBatch:
            return batch_of_values(
                target,
                values,
                now=now,
                now_ms=time.time_ns() // 1_000_000,
                deadline=now + self._settings.delivery_timeout,
                codec=self._settings.codec,
                owner=self,
            )

        if self._settings.codec is Codec.NONE or sum(map(len, values)) <= _COMPRESSED_ON_THE_LOOP_BYTES:
            return encode()
        return await to_thread.run_sync(encode)

    async def _add(self, message: bytes | NewMessage) -> TopicPartition:
        """Add one message to its partition's open batch."""
        if not isinstance(message, NewMessage):
            message = NewMessage(message)
        value, key, headers, partition, timestamp = message
        stamp = time.time_ns() // 1_000_000 if timestamp is None else checked_timestamp(timestamp)
        record = NewRecord(checked(value, "value"), checked(key, "key"), normalize_headers(headers), stamp)
        while not self._accumulator.has_room:
            self._sender.kick()
            await self._wait_for_any()
        target = self._choose(record.key, partition)
        now = anyio.current_time()
        batch, position = self._accumulator.add_record(
            target, record, now=now, deadline=now + self._settings.delivery_timeout
        )
        first, _, count = self._under_way.get(batch, _Share(position, position, 0))
        self._under_way[batch] = _Share(first, position, count + 1)
        return target

    async def _wait_for_first(self) -> None:
        if self._under_way:
            await next(iter(self._under_way)).done.wait()
            self._collect()
        else:
            await self._accumulator.wait_for_change()

    async def _wait_for_any(self) -> None:
        await self._accumulator.wait_for_change()
        self._collect()

    async def _give_way(self) -> None:
        """Let answers be read, and take note of them."""
        await anyio.lowlevel.checkpoint()
        self._collect()

    def _collect(self) -> None:
        """Count what is acknowledged, and raise what was not delivered."""
        while self._under_way:
            batch, (first, last, count) = next(iter(self._under_way.items()))
            if not batch.done.is_set():
                return
            if batch.cause is not None:
                raise batch.error(count=sum(share.message_count for share in self._under_way.values()))
            del self._under_way[batch]
            self._count += count
            if batch.base_offset >= 0:
                partition = batch.target.partition
                lowest, _ = self._offsets.get(partition, (batch.base_offset + first, 0))
                self._offsets[partition] = OffsetRange(lowest, batch.base_offset + last)


def _value_size(message: bytes | NewMessage) -> int:
    value = message.value if isinstance(message, NewMessage) else message
    return len(value or b"")
