"""Reads partitions as they are fetched, batch by batch, from chosen offsets on: no message is decoded here."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final

import anyio
from anyio.abc import TaskGroup

from gomq.client.cluster.cluster import Cluster
from gomq.client.cluster.metadata import ClusterMetadata
from gomq.client.cluster.settings import ConnectionSettings
from gomq.client.consuming.buffer import FetchBuffer
from gomq.client.consuming.fetched import Chunk
from gomq.client.consuming.fetcher import Fetcher
from gomq.client.consuming.recovery import Recovery
from gomq.client.consuming.settings import ConsumerSettings, Isolation, ReadPolicy
from gomq.client.mirroring.carrying import read_columns
from gomq.client.mirroring.choosing import matching
from gomq.client.mirroring.errors import MirrorError
from gomq.errors import CorruptMessageError
from gomq.net.scope import Scope
from gomq_storage.errors import CorruptBatchError
from gomq_storage.layout import TopicPartition
from gomq_storage.record_fields import Columns

_FETCH_BYTES: Final = 2 << 20
_BUFFER_BYTES: Final = 16 << 20
_GRACE_SECONDS: Final = 10.0
"""Behind the time for which a broker is tried again, whose error says more."""


def reading_settings(connection: ConnectionSettings, *, patience: float) -> ConsumerSettings:
    """Make the settings of a source: larger fetches than a consumer's, as nothing is decoded."""
    return ConsumerSettings(
        connection=connection, fetch_bytes=_FETCH_BYTES, buffer_bytes=_BUFFER_BYTES, retry_timeout=patience
    )


class Source(Scope):
    """Some partitions of a cluster, read from given offsets on.

    Where messages in front of what was read are deleted meanwhile it goes on behind them; where the log was cut, or
    the topic made anew, reading ends with an error, for what was carried over is then not in the source any more.

    Args:
        address: the cluster.
        starts: where to begin in each partition; each offset is there, or was.
        settings: limits.
        isolation: what of transactions counts.
        pattern: new topics that match it are looked out for.
    """

    drops_unknown = False
    """A topic that is gone ends the reading."""

    def __init__(
        self,
        address: str,
        starts: Mapping[TopicPartition, int],
        settings: ConsumerSettings,
        *,
        isolation: Isolation = "read_committed",
        pattern: re.Pattern[str] | None = None,
    ) -> None:
        super().__init__()
        self.has_more: bool = False
        """Whether there are topics that match the pattern, or partitions, which are not read."""
        self.pattern: re.Pattern[str] | None = pattern
        self._address = address
        self._positions = dict(starts)
        self._settings = settings
        self._policy = ReadPolicy(isolation=isolation, out_of_range="earliest")
        self._buffer = FetchBuffer(max_bytes=settings.buffer_bytes)
        self._cluster: Cluster | None = None
        self._fetcher: Fetcher | None = None

    async def _open(self, group: TaskGroup) -> None:
        self._cluster = cluster = Cluster(self._address, self._settings.connection, group, owner="mirror")
        topics = {target.topic for target in self._positions}
        await cluster.refresh(topics)
        recovery = Recovery(cluster, self._settings, self._policy, self._buffer, self)
        self._fetcher = Fetcher(cluster, self._settings, recovery, group)
        self._fetcher.start(self._positions)
        wanted = topics if self.pattern is None else None
        group.start_soon(cluster.keep_fresh, lambda: wanted, self._see)

    def _close(self) -> None:
        self._buffer.close()
        if self._cluster is not None:
            self._cluster.close()

    def take(self) -> Chunk | None:
        """Take what was fetched next, of whatever partition; None where nothing is here."""
        chunk = self._buffer.first
        if chunk is None:
            return None
        self._buffer.drop_first()
        wanted = chunk.wanted
        self._positions[chunk.target] = chunk.batches[-1][1].next_offset if chunk.batches else wanted
        return chunk

    async def wait(self) -> None:
        """Wait until something is here.

        Raises:
            GomqError: what went wrong in fetching.
        """
        await self._buffer.wait()

    def _see(self, there: ClusterMetadata) -> None:
        """Note whether the cluster has topics or partitions by now that are not read."""
        counts = Counter(each.topic for each in self._positions)
        self.has_more |= any(
            len(topic.partitions) > counts[name] for name, topic in there.topics.items() if name in counts
        )
        if self.pattern is not None:
            usable = {name: topic for name, topic in there.topics.items() if topic.has_leaders}
            self.has_more |= not counts.keys() >= set(matching(usable, self.pattern))

    def drop(self, target: TopicPartition) -> None:
        """Read no more of a partition."""
        assert self._fetcher is not None  # it is open
        self._fetcher.remove([target])
        self._buffer.drop([target])

    def position(self, partition: TopicPartition) -> int:
        """Return the offset that is handed out next."""
        return self._positions[partition]

    def seek(self, partition: TopicPartition, offset: int) -> None:
        """End the reading: what was handed out is not in the log any more."""
        reason = (
            f"{partition}: the source has lost what was in front of offset {self._positions[partition]}, from "
            f"{offset} on: its log was cut, or the topic was deleted and made anew. Mirror it to another cluster, "
            "or delete the topic at the target and begin again"
        )
        self._buffer.fail(MirrorError(reason), partition)

    def refetch(self, partition: TopicPartition) -> None:
        """Drop what was not handed out, and fetch it again."""
        assert self._fetcher is not None  # it is open
        self._buffer.drop([partition])
        self._fetcher.start({partition: self._positions[partition]}, is_further=True)

    def outdate(self, partition: TopicPartition) -> None:
        """Nothing is left to do: by this one's policy ``seek`` has ended the reading."""


class Messages(Source):
    """The messages of one partition from one offset up to another, some at a time.

    Args:
        address: the cluster.
        partition: what to read.
        start: the first offset; it is there, or was.
        end: where to stop; the log, or what may be read of it, reaches as far.
        settings: limits.
    """

    def __init__(
        self, address: str, partition: TopicPartition, start: int, end: int, settings: ConsumerSettings
    ) -> None:
        super().__init__(address, {partition: start}, settings)
        self._partition = partition
        self._end = end
        self._parts: Iterator[Columns] = iter(())

    async def next(self) -> Columns | None:
        """Return more messages, or None at the end.

        Raises:
            CorruptMessageError: a batch is damaged.
            MirrorError: nothing comes.
            GomqError: what went wrong in fetching.
        """
        while True:
            wanted = self.position(self._partition)
            try:
                if (columns := next(self._parts, None)) is not None:
                    return columns
            except CorruptBatchError as error:
                raise CorruptMessageError(f"{self._partition} in front of offset {wanted}: {error}") from error
            if wanted >= self._end:
                return None
            chunk = self.take()
            if chunk is None:
                await self._wait_for_more()
            else:
                self._parts = read_columns(chunk, wanted=max(wanted, chunk.wanted), until=self._end)

    async def _wait_for_more(self) -> None:
        patience = self._settings.retry_timeout + _GRACE_SECONDS
        with anyio.move_on_after(patience) as waiting:
            await self.wait()
        if waiting.cancelled_caught:
            raise MirrorError(
                f"{self._partition}: {self._address} has not given offset {self.position(self._partition)} for "
                f"{patience:g} s, though its end was {self._end}; start the mirror again"
            )
