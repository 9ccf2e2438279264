"""The catalogue of topics: made, found, deleted; on disk as records of the metadata log and folders of partitions.

Creating: 1. make the partitions' folders and logs, synced.  2. Write the topic's record: now it exists.
Adding partitions: the same two steps, with the folders of those that are new.
Deleting: 1. Take the record back: now it is gone.  2. Close the logs and remove the folders.
None is left half done by a cancellation. A folder that no record speaks of is left alone and not served; where a
topic of its name is created it is put aside.
"""

import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from typing import Any, Final

import anyio
from anyio import to_thread

from gomq.broker.catalogue import Catalogue, NewPartitions, NewTopic, Topic
from gomq.broker.config import FlushMode
from gomq.broker.configs.dynamic_configs import DynamicConfigs, metadata_key
from gomq.broker.configs.running_config import RunningConfig
from gomq.broker.configs.topic_configs import apply_topic_configs
from gomq.broker.logs import get_logger
from gomq.broker.metadata_log import MetadataLog
from gomq.broker.partition import Partition
from gomq.broker.topic_logs import TopicLogs
from gomq.errors import InvalidPartitionsError
from gomq_storage.config import LogConfig
from gomq_storage.directory import LogDirectory
from gomq_storage.errors import LogOfflineError, StorageError
from gomq_storage.layout import TopicPartition
from gomq_storage.log import Log

_log = get_logger("gomq.broker")

_PREFIX: Final = "topic/"
_EPOCH_KEY: Final = "leader-epoch"


class Topics(Catalogue):
    """All topics of a broker, and the changes of them: one at a time."""

    def __init__(self, logs: TopicLogs, running: RunningConfig) -> None:
        super().__init__()
        self._logs = logs
        self._metadata = MetadataLog(logs.open_metadata(), on_failure=self.fail)
        self._running = running
        self.dynamic: DynamicConfigs = DynamicConfigs(running)
        """What was set for the broker while it ran; ``alter_broker_configs`` changes it."""
        self._changing = anyio.Lock()
        self._failure: str | None = None
        self.leader_epoch: int = 0
        """Of every partition; it rises with every start after an unclean stop (KIP-320)."""

    @classmethod
    def open(cls, directory: LogDirectory, running: RunningConfig) -> "Topics":
        """Replay the metadata log and open every topic's logs; waits for the device.

        A partition whose log is damaged or missing is offline, all others serve.

        Raises:
            StorageError: the metadata log itself cannot be read.
        """
        topics = cls(TopicLogs(directory, is_promised=running.current.flush is FlushMode.ALWAYS), running)
        for problem in topics.dynamic.restore(topics._metadata):
            _log.error("config.passed_over", reason=problem)
        for key, value in topics._metadata.values.items():
            if key.startswith(_PREFIX):
                topics._add(topics._open_topic(key.removeprefix(_PREFIX), value))
        topics._logs.report_unclaimed({partition.name for partition in topics.all_partitions()})
        topics._begin_epoch()
        running.subscribe(lambda _: topics._configure(topics))
        return topics

    @property
    def metadata(self) -> MetadataLog:
        """Where else the broker keeps what it must remember."""
        return self._metadata

    @property
    def failure(self) -> str | None:
        """Why no more messages and topics are taken, or None while they are."""
        return self._failure

    def logs(self) -> list[Log]:
        """List the logs in use, the broker's own among them."""
        return [*(partition.log for partition in self.all_partitions() if not partition.is_offline), self._metadata.log]

    def log_config(self, configs: Mapping[str, str | None]) -> LogConfig:
        """Work out the settings of the logs of a topic with these configs.

        Raises:
            ValueError: a config cannot be.
        """
        return apply_topic_configs(self._running.current.log, configs)

    def check_count(self, partitions: int) -> None:
        """Check that a topic could have so many partitions.

        Raises:
            InvalidPartitionsError: it could not.
        """
        limit = self._running.current.max_partitions_per_topic
        if not 1 <= partitions <= limit:
            raise InvalidPartitionsError(f"a topic has 1 to {limit} partitions, not {partitions}")

    async def create(self, name: str, *, partitions: int, configs: Mapping[str, str | None]) -> Topic:
        """Create a topic; errors are those of ``create_all``."""
        return (await self.create_all([NewTopic(name, partitions, configs)]))[0]

    async def create_all(self, wanted: Sequence[NewTopic]) -> list[Topic]:
        """Create topics together, all of them or none, which takes little longer than one of them does.

        Raises:
            BrokerError, ValueError: those of ``check_name``, ``log_config`` and ``check_count``.
            OSError, StorageError: the disk; nothing was changed, unless a sync failed.
        """
        async with self._changing:
            self._check_usable()
            plans = [self._plan(each) for each in wanted]
            await self._make(plans)
            topics = [plan.topic for plan in plans]
            for topic in topics:
                self._add(topic)
            self._configure(topics)
            return topics

    def _plan(self, wanted: NewTopic) -> NewPartitions:
        name, partitions, configs = wanted
        self.check_name(name)
        log_config = self.log_config(configs)
        self.check_count(partitions)
        topic = Topic(name, uuid.uuid4(), (), {key: value or "" for key, value in configs.items()})
        value = {"id": str(topic.id), "partitions": partitions, "configs": dict(configs)}
        return NewPartitions(topic, range(partitions), log_config, value)

    async def add_partitions(self, name: str, *, count: int, check: Callable[[int], None]) -> None:
        """Let a topic have more partitions.

        Args:
            name: the topic.
            count: how many it has then.
            check: told how many it has; raises what is wrong with that. Nothing else changes it meanwhile.

        Raises:
            UnknownTopicError: there is no such topic.
            BrokerError, ValueError: those of ``check_count``, ``check`` and ``log_config``.
            OSError, StorageError: the disk; nothing was changed, unless a sync failed.
        """
        async with self._changing:
            self._check_usable()
            topic = self.existing(name)
            present = len(topic.partitions)
            check(present)
            self.check_count(count)
            value = {**self._metadata.values[_PREFIX + name], "partitions": count}
            log_config = self.log_config(topic.configs)
            await self._make([NewPartitions(topic, range(present, count), log_config, value)])
            self._configure([topic])

    async def _make(self, plans: Sequence[NewPartitions]) -> None:
        """Make partitions: folders and logs first, then the topics' records that speak of them."""
        wanted = [new for plan in plans for new in plan.logs()]
        with anyio.CancelScope(shield=True):
            try:
                logs = await to_thread.run_sync(self._logs.create, wanted)
            except LogOfflineError as error:
                self.fail(error)
                raise
            try:
                await self._metadata.put_all({_PREFIX + plan.topic.name: plan.value for plan in plans})
            except LogOfflineError:
                for log in logs:
                    log.abandon()  # the folders stay: after a restart the partitions may be there
                raise
            except BaseException:
                await to_thread.run_sync(self._logs.remove, [new.partition for new in wanted], logs)
                raise
        made = zip(wanted, logs, strict=True)
        for plan in plans:
            plan.topic.partitions += tuple(
                Partition(new.partition, log, leader_epoch=self.leader_epoch)
                for new, log in islice(made, len(plan.indexes))
            )

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
            topic = self.existing(name)
            self._check_usable()
            configs = dict(change(topic.configs))
            self.log_config(configs)
            with anyio.CancelScope(shield=True):
                await self._metadata.put(_PREFIX + name, {**self._metadata.values[_PREFIX + name], "configs": configs})
                topic.configs = configs
                self._configure([topic])

    async def alter_broker_configs(
        self, resource: str, change: Callable[[Mapping[str, str]], Mapping[str, str]], *, validate_only: bool = False
    ) -> None:
        """Change what was set for the broker, or for all; all topics go by it from then on.

        Args:
            resource: one of those of ``DynamicConfigs``.
            change: makes the new configs of those that it has; nothing else changes them meanwhile.
            validate_only: only check that it could be done.

        Raises:
            ValueError: a config cannot be, does not go with what a topic sets, or ``change`` says so.
            OSError, StorageError: the disk; nothing was changed, unless a sync failed.
        """
        async with self._changing:
            self._check_usable()
            configs = dict(change(self.dynamic.of(resource)))
            altered = self._running.check_dynamic(self.dynamic.together(resource, configs))
            for topic in self:
                topic.check_defaults(altered.log)
            if validate_only:
                return
            with anyio.CancelScope(shield=True):
                await self._metadata.put(metadata_key(resource), {"configs": configs} if configs else None)
                self.dynamic.take(resource, configs)

    async def delete(self, topic: Topic) -> None:
        """Delete a topic and all its messages; those who wait for it are woken."""
        async with self._changing:
            if self._by_name.get(topic.name) is not topic:
                return
            with anyio.CancelScope(shield=True):
                await self._metadata.put(_PREFIX + topic.name, None)
                self._remove(topic)
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
        return self._logs.close(self._take_logs())

    def abandon(self) -> None:
        """Let go of every log and the directory as they are: nothing is synced or written down."""
        self._logs.abandon(self._take_logs())

    def _take_logs(self) -> list[Log | None]:
        return [*(partition.take_log() for partition in self.all_partitions()), self._metadata.log]

    def _check_usable(self) -> None:
        if self._failure is not None:
            raise StorageError(self._failure)

    def _configure(self, topics: Iterable[Topic]) -> None:
        """Have the logs of topics go by the settings that now count, which may have changed meanwhile."""
        for topic in topics:
            try:
                topic.configure(self.log_config(topic.configs))
            except ValueError as error:  # only where the settings were read again from a file
                _log.error("topic.not_configured", topic=topic.name, reason=str(error))

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

    def _open_topic(self, name: str, value: dict[str, Any]) -> Topic:
        names = [TopicPartition(name, index) for index in range(value["partitions"])]
        try:
            config = self.log_config(value["configs"])
            partitions = tuple(self._logs.open(each, config) for each in names)
        except ValueError as error:  # the defaults have changed, and do not go with what the topic sets
            partitions = tuple(Partition(each, None, problem=str(error)) for each in names)
        return Topic(name, uuid.UUID(value["id"]), partitions, value["configs"])
