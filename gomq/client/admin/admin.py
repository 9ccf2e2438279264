"""Administration: ``async with Admin(address) as admin: await admin.create_topic(name)``."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID

from anyio.abc import TaskGroup

from gomq.client.admin import configs as topic_configs, records, topics
from gomq.client.admin.configs import TopicConfigEntry
from gomq.client.cluster.cluster import Cluster
from gomq.client.cluster.metadata import BrokerMetadata, PartitionMetadata, TopicMetadata
from gomq.client.cluster.settings import ConnectionSettings
from gomq.client.consuming.offsets import EARLIEST, LATEST, look_up_offsets
from gomq.errors import ClosedError, LeaderNotAvailableError, UnknownTopicError
from gomq.net.scope import Scope

_LEADERLESS_PATIENCE = 5.0
"""Seconds to wait for partitions without a leader before offsets are asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterDescription:
    """A cluster and its brokers."""

    cluster_id: str | None
    controller_id: int | None
    brokers: tuple[BrokerMetadata, ...]
    """By rising node id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionDescription:
    """A partition: who has it, and what it holds."""

    index: int
    leader: int | None
    """Node id."""
    replicas: tuple[int, ...]
    in_sync: tuple[int, ...]
    beginning_offset: int | None
    """Offset of the first message kept; None while there is no leader to ask."""
    end_offset: int | None
    """Offset behind the last message; None while there is no leader to ask."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicDescription:
    """A topic and its partitions."""

    name: str
    topic_id: UUID | None
    """None where the broker is too old to have any."""
    is_internal: bool
    partitions: tuple[PartitionDescription, ...]
    """In the order of their indexes."""


class Admin(Scope):
    """Asks a cluster about itself and its topics, and changes them.

    Args:
        address: HOST:PORT of a broker, or several, comma-separated, of one cluster.
        request_timeout: seconds for one answer.
        client_id: what brokers call this client.
        settings: all settings at once, instead of the two before.
    """

    def __init__(
        self,
        address: str = "localhost:9092",
        *,
        request_timeout: float = 30.0,
        client_id: str = "gomq",
        settings: ConnectionSettings | None = None,
    ) -> None:
        super().__init__()
        self._address = address
        self._settings = settings or ConnectionSettings(client_id=client_id, request_timeout=request_timeout)
        self._opened: Cluster | None = None

    async def describe_cluster(self) -> ClusterDescription:
        """Describe the cluster."""
        found = await self._cluster.refresh([])
        return ClusterDescription(
            cluster_id=found.cluster_id,
            controller_id=found.controller_id,
            brokers=tuple(sorted(found.brokers.values(), key=lambda broker: broker.node_id)),
        )

    async def list_topics(self, *, internal: bool = False) -> list[TopicMetadata]:
        """List all topics by name, those that brokers keep for themselves only where that is wanted."""
        found = (await self._cluster.refresh(None)).topics
        return [topic for _, topic in sorted(found.items()) if internal or not _is_internal(topic)]

    async def describe_topic(self, name: str) -> TopicDescription:
        """Describe a topic, offsets included.

        Raises:
            UnknownTopicError: there is none of this name.
        """
        try:
            topic = await self._cluster.find_topic(name, may_create=False, is_new=False, patience=_LEADERLESS_PATIENCE)
        except LeaderNotAvailableError:
            if (known := self._cluster.topic(name)) is None:
                raise
            topic = known
        beginnings = await self._look_up(topic, EARLIEST)
        ends = await self._look_up(topic, LATEST)
        return TopicDescription(
            name=topic.name,
            topic_id=topic.topic_id,
            is_internal=_is_internal(topic),
            partitions=tuple(
                _describe(partition, beginnings.get(partition.index), ends.get(partition.index))
                for partition in topic.partitions
            ),
        )

    async def create_topic(
        self,
        name: str,
        *,
        partitions: int = 1,
        replication_factor: int | None = None,
        configs: Mapping[str, object] | None = None,
        if_not_exists: bool = False,
    ) -> bool:
        """Create a topic and return whether it was created now; see ``Producer.create_topic``."""
        return await topics.create_topic(
            self._cluster,
            topics.NewTopic(
                name=name, partitions=partitions, replication_factor=replication_factor, configs=configs or {}
            ),
            timeout=self._settings.request_timeout,
            if_not_exists=if_not_exists,
        )

    async def delete_topic(self, name: str, *, if_exists: bool = False) -> bool:
        """Delete a topic and all its messages, and return whether it was there.

        Raises:
            UnknownTopicError: there is none of this name, and ``if_exists`` is not set.
            BrokerError: the broker refuses, and says why.
        """
        try:
            await topics.delete_topic(self._cluster, name, timeout=self._settings.request_timeout)
        except UnknownTopicError:
            if not if_exists:
                raise
            return False
        return True

    async def describe_configs(self, topic: str) -> dict[str, TopicConfigEntry]:
        """Return all configs of a topic by name: those that were set for it, and the broker's for the others.

        Raises:
            UnknownTopicError: there is no such topic.
            BrokerError: the broker refuses, and says why.
        """
        return await topic_configs.describe_configs(self._cluster, topic)

    async def alter_configs(
        self,
        topic: str,
        changes: Mapping[str, object] | None = None,
        *,
        unset: Iterable[str] = (),
        validate_only: bool = False,
    ) -> None:
        """Change a topic's configs from now on; those that are not named stay as they are.

        Args:
            topic: the topic.
            changes: new values by name.
            unset: names of those that shall be as the broker has them.
            validate_only: only ask whether that could be done.

        Raises:
            UnknownTopicError: there is no such topic.
            BrokerError: the broker refuses, and says why; then nothing was changed.
        """
        await topic_configs.alter_configs(self._cluster, topic, changes or {}, unset, validate_only=validate_only)

    async def delete_records(self, topic: str, before: Mapping[int, int]) -> dict[int, int]:
        """Delete the messages before an offset of each partition, for good.

        Args:
            topic: the topic.
            before: offset by partition; -1 stands for the partition's end.

        Returns:
            the first offset that each of the partitions has now.

        Raises:
            UnknownTopicError: there is no such topic, or no such partition.
            OffsetOutOfRangeError: an offset lies behind the partition's end.
            BrokerError: the broker refuses, as it does where the topic's ``cleanup.policy`` does not delete.
        """
        return await records.delete_records(self._cluster, topic, before, timeout=self._settings.request_timeout)

    async def _look_up(self, topic: TopicMetadata, timestamp: int) -> dict[int, int]:
        return await look_up_offsets(
            self._cluster,
            topic.name,
            [partition.index for partition in topic.partitions if partition.leader is not None],
            timestamp=timestamp,
            patience=self._settings.request_timeout,
        )

    async def _open(self, group: TaskGroup) -> None:
        cluster = Cluster(self._address, self._settings, group, owner="admin")
        await cluster.refresh([])
        self._opened = cluster

    def _close(self) -> None:
        if self._opened is not None:
            self._opened.close()
            self._opened = None

    @property
    def _cluster(self) -> Cluster:
        if self._opened is None:
            raise ClosedError("admin")
        return self._opened


def _is_internal(topic: TopicMetadata) -> bool:
    return topic.is_internal or topic.name.startswith("__")


def _describe(partition: PartitionMetadata, beginning: int | None, end: int | None) -> PartitionDescription:
    return PartitionDescription(
        index=partition.index,
        leader=partition.leader,
        replicas=partition.replicas,
        in_sync=partition.in_sync,
        beginning_offset=beginning,
        end_offset=end,
    )
