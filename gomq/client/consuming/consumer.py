"""The consumer: ``async with Consumer(address, topics, replay=True) as consumer: async for message in consumer``."""

from collections.abc import Callable, Iterable, Mapping
from time import monotonic
from types import TracebackType
from typing import Final, Self, Unpack

import anyio
from anyio.abc import TaskGroup

from gomq.client.cluster.cluster import Cluster
from gomq.client.cluster.security import Security
from gomq.client.cluster.settings import ConnectionSettings
from gomq.client.consuming.batches import Batches
from gomq.client.consuming.delivered import dead_letters, message_source
from gomq.client.consuming.discovery import Discovery
from gomq.client.consuming.group_side import GroupChoices, GroupSide
from gomq.client.consuming.grouped import Listeners, OnChange
from gomq.client.consuming.intake import Intake
from gomq.client.consuming.reading import Reading, now_ms
from gomq.client.consuming.settings import ConsumerSettings, Isolation, OutOfRange, ReadPolicy
from gomq.client.consuming.start import Start, chosen_start
from gomq.client.consuming.subscription import Topics, chosen_subscription
from gomq.client.delivering.deliveries import Deliveries
from gomq.client.delivering.handling import Handler, handle_all
from gomq.client.delivering.settings import DeliveryOptions, DeliverySettings
from gomq.client.groups.offsets import CommittedOffset, OffsetAndMetadata
from gomq.client.groups.settings import GroupSettings
from gomq.client.message import Message
from gomq.errors import ConfigurationError, GomqError, UnknownTopicError
from gomq_storage.layout import TopicPartition

_TURN_SECONDS: Final = 0.01
"""For how long messages are handed out one by one before other tasks have their turn."""


class Consumer(Reading):
    """Reads topics, all their partitions or some, message by message or in batches.

    Within a partition messages come in their order. Without a group the broker remembers nothing of a consumer. What
    is fetched is checked; a broker that is lost is looked for again. Several tasks may iterate; each message goes to
    one of them. For a group all of theirs then count as processed as soon as one of them asks for more: use
    ``deliveries``, which know better. Partitions and matching topics that are new are read from their first message on.

    Args:
        address: HOST:PORT of a broker, or several, comma-separated, of one cluster.
        topics: a name, names, or a compiled pattern for whole names. They must exist; a consumer creates none.
        partitions: instead of topics, these partitions only.
        replay: True starts with the first message kept. False, the default, takes those that are published once the
            block is entered.
        start: instead of ``replay``, where to begin: "earliest", "latest", an offset, a datetime with a time zone or a
            timedelta, so long ago. Where no message is so late, the end.
        group: the consumer group to share partitions and remember offsets with; ``docs/groups.md`` has all.
        isolation: "read_committed" leaves out what was published in transactions that were aborted, and waits for
            those that are open.
        out_of_range: where to go on when the wanted offset is not there: "earliest", "latest", or "raise".
        auto_commit: whether a group remembers what was processed, without being told.
        on_assigned: hears of partitions that the group gives.
        on_revoked: hears of partitions that the group is about to take away.
        on_lost: hears of partitions that the group has given to others already; where it is not there, ``on_revoked``
            hears of these too.
        request_timeout: seconds for one answer; the connection is given up then.
        retry_timeout: seconds to look for a lost broker before the iteration raises.
        rack: where this consumer is, to fetch from replicas there; see ``ConsumerSettings``.
        client_id: what brokers call this client.
        security: how connections are protected.
        settings: all settings at once, instead of the five before.

    Raises:
        ConfigurationError: arguments that cannot work.
        UnknownTopicError: on entering, when a topic or partition does not exist.
        ConnectionFailedError: on entering, when no broker answers.
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
        rack: str | None = None,
        client_id: str = "gomq",
        security: Security | None = None,
        settings: ConsumerSettings | None = None,
    ) -> None:
        policy = ReadPolicy(isolation=isolation, out_of_range=out_of_range)
        settings = settings or ConsumerSettings(
            connection=ConnectionSettings(
                client_id=client_id, request_timeout=request_timeout, security=security or Security()
            ),
            retry_timeout=retry_timeout,
            rack=rack,
        )
        super().__init__(chosen_subscription(topics, partitions), Intake(settings, policy))
        self._address = address
        self._start = chosen_start(start, replay=replay)
        self._policy = policy
        self._settings = settings
        self._reader = self._intake.reader
        self._turn_ends = 0.0
        self._group_side: GroupSide | None = None
        if group is not None:
            choices = GroupChoices(
                settings=GroupSettings(group) if isinstance(group, str) else group,
                auto_commit=auto_commit,
                start=self._start,
                listeners=Listeners(assigned=on_assigned, revoked=on_revoked, lost=on_lost),
            )
            self._group_side = GroupSide(choices, self._settings, self._policy, self._intake, self._connect)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Message:
        if self._deliveries is not None:
            self._check_without_deliveries()
        if monotonic() >= self._turn_ends:  # heartbeats and deadlines have theirs, whatever the caller does not await
            await anyio.lowlevel.checkpoint()
            self._turn_ends = monotonic() + _TURN_SECONDS
        reader = self._reader
        for message in reader.unread:
            return message
        self._check_open()
        while await self._intake.load():
            for message in reader.unread:
                return message
        raise StopAsyncIteration

    def batches(self, *, until: Mapping[TopicPartition, int] | Mapping[int, int] | None = None) -> Batches:
        """Iterate over batches, which is the fastest way to consume.

        ``for message in batch.messages`` is quicker than to iterate over the consumer; ``for value in batch.values``,
        or whatever field is wanted, is quicker still.

        Args:
            until: where to end, an offset for each partition, such as ``await consumer.end_offsets()``: messages from
                there on are kept back for later iterations. None goes on for ever. A partition's index is enough where
                one topic is read.
        """
        self._check_without_deliveries()
        return Batches(self._intake, None if until is None else {self._named(each): end for each, end in until.items()})

    async def take(self, max_messages: int = 500, *, timeout: float | None = 1.0) -> list[Message]:  # noqa: ASYNC109
        """Return messages as soon as there are any, as many as there are then.

        Args:
            max_messages: at most so many.
            timeout: seconds to wait for the first; None waits for ever.

        Returns:
            messages of whatever partitions, those of one in their order; none once the time is over, or at the end.
        """
        self._check_without_deliveries()
        if max_messages < 1:
            raise ConfigurationError(f"max_messages must be at least 1, not {max_messages}")
        return await self._intake.take(max_messages, timeout)

    def deliveries(self, **options: Unpack[DeliveryOptions]) -> Deliveries:
        """Iterate over deliveries: messages that come again until they are acknowledged; ``docs/delivery.md`` has all.

        Called once, and then messages are asked for in no other way: what is committed is what was acknowledged.

        Args:
            options: ``ack_timeout``, ``max_attempts``, ``backoff``, ``max_backoff``, ``dead_letter``, ``concurrency``,
                ``order``, ``max_waiting``, ``max_waiting_bytes`` and ``max_ahead``, as ``DeliverySettings`` has them.
        """
        self._check_open()
        if self._deliveries is not None:
            raise ConfigurationError("a consumer has one deliveries(): keep it, and iterate over it again")
        assert self._group is not None  # it is open
        settings = DeliverySettings(**options)
        source = message_source(self._intake, self._subscription)
        letters = dead_letters(settings, self._address, self._settings, self._group)
        self._deliveries = Deliveries(source, settings, letters)
        if self._group_side is not None:
            self._group_side.use(self._deliveries)
        return self._deliveries

    async def run(self, handler: Handler, **options: Unpack[DeliveryOptions]) -> None:
        """Have each message handled, ``concurrency`` at a time, until ``stop`` is called and those at work are done.

        Args:
            handler: an asynchronous function that is called with a ``Delivery``, in its block: returning acknowledges
                it, raising has it delivered again.
            options: those of ``deliveries``.

        Raises:
            MessageNotHandledError: a message was given up, and no dead letter topic took it.
        """
        deliveries = self.deliveries(**options)
        await handle_all(deliveries, handler, concurrency=options.get("concurrency", 1))

    async def commit(
        self,
        offsets: Mapping[TopicPartition, int | OffsetAndMetadata] | Mapping[int, int | OffsetAndMetadata] | None = None,
    ) -> None:
        """Have the group remember how far this consumer is.

        Args:
            offsets: the next one to read of each partition, whose index is enough where one topic is read; None for
                all that was handed out, that in hand included, less what is given up meanwhile.

        Raises:
            RebalanceInProgressError: a partition is not this consumer's, or no more: another one may read it. Or a
                rebalance takes too long.
            BrokerError: named after another of Kafka's codes.
        """
        group = self._grouped
        await group.commit(None if offsets is None else {self._named(each): offset for each, offset in offsets.items()})

    async def committed(self, *partitions: TopicPartition | int) -> dict[TopicPartition, CommittedOffset | None]:
        """Ask how far the group is in these partitions, by default in all that are read; None where it does not say."""
        group = self._grouped
        return await group.committed([self._named(each) for each in partitions] or self.partitions)

    def stop(self) -> None:
        """End the iteration, in whatever task it is; what was fetched and not handed out is dropped."""
        self._intake.stop()
        if self._deliveries is not None:
            self._deliveries.stop()

    async def _open(self, group: TaskGroup) -> None:
        self._cluster = self._connect(group)
        self._discovery = discovery = Discovery(self._cluster, self._subscription, self._settings, self._policy)
        await discovery.open()
        self._intake.open(self._cluster, group, drops_unknown=self._subscription.pattern is not None)

        changed: Callable[[], None] | None = None
        if self._group_side is None:
            self._intake.assign(await discovery.starts(discovery.partitions, self._start, now_ms=now_ms()))
        elif self._subscription.partitions:
            await self._group_side.resume(self._cluster, discovery, group)
        else:
            changed = await self._group_side.join(self._cluster, discovery, group)

        def look(has_changed: bool) -> None:  # noqa: FBT001 - a call that ``Discovery`` makes
            if changed is None:  # what could not be taken in, or is gone for good by now, is no news
                group.start_soon(self._take_in_new)
            elif has_changed:
                changed()

        group.start_soon(discovery.keep_looking, look)

    def _connect(self, group: TaskGroup) -> Cluster:
        return Cluster(self._address, self._settings.connection, group, owner="consumer")

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool | None:
        if self._group_side is not None:
            await self._group_side.leave(error)
        return await super().__aexit__(kind, error, traceback)

    async def _take_in_new(self) -> None:
        """Read partitions that were not there before, from their first message on: none of them is missed."""
        if self._discovery is None or self._intake.is_closed:
            return
        wanted = set(self._discovery.partitions)
        self._intake.give_up(self._intake.assignment - wanted)
        try:
            starts = await self._discovery.starts(wanted - self._intake.assignment, "earliest", now_ms=now_ms())
        except GomqError as error:
            if self._subscription.pattern is None or not isinstance(error, UnknownTopicError):
                self._intake.fail(error)
            return  # a topic that is gone again; what else is new comes with the next look
        self._intake.assign({each: start for each, start in starts.items() if each not in self._intake.assignment})

    def _close(self) -> None:
        self.stop()
        if self._cluster is not None:
            self._cluster.close()

    def _check_without_deliveries(self) -> None:
        """Refuse to hand out what deliveries should: it would count as acknowledged."""
        self._check_open()
        if self._deliveries is not None:
            raise ConfigurationError(
                "this consumer has deliveries, of which all its messages are: iterate over these, or use another "
                "consumer for messages that are not acknowledged"
            )

    @property
    def _grouped(self) -> GroupSide:
        self._check_open()
        if self._group_side is None:
            raise ConfigurationError('this consumer has no group to remember offsets: give it one, group="..."')
        return self._group_side
