"""The async face of ``__consumer_offsets``: where groups are written down, a topic of the catalogue.

A write is in the log when ``append`` returns, in the order of the calls, and counts once the high watermark has passed
it: many writes share one sync with everything else that was appended (``flusher.py``). What a write changes in memory
is changed then, in the log's order. So memory never says what a power cut can take back.

A partition that cannot be read is refused to its groups, and to no others. Kafka: ``CoordinatorRuntime``,
``CoordinatorOperationExceptionHelper``.
"""

import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

from kio.schema.errors import ErrorCode

from gomq.broker.catalogue import Topic
from gomq.broker.configs.running_config import RunningConfig
from gomq.broker.flusher import Flusher
from gomq.broker.groups.records import GroupMetadataKey, GroupMetadataValue, encode_group_metadata, encode_key
from gomq.broker.groups.topic import OFFSETS_TOPIC, OFFSETS_TOPIC_CONFIGS, partition_of
from gomq.broker.partition import Partition, wait_until
from gomq.broker.topics import Topics
from gomq.errors import BrokerError, GomqError, TopicAlreadyExistsError
from gomq_storage.batch import read_header
from gomq_storage.errors import BatchTooLargeError, StorageError
from gomq_storage.record import NewRecord, encode_batch

Change: TypeAlias = tuple[bytes, bytes | None]
"""A record's key and its value; None takes the key back."""
_MAX_MESSAGE: Final = 1000


class GroupLogError(GomqError):
    """Something about a group could not be written down, or not be looked up."""

    def __init__(self, code: ErrorCode, reason: str) -> None:
        super().__init__(reason[:_MAX_MESSAGE])
        self.code = code
        """What Kafka answers the client then."""


class Write:
    """Records that were appended as one batch: all of them count, or none."""

    __slots__ = ("end", "is_durable", "partition", "then")

    def __init__(self, partition: Partition, end: int, then: Callable[[], None] | None) -> None:
        self.partition: Partition = partition
        self.end: int = end
        """Where the high watermark must be for it to count."""
        self.then: Callable[[], None] | None = then
        self.is_durable: bool = False


class GroupLog:
    """Writes down what groups must not forget.

    Args:
        topics: the catalogue that has the topic, or gets it.
        flusher: syncs what is appended.
        running: how the topic is made, and for how long a write is waited for.
    """

    def __init__(self, topics: Topics, flusher: Flusher, running: RunningConfig) -> None:
        self._topics = topics
        self._flusher = flusher
        self._running = running
        self._pending: dict[Partition, deque[Write]] = {}
        """Writes that do not count yet, in the log's order."""
        self._unread: dict[Partition, ErrorCode] = {
            partition: ErrorCode.coordinator_load_in_progress
            for partition in self.partitions()
            if not partition.is_offline
        }
        """Partitions of which is not known what they say, and what their groups are told."""

    def partitions(self) -> tuple[Partition, ...]:
        """List the topic's partitions; there are none before the topic is made."""
        topic = self._topics.get(OFFSETS_TOPIC)
        return topic.partitions if topic is not None else ()

    async def ready(self) -> Topic:
        """Make the topic, where it is not there yet.

        Raises:
            GroupLogError: it could not be made.
        """
        topic = self._topics.get(OFFSETS_TOPIC)
        if topic is not None:
            return topic
        count = self._running.current.offsets_topic_partitions
        try:
            return await self._topics.create(OFFSETS_TOPIC, partitions=count, configs=OFFSETS_TOPIC_CONFIGS)
        except TopicAlreadyExistsError:  # another request was faster
            return await self.ready()
        except (BrokerError, OSError, StorageError) as error:
            raise GroupLogError(ErrorCode.coordinator_not_available, str(error)) from error

    def opened(self, partition: Partition) -> None:
        """Take note that memory holds what a partition says."""
        self._unread.pop(partition, None)

    def unreadable(self, partition: Partition) -> None:
        """Take note that a partition cannot be read: its groups are not served."""
        self._unread[partition] = ErrorCode.not_coordinator

    @property
    def is_loading(self) -> bool:
        """Whether there may be groups that are not known yet."""
        return ErrorCode.coordinator_load_in_progress in self._unread.values()

    def refusal(self, group_id: str) -> ErrorCode:
        """Say why a group cannot be served now, if so."""
        partition = self._partition(group_id)
        if partition is None:
            return ErrorCode.none
        if partition.is_offline:
            return ErrorCode.not_coordinator
        return self._unread.get(partition, ErrorCode.none)

    def append(self, group_id: str, changes: Sequence[Change], *, then: Callable[[], None] | None = None) -> Write:
        """Append a group's records.

        Args:
            group_id: whose they are.
            changes: one key and value at least.
            then: called once they count, after those of all writes before it.

        Raises:
            GroupLogError: they were not appended.
        """
        records = [NewRecord(value, key) for key, value in changes]
        return self.append_batch(group_id, encode_batch(records, now_ms=time.time_ns() // 1_000_000), then=then)

    def append_batch(self, group_id: str, batch: bytes, *, then: Callable[[], None] | None = None) -> Write:
        """Append a group's records that are laid out already; arguments and errors are those of ``append``."""
        partition = self._partition(group_id)
        if partition is None:
            raise GroupLogError(ErrorCode.not_coordinator, f"there is no topic {OFFSETS_TOPIC}")
        if code := self.refusal(group_id):
            raise GroupLogError(code, f"{partition.name} is not read")
        try:
            _, last, _ = partition.append(batch, read_header(batch))
        except BatchTooLargeError as error:
            raise GroupLogError(ErrorCode.unknown_server_error, str(error)) from error
        except (OSError, StorageError) as error:
            raise GroupLogError(ErrorCode.not_coordinator, str(error)) from error
        write = Write(partition, last + 1, then)
        self._pending.setdefault(partition, deque()).append(write)
        self._flusher.appended(partition)
        self._settle(partition)
        return write

    async def wait(self, write: Write) -> None:
        """Return once a write counts.

        Raises:
            GroupLogError: it did not come to that; after a restart it may be there, or not.
        """
        partition = write.partition
        is_over = await wait_until(
            lambda: partition.high_watermark >= write.end or partition.problem is not None,
            [partition],
            seconds=self._running.current.offset_commit_timeout,
        )
        self._settle(partition)
        if write.is_durable:
            return
        if is_over:
            raise GroupLogError(ErrorCode.not_coordinator, partition.problem or "closed")
        raise GroupLogError(ErrorCode.coordinator_not_available, "the disk did not keep up")

    def append_group(
        self, group_id: str, value: GroupMetadataValue | None, *, then: Callable[[], None] | None = None
    ) -> Write:
        """Append who is in a group, or that there is no such group; errors are those of ``append``."""
        raw = None if value is None else encode_group_metadata(value)
        return self.append(group_id, [(encode_key(GroupMetadataKey(group=group_id)), raw)], then=then)

    def settle(self, group_id: str) -> None:
        """See that memory holds whatever counts by now of a group."""
        partition = self._partition(group_id)
        if partition is not None:
            self._settle(partition)

    async def catch_up(self, group_id: str) -> None:
        """Return once memory holds whatever is on its way now; errors are those of ``wait``."""
        partition = self._partition(group_id)
        writes = self._pending.get(partition) if partition is not None else None
        if writes:
            await self.wait(writes[-1])

    def _partition(self, group_id: str) -> Partition | None:
        partitions = self.partitions()
        return partitions[partition_of(group_id, len(partitions))] if partitions else None

    def _settle(self, partition: Partition) -> None:
        writes = self._pending.get(partition)
        while writes and writes[0].end <= partition.high_watermark:
            write = writes.popleft()
            write.is_durable = True
            if write.then is not None:
                write.then()
        if writes and partition.problem is not None:
            writes.clear()  # it is not known whether they are on the device, nor will it be before a restart
