"""Where a consumer reads, and where it goes on: partitions and offsets, apart from their messages."""

import time
from collections.abc import Mapping
from datetime import datetime

from gomq.client.cluster.cluster import Cluster
from gomq.client.consuming.discovery import Discovery
from gomq.client.consuming.intake import Intake
from gomq.client.consuming.offsets import NO_OFFSET
from gomq.client.consuming.start import EARLIEST, LATEST, Start, checked_start, checked_time, timestamp_of
from gomq.client.consuming.subscription import Subscription
from gomq.client.delivering.deliveries import Deliveries
from gomq.errors import ClosedError, ConfigurationError, UnknownTopicError
from gomq.net.scope import Scope
from gomq_storage.layout import TopicPartition


class Reading(Scope):
    """What a consumer has besides its messages.

    Args:
        subscription: what is wanted.
        intake: what is read of it.
    """

    def __init__(self, subscription: Subscription, intake: Intake) -> None:
        super().__init__()
        self._subscription = subscription
        self._intake = intake
        self._cluster: Cluster | None = None
        self._discovery: Discovery | None = None
        """There once the block is entered, as is the cluster."""
        self._deliveries: Deliveries | None = None

    @property
    def assignment(self) -> frozenset[TopicPartition]:
        """The partitions that are read."""
        return self._intake.assignment

    @property
    def partitions(self) -> list[TopicPartition]:
        """The partitions that are read, by topic and index."""
        return sorted(self._intake.assignment)

    @property
    def paused(self) -> frozenset[TopicPartition]:
        """The partitions of which nothing is handed out at present."""
        return self._intake.paused

    def position(self, partition: TopicPartition | int) -> int:
        """Return the offset that is handed out next, or a lower one where that does not exist any more.

        Args:
            partition: one that is read; its index is enough where one topic is.
        """
        self._check_open()
        return self._intake.position(self._assigned(partition))

    async def seek(self, partition: TopicPartition | int, to: Start) -> None:
        """Go on elsewhere in a partition; what was fetched before is not handed out.

        Args:
            partition: one that is read; its index is enough where one topic is.
            to: as ``start`` of the consumer.
        """
        target = self._assigned(partition)
        found = await self._opened.starts([target], checked_start(to, "to"), now_ms=now_ms())
        self._intake.seek(self._assigned(target), found[target])
        if self._deliveries is not None:
            self._deliveries.forget([target])

    def pause(self, *partitions: TopicPartition | int) -> None:
        """Hand out nothing of these partitions until they are resumed."""
        self._check_open()
        self._intake.pause([self._assigned(each) for each in partitions])
        self._hold_deliveries()

    def resume(self, *partitions: TopicPartition | int) -> None:
        """Go on with partitions that are paused; without arguments, with all of them."""
        self._check_open()
        self._intake.resume([self._assigned(each) for each in partitions] or list(self._intake.paused))
        self._hold_deliveries()

    async def beginning_offsets(self) -> dict[TopicPartition, int]:
        """Ask for the offset of the first message kept in each partition."""
        return await self._look_up(EARLIEST)

    async def end_offsets(self) -> dict[TopicPartition, int]:
        """Ask for the offset behind the last message of each partition, as of now.

        With ``isolation="read_committed"`` it is that of the first message whose transaction is open, if one is.
        """
        return await self._look_up(LATEST)

    async def lag(self) -> dict[TopicPartition, int]:
        """Ask how many offsets lie between the position in each partition and its end."""
        ends = await self.end_offsets()
        return {each: max(0, ends[each] - self._intake.position(each)) for each in self.partitions if each in ends}

    async def offsets_for_times(
        self, times: datetime | Mapping[TopicPartition, datetime]
    ) -> dict[TopicPartition, int | None]:
        """Ask for the first message at or after a time.

        Args:
            times: one for all partitions, or one for each of some; with a time zone.

        Returns:
            the offset; None where no message is so late.
        """
        wanted = dict.fromkeys(self.partitions, times) if isinstance(times, datetime) else times
        asked = {self._assigned(each): _timestamp(time) for each, time in wanted.items()}
        found = await self._opened.look_up(asked)
        return {each: None if offset == NO_OFFSET else offset for each, offset in found.items()}

    def _hold_deliveries(self) -> None:
        if self._deliveries is not None:
            self._deliveries.hold(self._intake.paused)

    def _check_open(self) -> None:
        if self._cluster is None:
            raise ClosedError("consumer")

    @property
    def _opened(self) -> Discovery:
        if self._discovery is None or self._intake.is_closed:
            raise ClosedError("consumer")
        return self._discovery

    def _assigned(self, partition: TopicPartition | int) -> TopicPartition:
        """Take a partition that is read, or the index of one where one topic is."""
        self._check_open()
        named = self._named(partition)
        if named not in self._intake.assignment:
            topic, index = named
            raise UnknownTopicError(f"topic {topic!r} has no partition {index}, or this consumer does not read it")
        return named

    def _named(self, partition: TopicPartition | int) -> TopicPartition:
        if not isinstance(partition, int):
            return TopicPartition(*partition)
        names = self._subscription.names
        if names is None or len(names) != 1:
            raise ConfigurationError("of several topics a partition's number is not enough: use TopicPartition")
        return TopicPartition(names[0], partition)

    async def _look_up(self, timestamp: int) -> dict[TopicPartition, int]:
        return await self._opened.look_up(dict.fromkeys(self.partitions, timestamp))


def _timestamp(time: datetime) -> int:
    return timestamp_of(checked_time(time, "times"), now_ms=0)


def now_ms() -> int:
    """Return the time in milliseconds since the epoch."""
    return time.time_ns() // 1_000_000
