"""What a blocking consumer reads, and how far it is."""

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from typing import Final

from gomq.blocking.handed import HandedOver
from gomq.blocking.portal import Blocking, blocking
from gomq.client.consuming.consumer import Consumer as AsyncConsumer
from gomq.client.consuming.start import Start
from gomq.errors import ClosedError, UnknownTopicError
from gomq_storage.layout import TopicPartition


class Reading(Blocking[AsyncConsumer]):
    """The partitions of a consumer that has messages here which it has not handed out yet.

    Args:
        client: the asynchronous consumer, which nobody has entered.
    """

    def __init__(self, client: AsyncConsumer) -> None:
        super().__init__(client)
        self._handed = HandedOver()

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

    beginning_offsets: Final = blocking(AsyncConsumer.beginning_offsets)
    end_offsets: Final = blocking(AsyncConsumer.end_offsets)

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

    async def _go_back(self) -> None:
        """Have what was dropped here handed out once more."""
        for partition, offset in self._handed.returns().items():
            with suppress(UnknownTopicError, ClosedError):  # it is somebody else's now, or nothing more is read
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
