"""One call of ``publish_many``: takes messages, fills batches, keeps a few of them on their way."""

import time
from collections.abc import AsyncIterable, Iterable, MutableSequence, Sequence
from itertools import islice
from typing import Final

import anyio
from anyio import to_thread

from gomq.client.cluster.metadata import TopicMetadata
from gomq.client.message import NewMessage, OffsetRange, Published
from gomq.client.producing.accumulator import Accumulator
from gomq.client.producing.batch import RECORD_OVERHEAD, OutgoingBatch, batch_of_values
from gomq.client.producing.choosing import checked_partition
from gomq.client.producing.intake import Intake, new_record
from gomq.client.producing.sender import Sender
from gomq.client.producing.settings import ProducerSettings
from gomq.client.raising import own_copy
from gomq.errors import ClosedError, DeliveryFailedError, GomqError, Undelivered
from gomq_storage.batch import HEADER_SIZE
from gomq_storage.compression import Codec
from gomq_storage.layout import TopicPartition

_FIRST_CHUNK: Final = 100
_MOST_IN_CHUNK: Final = 10_000
_MOST_IN_MIXED_CHUNK: Final = 500
_BATCHES_AHEAD: Final = 2
"""Encoded while those of as many partitions are on their way."""
_COMPRESSED_ON_THE_LOOP_BYTES: Final = 64 << 10


class _Share:
    """What of a batch is one call's; all of it where no other task adds to the batch too."""

    __slots__ = ("numbers", "positions")

    def __init__(self, positions: Sequence[int], numbers: Sequence[int]) -> None:
        self.positions = positions
        self.numbers = numbers
        """Places in what the call was given."""


class _DeliveryError(Exception):
    """A batch of this call was not delivered."""

    def __init__(self, cause: GomqError) -> None:
        super().__init__(str(cause))
        self.cause = cause


class Publishing:
    """What one call has under way, and what of it is acknowledged.

    Args:
        topic: where to.
        partition: for all messages that do not choose one themselves.
        intake: chooses partitions.
        accumulator: takes the messages.
        sender: sends them.
        settings: batching and delivery.
    """

    def __init__(
        self,
        *,
        topic: TopicMetadata,
        partition: int | None,
        intake: Intake,
        accumulator: Accumulator,
        sender: Sender,
        settings: ProducerSettings,
    ) -> None:
        self._topic = topic
        self._partition = checked_partition(partition)
        self._most_under_way = _BATCHES_AHEAD + len(topic.partitions)
        self._intake = intake
        self._accumulator = accumulator
        self._sender = sender
        self._settings = settings
        self._under_way: dict[OutgoingBatch, _Share] = {}
        """Batches in the order of their making."""
        self._taken = 0
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
        except _DeliveryError as error:
            self._withdraw(error.cause)
            raise await self._failure(error.cause) from error.cause
        except BaseException:
            self._withdraw(None)
            self._sender.kick()  # what shares a batch with others cannot be taken back
            raise
        return Published(topic=self._topic.name, count=self._count, offsets=self._offsets)

    def _withdraw(self, cause: GomqError | None) -> None:
        self._accumulator.withdraw(self, list(dict.fromkeys(batch.target for batch in self._under_way)), cause)

    async def _failure(self, cause: GomqError) -> GomqError:
        """Wait for what cannot be taken back any more, and name all that was not delivered."""
        if isinstance(cause, ClosedError):
            return own_copy(cause)
        undelivered: list[Undelivered] = []
        for batch, share in self._under_way.items():
            await batch.done.wait()
            undelivered += batch.undelivered(zip(share.positions, share.numbers, strict=True))
        return DeliveryFailedError(self._topic.name, len(undelivered), str(cause), tuple(undelivered))

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
        self._accumulator.check_size(size, self._topic.name)
        while len(self._under_way) >= self._most_under_way or not self._accumulator.has_room:
            await self._wait_for_first()
        batch = await self._encode(values, self._intake.choose(self._topic, None, self._partition, size))
        self._accumulator.add_batch(batch)
        self._under_way[batch] = _Share(range(batch.count), range(self._taken, self._taken + batch.count))
        self._taken += batch.count
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
        record = new_record(value, key, headers, timestamp)
        while not self._accumulator.has_room:
            self._sender.kick()
            await self._wait_for_any()
        partition = self._partition if partition is None else checked_partition(partition)
        target = self._intake.choose(self._topic, record.key, partition, len(record.value or b""))
        batch, position = self._accumulator.add_record(target, record) or self._intake.begin_with(target, record)
        share = self._under_way.get(batch)
        if share is None:
            self._under_way[batch] = _Share([position], [self._taken])
        else:
            assert isinstance(share.positions, MutableSequence)
            assert isinstance(share.numbers, MutableSequence)
            share.positions.append(position)
            share.numbers.append(self._taken)
        self._taken += 1
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
            batch, share = next(iter(self._under_way.items()))
            if not batch.is_done:
                return
            cause = batch.first_cause()
            if cause is not None:
                raise _DeliveryError(cause)
            del self._under_way[batch]
            self._count += len(share.positions)
            first, last = batch.offset_of(share.positions[0]), batch.offset_of(share.positions[-1])
            if first >= 0:
                partition = batch.target.partition
                lowest, _ = self._offsets.get(partition, (first, 0))
                self._offsets[partition] = OffsetRange(lowest, last)


def _value_size(message: bytes | NewMessage) -> int:
    value = message.value if isinstance(message, NewMessage) else message
    return len(value or b"")
