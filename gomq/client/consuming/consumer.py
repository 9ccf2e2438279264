"""The consumer: ``async with Consumer(address, topic, replay=True) as consumer: async for message in consumer``."""

from collections.abc import Mapping
from typing import Self

from anyio.abc import TaskGroup

from gomq.client.cluster.cluster import Cluster
from gomq.client.cluster.settings import ConnectionSettings
from gomq.client.consuming.fetched import FetchBuffer
from gomq.client.consuming.fetcher import Fetcher
from gomq.client.consuming.offsets import EARLIEST, LATEST, look_up_offsets
from gomq.client.consuming.reader import Batches, Reader
from gomq.client.consuming.settings import ConsumerSettings
from gomq.client.message import Message
from gomq.errors import ClosedError, UnknownTopicError
from gomq.net.scope import Scope
from gomq_storage.layout import TopicPartition

_LEADERLESS_PATIENCE = 5.0
"""Seconds to wait, at the start, for partitions without a leader."""


class Consumer(Scope):
    """Reads a topic, all its partitions, message by message or in batches.

    Within a partition messages come in their order. The broker remembers nothing of a consumer. What is fetched is
    checked; a broker that is lost is looked for again. Several tasks may iterate; each message goes to one of them.

    Args:
        address: HOST:PORT of a broker, or several, comma-separated, of one cluster.
        topic: must exist; a consumer creates none.
        replay: True starts with the first message kept. False takes those that are published once the block is
            entered.
        request_timeout: seconds for one answer; the connection is given up then.
        retry_timeout: seconds to look for a lost broker before the iteration raises.
        client_id: what brokers call this client.
        settings: all settings at once, instead of the three before.

    Raises:
        UnknownTopicError: on entering, when the topic does not exist.
        ConnectionFailedError: on entering, when no broker answers.
    """

    def __init__(  # noqa: PLR0913 - each has a default and is named at the call
        self,
        address: str,
        topic: str,
        *,
        replay: bool = False,
        request_timeout: float = 30.0,
        retry_timeout: float = 120.0,
        client_id: str = "gomq",
        settings: ConsumerSettings | None = None,
    ) -> None:
        super().__init__()
        self._address = address
        self._topic = topic
        self._replay = replay
        self._settings = settings or ConsumerSettings(
            connection=ConnectionSettings(client_id=client_id, request_timeout=request_timeout),
            retry_timeout=retry_timeout,
        )
        self._cluster: Cluster | None = None
        self._buffer = FetchBuffer(max_bytes=self._settings.buffer_bytes)
        self._reader = Reader(self._buffer)

    @property
    def partitions(self) -> list[int]:
        """The partitions that are read."""
        return list(self._reader.positions)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Message:
        reader = self._reader
        for message in reader.unread:
            return message
        self._check_open()
        while await reader.load():
            for message in reader.unread:
                return message
        raise StopAsyncIteration

    def batches(self, *, until: Mapping[int, int] | None = None) -> Batches:
        """Iterate over batches, which is the fastest way to consume.

        Args:
            until: where to end, an offset for each partition, such as ``await consumer.end_offsets()``: messages from
                there on are kept back for later iterations. None goes on for ever.
        """
        self._check_open()
        return Batches(self._reader, until)

    async def end_offsets(self) -> dict[int, int]:
        """Ask for the offset behind the last message of each partition, as of now."""
        return await self._look_up(LATEST)

    async def beginning_offsets(self) -> dict[int, int]:
        """Ask for the offset of the first message kept in each partition."""
        return await self._look_up(EARLIEST)

    def position(self, partition: int) -> int:
        """Return the offset that is handed out next, or a lower one where that does not exist any more."""
        self._check_open()
        if partition not in self._reader.positions:
            raise UnknownTopicError(f"topic {self._topic!r} has no partition {partition}")
        return self._reader.position(partition)

    def stop(self) -> None:
        """End the iteration, in whatever task it is; what was fetched and not handed out is dropped."""
        self._reader.stop()

    async def _open(self, group: TaskGroup) -> None:
        self._cluster = Cluster(self._address, self._settings.connection, group, owner="consumer")
        topic = await self._cluster.find_topic(
            self._topic, may_create=False, is_new=False, patience=_LEADERLESS_PATIENCE
        )
        self._reader.positions = dict.fromkeys((partition.index for partition in topic.partitions), 0)
        self._reader.positions = await self._look_up(EARLIEST if self._replay else LATEST)
        fetcher = Fetcher(self._cluster, self._settings, self._buffer, group)
        fetcher.start({TopicPartition(self._topic, index): start for index, start in self._reader.positions.items()})

    def _close(self) -> None:
        self.stop()
        if self._cluster is not None:
            self._cluster.close()

    def _check_open(self) -> None:
        if self._cluster is None:
            raise ClosedError("consumer")

    async def _look_up(self, timestamp: int) -> dict[int, int]:
        if self._cluster is None or self._buffer.is_closed:
            raise ClosedError("consumer")
        return await look_up_offsets(
            self._cluster,
            self._topic,
            self._reader.positions,
            timestamp=timestamp,
            patience=self._settings.connection.request_timeout,
        )
