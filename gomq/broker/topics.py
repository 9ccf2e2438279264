"""The catalogue of topics: made, found, deleted; on disk as records of the metadata log and folders of partitions.

Creating: 1. make the partitions' folders and logs, synced.  2. Write the topic's record: now it exists.
Deleting: 1. Take the record back: now it is gone.  2. Close the logs and remove the folders.
Neither is left half done by a cancellation. A folder that no record speaks of is left alone and not served; where a
topic of its name is created it is put aside.
"""

import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import anyio
from anyio import to_thread

from gomq.broker.config import BrokerConfig, FlushMode
from gomq.broker.logs import get_logger
from gomq.broker.metadata_log import TOPIC_NAME, MetadataLog
from gomq.broker.partition import Partition
from gomq.broker.topic_configs import apply_topic_configs
from gomq.broker.topic_logs import TopicLogs
from gomq.errors import InvalidPartitionsError, InvalidTopicError, TopicAlreadyExistsError, UnknownTopicError
from gomq_storage.config import LogConfig
from gomq_storage.directory import LogDirectory
from gomq_storage.errors import LogOfflineError, StorageError
from gomq_storage.layout import TopicPartition, topic_name_problem
from gomq_storage.log import Log

_log = get_logger("gomq.broker")

_PREFIX: Final = "topic/"
_EPOCH_KEY: Final = "leader-epoch"


@dataclass(slots=True, eq=False)
class Topic:
    """One topic and its partitions."""

    name: str
    id: uuid.UUID
    partitions: tuple[Partition, ...]
    configs: Mapping[str, str]
    """Its own, as they were given; ``Topics.alter_configs`` replaces them."""


class Topics:
    """All topics of a broker."""

    def __init__(self, logs: TopicLogs, config: BrokerConfig) -> None:
        self._logs = logs
        self._metadata = MetadataLog(logs.open_metadata(), on_failure=self.fail)
        self._config = config
        self._by_name: dict[str, Topic] = {}
        self._by_id: dict[uuid.UUID, Topic] = {}
        self._changing = anyio.Lock()
        self._failure: str | None = None
        self.leader_epoch = 0
        """Of every partition; it rises with every start after an unclean stop (KIP-320)."""

    @classmethod
    def open(cls, directory: LogDirectory, config: BrokerConfig) -> "Topics":
        """Replay the metadata log and open every topic's logs; waits for the device.

        A partition whose log is damaged or missing is offline, all others serve.

        Raises:
            StorageError: the metadata log itself cannot be read.
        """
        topics = cls(TopicLogs(directory, is_promised=config.flush is FlushMode.ALWAYS), config)
        for key, value in topics._metadata.values.items():
            if key.startswith(_PREFIX):
                topics._add(topics._open_topic(key.removeprefix(_PREFIX), value))
        topics._begin_epoch()
        return topics

    @property
    def metadata(self) -> MetadataLog:
        """Where else the broker keeps what it must remember."""
        return self._metadata

    def __iter__(self) -> Iterator[Topic]:
        return iter(tuple(self._by_name.values()))

    def get(self, topic: str | uuid.UUID | None) -> Topic | None:
        """Find a topic by name or by id."""
        return self._by_id.get(topic) if isinstance(topic, uuid.UUID) else self._by_name.get(topic or "")

    def partition(self, topic: str | uuid.UUID | None, index: int) -> Partition | None:
        """Find a partition."""
        found = self.get(topic)
        return found.partitions[index] if found is not None and 0 <= index < len(found.partitions) else None

    def all_partitions(self) -> Iterable[Partition]:
        """Every partition of every topic."""
        return (partition for topic in self._by_name.values() for partition in topic.partitions)

    def logs(self) -> list[Log]:
        """List the logs in use, the broker's own among them."""
        return [*(partition.log for partition in self.all_partitions() if not partition.is_offline), self._metadata.log]

    def visible_upto(self, log: Log) -> int:
        """Say up to which offset consumers may see a log."""
        for partition in self.all_partitions():
            if not partition.is_offline and partition.log is log:
                return partition.high_watermark
        return log.log_end

    def check_new(self, name: str, partitions: int, configs: Mapping[str, str | None]) -> LogConfig:
        """Check that a topic could be created, and work out its logs' settings.

        Raises:
            InvalidTopicError: no topic may have that name.
            TopicAlreadyExistsError: one has it.
            InvalidPartitionsError: not so many, or so few.
            ValueError: a config cannot be.
        """
        problem = topic_name_problem(name)
        if problem is None and name == TOPIC_NAME:
            problem = f"topic name {name!r} is the broker's own"
        if problem is not None:
            raise InvalidTopicError(problem)
        if name in self._by_name:
            raise TopicAlreadyExistsError(f"topic {name!r} already exists")
        if (other := self._collision(name)) is not None:
            raise InvalidTopicError(
                f"topic {name!r} collides with {other!r}: '.' and '_' are not told apart in metrics"
            )
        if not 1 <= partitions <= self._config.max_partitions_per_topic:
            limit = self._config.max_partitions_per_topic
            raise InvalidPartitionsError(f"a topic has 1 to {limit} partitions, not {partitions}")
        return apply_topic_configs(self._config.log, configs)

    async def create(self, name: str, *, partitions: int, configs: Mapping[str, str | None]) -> Topic:
        """Create a topic; errors are those of ``check_new``, and ``OSError`` or ``StorageError`` from the disk."""
        async with self._changing:
            if self._failure is not None:
                raise StorageError(self._failure)
            log_config = self.check_new(name, partitions, configs)
            topic_id = uuid.uuid4()
            names = [TopicPartition(name, index) for index in range(partitions)]
            value = {"id": str(topic_id), "partitions": partitions, "configs": dict(configs)}
            with anyio.CancelScope(shield=True):
                try:
                    logs = await to_thread.run_sync(self._logs.create, names, topic_id, log_config)
                except LogOfflineError as error:
                    self.fail(error)
                    raise
                try:
                    await self._metadata.put(_PREFIX + name, value)
                except LogOfflineError:
                    for log in logs:
                        log.abandon()  # the folders stay: after a restart the topic may be there
                    raise
                except BaseException:
                    await to_thread.run_sync(self._logs.remove, names, logs)
                    raise
            opened = tuple(Partition(*each, leader_epoch=self.leader_epoch) for each in zip(names, logs, strict=True))
            topic = Topic(name, topic_id, opened, {key: value or "" for key, value in configs.items()})
            self._add(topic)
            return topic

    async def alter_configs(self, name: str, change: Callable[[Mapping[str, str]], Mapping[str, str]]) -> None:
        """Change a topic's own configs; all its logs go by them from then on.

        Args:
            name: the topic.
            change: makes the new configs of those that the topic has; nothing else changes them meanwhile.

        Raises:
            UnknownTopicError: there is no such topic.
            ValueError: a config cannot be, or ``change`` says so.
            OSError, StorageError: the disk; nothing was changed, unless a sync failed.
        """
        async with self._changing:
            topic = self._by_name.get(name)
            if topic is None:
                raise UnknownTopicError(f"there is no topic {name!r}")
            if self._failure is not None:
                raise StorageError(self._failure)
            configs = dict(change(topic.configs))
            log_config = apply_topic_configs(self._config.log, configs)
            with anyio.CancelScope(shield=True):
                await self._metadata.put(_PREFIX + name, {**self._metadata.values[_PREFIX + name], "configs": configs})
                topic.configs = configs
                for partition in topic.partitions:
                    if not partition.is_offline:
                        partition.log.configure(log_config)

    async def delete(self, topic: Topic) -> None:
        """Delete a topic and all its messages; those who wait for it are woken."""
        async with self._changing:
            if self._by_name.get(topic.name) is not topic:
                return
            with anyio.CancelScope(shield=True):
                await self._metadata.put(_PREFIX + topic.name, None)
                del self._by_name[topic.name], self._by_id[topic.id]
                logs = [partition.delete() for partition in topic.partitions]
                names = [partition.name for partition in topic.partitions]
                await to_thread.run_sync(self._logs.remove, names, logs)

    def fail(self, error: LogOfflineError) -> None:
        """Take no more messages anywhere, and no more topics: a sync has failed."""
        if self._failure is None:
            _log.error("broker.disk_failed", error=str(error), consequence="no more messages are taken until a restart")
        self._failure = str(error)
        for partition in self.all_partitions():
            partition.fail(self._failure)

    def close(self) -> list[StorageError]:
        """Sync and close every log and the directory; waits for the device. Return what could not be synced."""
        return self._logs.close([*(partition.take_log() for partition in self.all_partitions()), self._metadata.log])

    def _begin_epoch(self) -> None:
        """Let a new leader epoch begin unless the last one ended in order."""
        known = self._metadata.values.get(_EPOCH_KEY)
        epoch = known["epoch"] if known is not None else -1
        logs = (partition.log for partition in self.all_partitions() if not partition.is_offline)
        latest = max((log.epochs.latest for log in logs), default=-1)
        if known is None or not self._logs.is_clean or latest > epoch:  # no batch takes a smaller one than its log has
            is_first = known is None and not self._by_name
            epoch = max(0 if is_first else max(epoch, 0) + 1, latest)
            self._metadata.put_now(_EPOCH_KEY, {"epoch": epoch})
        self.leader_epoch = epoch
        for partition in self.all_partitions():
            partition.leader_epoch = epoch
            if not partition.is_offline:
                partition.log.begin_epoch(epoch)

    def _add(self, topic: Topic) -> None:
        self._by_name[topic.name] = topic
        self._by_id[topic.id] = topic

    def _collision(self, name: str) -> str | None:
        flat = name.replace(".", "_")
        return next((other for other in self._by_name if other.replace(".", "_") == flat), None)

    def _open_topic(self, name: str, value: dict[str, Any]) -> Topic:
        names = [TopicPartition(name, index) for index in range(value["partitions"])]
        try:
            config = apply_topic_configs(self._config.log, value["configs"])
            partitions = tuple(self._logs.open(each, config) for each in names)
        except ValueError as error:  # the defaults have changed, and do not go with what the topic sets
            partitions = tuple(Partition(each, None, problem=str(error)) for each in names)
        return Topic(name, uuid.UUID(value["id"]), partitions, value["configs"])
