"""The catalogue of topics: made, found, deleted; on disk as records of the metadata log and folders of partitions.

Creating: 1. make the partitions' folders and logs, synced.  2. Write the topic's record: now it exists.
Deleting: 1. Take the record back: now it is gone.  2. Close the logs and remove the folders.
Neither is left half done by a cancellation. A folder that no record speaks of is left alone and not served; while it
holds messages no topic of its name can be created, as these would be the new topic's first.
"""

import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import anyio
from anyio import to_thread

from gomq.broker.config import BrokerConfig
from gomq.broker.logs import get_logger
from gomq.broker.metadata_log import TOPIC_NAME, MetadataLog
from gomq.broker.partition import Partition
from gomq.broker.topic_configs import apply_topic_configs
from gomq.errors import InvalidPartitionsError, InvalidTopicError, TopicAlreadyExistsError, UnknownTopicError
from gomq_storage.config import LogConfig
from gomq_storage.directory import LogDirectory
from gomq_storage.errors import LogOfflineError, StorageError
from gomq_storage.layout import TopicPartition, topic_name_problem
from gomq_storage.log import Log

_log = get_logger("gomq.broker")

_PREFIX: Final = "topic/"
_METADATA: Final = TopicPartition(TOPIC_NAME, 0)


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

    def __init__(self, directory: LogDirectory, metadata: Log, config: BrokerConfig) -> None:
        self._directory = directory
        self._metadata = MetadataLog(metadata, on_failure=self.fail)
        self._config = config
        self._by_name: dict[str, Topic] = {}
        self._by_id: dict[uuid.UUID, Topic] = {}
        self._changing = anyio.Lock()
        self._failure: str | None = None

    @classmethod
    def open(cls, directory: LogDirectory, config: BrokerConfig) -> "Topics":
        """Replay the metadata log and open every topic's logs; waits for the device.

        A partition whose log is damaged or missing is offline, all others serve.

        Raises:
            StorageError: the metadata log itself cannot be read.
        """
        topics = cls(directory, _open_metadata(directory), config)
        for key, value in topics._metadata.values.items():
            if key.startswith(_PREFIX):
                topics._add(topics._open_topic(key.removeprefix(_PREFIX), value))
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
                    logs = await to_thread.run_sync(self._create_logs, names, topic_id, log_config)
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
                    await to_thread.run_sync(self._remove_logs, names, logs)
                    raise
            opened = tuple(map(Partition, names, logs))
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
                await to_thread.run_sync(self._remove_logs, names, logs)

    def fail(self, error: LogOfflineError) -> None:
        """Take no more messages anywhere, and no more topics: a sync has failed."""
        if self._failure is None:
            _log.error("broker.disk_failed", error=str(error), consequence="no more messages are taken until a restart")
        self._failure = str(error)
        for partition in self.all_partitions():
            partition.fail(self._failure)

    def close(self) -> list[StorageError]:
        """Sync and close every log; waits for the device. Return what could not be synced."""
        failures: list[StorageError] = []
        logs = [partition.take_log() for partition in self.all_partitions()]
        for log in (*logs, self._metadata.take_log()):
            try:
                if log is not None:
                    log.close()
            except StorageError as error:
                failures.append(error)
        return failures

    def _add(self, topic: Topic) -> None:
        self._by_name[topic.name] = topic
        self._by_id[topic.id] = topic

    def _collision(self, name: str) -> str | None:
        flat = name.replace(".", "_")
        return next((other for other in self._by_name if other.replace(".", "_") == flat), None)

    def _open_topic(self, name: str, value: dict[str, Any]) -> Topic:
        config = apply_topic_configs(self._config.log, value["configs"])
        partitions = tuple(
            self._open_partition(TopicPartition(name, index), config) for index in range(value["partitions"])
        )
        return Topic(name, uuid.UUID(value["id"]), partitions, value["configs"])

    def _open_partition(self, name: TopicPartition, config: LogConfig) -> Partition:
        try:
            log = self._directory.open_log(name, config=config)
            log.flush()
        except StorageError as error:
            return Partition(name, None, problem=str(error))
        return Partition(name, log)

    def _create_logs(self, names: list[TopicPartition], topic_id: uuid.UUID, config: LogConfig) -> list[Log]:
        for name in set(names) & set(self._directory.partitions()):
            self._check_left_behind(name, config)
        logs: list[Log] = []
        try:
            for name in names:
                logs.append(self._directory.create_log(name, topic_id=topic_id, config=config))  # noqa: PERF401
        except (OSError, StorageError):
            self._remove_logs(names, list(logs))
            raise
        return logs

    def _check_left_behind(self, name: TopicPartition, config: LogConfig) -> None:
        log = self._directory.open_log(name, config=config)
        log.abandon()
        if log.log_end > 0:
            raise StorageError(f"folder {name} holds {log.log_end} messages of an earlier topic; move it away first")

    def _remove_logs(self, names: list[TopicPartition], logs: list[Log] | list[Log | None]) -> None:
        for log in logs:
            if log is not None:
                log.abandon()
        for name in names:
            self._directory.remove_log(name)


def _open_metadata(directory: LogDirectory) -> Log:
    config = LogConfig()
    if _METADATA in set(directory.partitions()):
        log = directory.open_log(_METADATA, config=config)
        log.flush()
        return log
    return directory.create_log(_METADATA, topic_id=uuid.uuid4(), config=config)
