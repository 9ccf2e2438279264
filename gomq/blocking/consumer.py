"""The consumer without an event loop.

Messages come from the event loop's thread many at a time. Those that are here and not handed out yet count as not
consumed: before anything else is asked of the asynchronous consumer that would take them for consumed, it is sent back
to the first of them.
"""

import threading
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from datetime import datetime
from functools import partial
from types import TracebackType
from typing import Self, TypeVar, Unpack

from anyio import to_thread

from gomq.blocking.batches import Batches
from gomq.blocking.handed import HandedOver
from gomq.blocking.portal import Blocking, blocking
from gomq.client.cluster.security import Security
from gomq.client.consuming.batches import Batches as AsyncBatches
from gomq.client.consuming.consumer import Consumer as AsyncConsumer
from gomq.client.consuming.grouped import OnChange
from gomq.client.consuming.settings import ConsumerSettings, Isolation, OutOfRange
from gomq.client.consuming.start import Start
from gomq.client.consuming.subscription import Topics
from gomq.client.delivering.delivery import Delivery
from gomq.client.delivering.settings import DeliveryOptions
from gomq.client.groups.offsets import OffsetAndMetadata
from gomq.client.groups.settings import GroupSettings
from gomq.client.message import Batch, Message
from gomq.errors import UnknownTopicError
from gomq_storage.layout import TopicPartition

_T = TypeVar("_T")


class Consumer(Blocking[AsyncConsumer]):
    """Reads topics, all their partitions or some, message by message or in batches; ``gomq.Consumer`` says how.

    Several threads may iterate; each message goes to one of them.

    Args:
        address: HOST:PORT of a broker, or several, comma-separated, of one cluster.
        topics: a name, names, or a compiled pattern for whole names.
        partitions: instead of topics, these partitions only.
        replay: True starts with the first message kept, False takes those from now on.
        start: instead of ``replay``, where to begin.
        group: the consumer group to share partitions and remember offsets with.
        isolation: "read_committed" leaves out what was published in transactions that were aborted.
        out_of_range: where to go on when the wanted offset is not there.
        auto_commit: whether a group remembers what was processed, without being told.
        on_assigned: hears of partitions that the group gives; called in the thread of the event loop, as the others.
        on_revoked: hears of partitions that the group is about to take away.
        on_lost: hears of partitions that the group has given to others already.
        request_timeout: seconds for one answer; the connection is given up then.
        retry_timeout: seconds to look for a lost broker before the iteration raises.
        client_id: what brokers call this client.
        security: how connections are protected; None for plaintext.
        settings: all settings at once, instead of the four before.
    """

    def __init__(  # noqa: PLR0913 - each has a default and is named at the call
        self,
        address: str,
        topics: Topics | None = None,
        *,
        partitions: Iterable[TopicPartition] | None = None,
        replay: bool | None = None,
        start: Start | None = None,
        group: str | GroupSettings | None = None,
        isolation: Isolation = "read_uncommitted",
        out_of_range: OutOfRange = "raise",
        auto_commit: bool = True,
        on_assigned: OnChange | None = None,
        on_revoked: OnChange | None = None,
        on_lost: OnChange | None = None,
        request_timeout: float = 30.0,
        retry_timeout: float = 120.0,
        client_id: str = "gomq",
        security: Security | None = None,
        settings: ConsumerSettings | None = None,
    ) -> None:
        super().__init__(
            AsyncConsumer(
                address,
                topics,
                partitions=partitions,
                replay=replay,
                start=start,
                group=group,
                isolation=isolation,
                out_of_range=out_of_range,
                auto_commit=auto_commit,
                on_assigned=on_assigned,
                on_revoked=on_revoked,
                on_lost=on_lost,
                request_timeout=request_timeout,
                retry_timeout=retry_timeout,
                client_id=client_id,
                security=security,
                settings=settings,
            )
        )
        self._handed = HandedOver()
        self._filling = threading.Lock()
        self._is_stopped = False
        self._waiting = 0
        """How many threads ask the asynchronous consumer for more; all that they had is processed then."""

    @property
    def assignment(self) -> frozenset[TopicPartition]:
        """The partitions that are read."""
        return self._call_now(lambda: self._client.assignment)

    @property
    def partitions(self) -> list[TopicPartition]:
        """The partitions that are read, by topic and index."""
        return sorted(self.assignment)

    @property
    def paused(self) -> frozenset[TopicPartition]:
        """The partitions of which nothing is handed out at present."""
        return self._call_now(lambda: self._client.paused)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool | None:
        try:
            if error is None and self._portal is not None:
                self._handed.drop()
                self._call(self._go_back)
        except BaseException as failure:
            super().__exit__(type(failure), failure, failure.__traceback__)
            raise
        return super().__exit__(kind, error, traceback)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Message:
        """Return the next message, waiting for it; the end comes with ``stop``, or with the block's."""
        while True:
            if (message := self._handed.next()) is not None:
                return message
            with self._filling:
                if (message := self._handed.next()) is not None:
                    return message
                if not self._call(self._fill, self._handed.next_size()):
                    raise StopIteration

    def batches(self, *, until: Mapping[TopicPartition, int] | None = None) -> Batches:
        """Iterate over batches, which is the fastest way to consume.

        Args:
            until: where to end, an offset for each partition, such as ``consumer.end_offsets()``. None goes on for
                ever.
        """
        return Batches(partial(self._next_batch, self._call_now(self._client.batches, until=until)))

    def take(self, max_messages: int = 500, *, timeout: float | None = 1.0) -> list[Message]:
        """Return messages as soon as there are any, as many as there are then; none once the time is over.

        Args:
            max_messages: at most so many.
            timeout: seconds to wait for the first; None waits for ever.
        """
        self._handed.drop()
        return self._call(self._ask, lambda: self._client.take(max_messages, timeout=timeout), [])

    def run(self, handler: Callable[[Delivery], object], **options: Unpack[DeliveryOptions]) -> None:
        """Have each message handled, ``concurrency`` at a time, until ``stop`` is called and those at work are done.

        Args:
            handler: an ordinary function that is called with a ``Delivery``, in a thread: returning acknowledges it,
                raising has it delivered again.
            options: those of ``gomq.Consumer.deliveries``.

        Raises:
            MessageNotHandledError: a message was given up, and no dead letter topic took it.
        """

        async def handle(delivery: Delivery) -> None:
            await to_thread.run_sync(handler, delivery)

        self._call(self._ask, lambda: self._client.run(handle, **options), None)

    def position(self, partition: TopicPartition | int) -> int:
        """Return the offset that is handed out next, or a lower one where that does not exist any more."""
        return self._call_now(self._position, partition)

    def seek(self, partition: TopicPartition | int, to: Start) -> None:
        """Go on elsewhere in a partition; what was fetched before is not handed out."""

        async def seek() -> None:
            await self._client.seek(partition, to)
            self._handed.forget(self._named(partition))

        self._call(seek)

    def pause(self, *partitions: TopicPartition | int) -> None:
        """Hand out nothing of these partitions until they are resumed."""

        def pause() -> None:
            self._client.pause(*partitions)
            self._handed.drop({self._named(each) for each in partitions})

        self._call_now(pause)

    def resume(self, *partitions: TopicPartition | int) -> None:
        """Go on with partitions that are paused; without arguments, with all of them."""
        self._call_now(self._client.resume, *partitions)

    beginning_offsets = blocking(AsyncConsumer.beginning_offsets)
    end_offsets = blocking(AsyncConsumer.end_offsets)
    committed = blocking(AsyncConsumer.committed)

    def lag(self) -> dict[TopicPartition, int]:
        """Ask how many offsets lie between the position in each partition and its end."""

        async def lag() -> dict[TopicPartition, int]:
            ends = await self._client.end_offsets()
            return {each: max(0, ends[each] - self._position(each)) for each in self._client.partitions if each in ends}

        return self._call(lag)

    def offsets_for_times(
        self, times: datetime | Mapping[TopicPartition, datetime]
    ) -> dict[TopicPartition, int | None]:
        """Ask for the first message at or after a time, one for all partitions, or one for each of some."""
        return self._call(self._client.offsets_for_times, times)

    def commit(self, offsets: Mapping[TopicPartition, int | OffsetAndMetadata] | None = None) -> None:
        """Have the group remember how far this consumer is.

        Args:
            offsets: the next one to read of each partition; None for all that was handed out, that in hand included.
        """

        async def commit() -> None:
            handed_out = {each: self._position(each) for each in self._client.assignment}
            await self._client.commit(handed_out if offsets is None else offsets)

        self._call(commit)

    def stop(self) -> None:
        """End the iteration, in whatever thread it is; what was fetched and not handed out is dropped."""
        self._call_now(self._stop)

    def _stop(self) -> None:
        self._is_stopped = True
        self._handed.drop()
        if self._waiting:
            self._client.stop()

    async def _fill(self, most: int) -> bool:
        """Take what is there; it is kept here, where it is safe when whoever waits is interrupted."""
        messages: list[Message] = await self._ask(lambda: self._client.take(most, timeout=None), [])
        self._handed.put(messages)
        return bool(messages)

    def _next_batch(self, batches: AsyncBatches) -> Batch | None:
        self._handed.drop()
        return self._call(self._ask, lambda: anext(batches, None), None)

    async def _ask(self, ask: Callable[[], Awaitable[_T]], at_the_end: _T) -> _T:
        """Ask for more: all that was handed out is processed."""
        await self._go_back()
        if self._is_stopped:
            return at_the_end
        self._waiting += 1
        try:
            return await ask()
        finally:
            self._waiting -= 1

    async def _go_back(self) -> None:
        """Have what was dropped here handed out once more."""
        for partition, offset in self._handed.returns().items():
            with suppress(UnknownTopicError):  # it is somebody else's now
                await self._client.seek(partition, offset)
            self._handed.returned(partition)

    def _position(self, partition: TopicPartition | int) -> int:
        position = self._client.position(partition)
        return self._handed.positions().get(self._named(partition), position)

    def _named(self, partition: TopicPartition | int) -> TopicPartition:
        """Take a partition that is read, as the asynchronous consumer has found."""
        if not isinstance(partition, int):
            return TopicPartition(*partition)
        return next(each for each in self._client.assignment if each.partition == partition)
