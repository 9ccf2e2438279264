"""The consumer without an event loop.

Messages come from the event loop's thread many at a time. Those that are here and not handed out yet count as not
consumed: before anything else is asked of the asynchronous consumer that would take them for consumed, it is sent back
to the first of them.
"""

import threading
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import nullcontext, suppress
from functools import partial
from types import TracebackType
from typing import Final, Self, TypeAlias, TypeVar, Unpack

from anyio import CapacityLimiter, to_thread

from gomq.blocking.batches import Batches
from gomq.blocking.deliveries import Deliveries, Delivery
from gomq.blocking.portal import blocking
from gomq.blocking.reading import Reading
from gomq.client.cluster.security import Security
from gomq.client.consuming.batches import Batches as AsyncBatches
from gomq.client.consuming.consumer import Consumer as AsyncConsumer
from gomq.client.consuming.grouped import OnChange
from gomq.client.consuming.settings import ConsumerSettings, Isolation, OutOfRange
from gomq.client.consuming.start import Start
from gomq.client.consuming.subscription import Topics
from gomq.client.delivering.deliveries import Deliveries as AsyncDeliveries
from gomq.client.delivering.delivery import Delivery as AsyncDelivery
from gomq.client.delivering.settings import DeliveryOptions
from gomq.client.groups.offsets import OffsetAndMetadata
from gomq.client.groups.settings import GroupSettings
from gomq.client.message import Batch, Message
from gomq.errors import GomqError
from gomq_storage.layout import TopicPartition

_T = TypeVar("_T")
Listener: TypeAlias = Callable[[frozenset[TopicPartition]], object]
"""Hears of partitions that were given or taken away."""


class Consumer(Reading):
    """Reads topics, all their partitions or some, message by message or in batches; ``gomq.Consumer`` says how.

    Several threads may iterate; each message goes to one of them. What a thread works on counts as processed when
    another asks for more: where that must not be, they iterate over ``deliveries``.

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
        on_assigned: hears of partitions that the group gives; called in a thread, as the others, where it may use the
            consumer, such as to seek.
        on_revoked: hears of partitions that the group is about to take away.
        on_lost: hears of partitions that the group has given to others already.
        request_timeout: seconds for one answer; the connection is given up then.
        retry_timeout: seconds to look for a lost broker before the iteration raises.
        rack: where this consumer is, to fetch from replicas there; see ``ConsumerSettings``.
        client_id: what brokers call this client.
        security: how connections are protected; None for plaintext.
        settings: all settings at once, instead of the five before.
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
        on_assigned: Listener | None = None,
        on_revoked: Listener | None = None,
        on_lost: Listener | None = None,
        request_timeout: float = 30.0,
        retry_timeout: float = 120.0,
        rack: str | None = None,
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
                on_assigned=_told_in_a_thread(on_assigned),
                on_revoked=_told_in_a_thread(on_revoked),
                on_lost=_told_in_a_thread(on_lost),
                request_timeout=request_timeout,
                retry_timeout=retry_timeout,
                rack=rack,
                client_id=client_id,
                security=security,
                settings=settings,
            )
        )
        self._filling = threading.Lock()
        self._is_stopped = False
        self._delivers = False
        """Whether messages are handed out as deliveries."""
        self._waiting = 0
        """How many threads ask the asynchronous consumer for more; all that they had is processed then."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool | None:
        try:
            if self._portal is not None and not self._is_forked:
                if error is None:
                    self._handed.drop()
                else:
                    self._handed.take_back()
                with nullcontext() if error is None else suppress(GomqError, RuntimeError):  # the user's error counts
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

    def deliveries(self, **options: Unpack[DeliveryOptions]) -> Deliveries:
        """Iterate over deliveries: messages that come again until they are acknowledged, ``with delivery: ...``.

        Called once, and then messages are asked for in no other way; ``docs/delivery.md`` has all.

        Args:
            options: those of ``gomq.Consumer.deliveries``.
        """
        self._handed.drop()
        self._delivers = True

        async def begin() -> AsyncDeliveries:
            await self._go_back()
            deliveries = self._client.deliveries(**options)
            if self._is_stopped:
                self._client.stop()
            return deliveries

        is_alone = options.get("concurrency", 1) == 1 and options.get("ack_timeout") is None
        return Deliveries(self._call(begin), self._call, wants_blocks=is_alone)

    def run(self, handler: Callable[[Delivery], object], **options: Unpack[DeliveryOptions]) -> None:
        """Have each message handled, ``concurrency`` at a time, until ``stop`` is called and those at work are done.

        Args:
            handler: an ordinary function that is called with a ``Delivery``, in a thread: returning acknowledges it,
                raising has it delivered again.
            options: those of ``gomq.Consumer.deliveries``.

        Raises:
            MessageNotHandledError: a message was given up, and no dead letter topic took it.
        """
        self._handed.drop()
        self._delivers = True
        threads = CapacityLimiter(max(options.get("concurrency", 1), 1))

        async def handle(delivery: AsyncDelivery) -> None:
            await to_thread.run_sync(handler, Delivery(delivery, self._call), limiter=threads)

        self._call(self._ask, lambda: self._client.run(handle, **options), None)

    committed: Final = blocking(AsyncConsumer.committed)

    def commit(self, offsets: Mapping[TopicPartition, int | OffsetAndMetadata] | None = None) -> None:
        """Have the group remember how far this consumer is.

        Args:
            offsets: the next one to read of each partition; None for all that was handed out, that in hand included,
                or for what was acknowledged where there are deliveries.
        """

        async def commit() -> None:
            if offsets is not None or self._delivers:
                await self._client.commit(offsets)
            else:
                await self._client.commit({each: self._position(each) for each in self._client.assignment})

        self._call(commit)

    def stop(self) -> None:
        """End the iteration, in whatever thread it is; what was fetched and not handed out is dropped."""
        self._call_now(self._stop)

    def _stop(self) -> None:
        self._is_stopped = True
        self._handed.drop()
        if self._waiting or self._delivers:
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
        self._handed.let_go()
        if self._is_stopped:
            return at_the_end
        self._waiting += 1
        try:
            return await ask()
        finally:
            self._waiting -= 1


def _told_in_a_thread(listener: Listener | None) -> OnChange | None:
    if listener is None:
        return None

    async def tell(partitions: frozenset[TopicPartition]) -> None:
        await to_thread.run_sync(listener, partitions)

    return tell
