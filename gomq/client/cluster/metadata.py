"""What brokers say of themselves and their topics, as values."""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from gomq.net.address import Address


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerMetadata:
    """One broker of a cluster."""

    node_id: int
    address: Address
    rack: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionMetadata:
    """Who has a partition."""

    index: int
    leader: int | None
    """The node id, or None while there is no leader."""
    replicas: tuple[int, ...] = ()
    in_sync: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicMetadata:
    """A topic, or the error code that a broker gave instead."""

    name: str
    error_code: int = 0
    topic_id: UUID | None = None
    is_internal: bool = False
    partitions: tuple[PartitionMetadata, ...] = ()
    """In the order of their indexes, which are 0, 1, ..."""

    @property
    def has_leaders(self) -> bool:
        """Whether every partition can be used."""
        return bool(self.partitions) and not self.leaderless

    @property
    def leaderless(self) -> list[int]:
        """The partitions that cannot be used."""
        return [each.index for each in self.partitions if each.leader is None]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterMetadata:
    """One answer to a Metadata request."""

    cluster_id: str | None = None
    controller_id: int | None = None
    brokers: dict[int, BrokerMetadata] = field(default_factory=dict)
    topics: dict[str, TopicMetadata] = field(default_factory=dict)


def read_metadata(response: Any) -> ClusterMetadata:  # noqa: ANN401 - one class a version
    """Make values of a Metadata response of any version."""
    brokers = [
        BrokerMetadata(node_id=int(each.node_id), address=Address(each.host, each.port), rack=each.rack)
        for each in response.brokers
    ]
    topics = [_topic(each) for each in response.topics if each.name is not None]
    return ClusterMetadata(
        cluster_id=response.cluster_id,
        controller_id=int(response.controller_id) if response.controller_id >= 0 else None,
        brokers={each.node_id: each for each in brokers},
        topics={each.name: each for each in topics},
    )


def _topic(topic: Any) -> TopicMetadata:  # noqa: ANN401 - one class a version
    return TopicMetadata(
        name=topic.name,
        error_code=int(topic.error_code),
        topic_id=getattr(topic, "topic_id", None),
        is_internal=bool(topic.is_internal),
        partitions=tuple(sorted(map(_partition, topic.partitions), key=lambda each: each.index)),
    )


def _partition(partition: Any) -> PartitionMetadata:  # noqa: ANN401 - one class a version
    return PartitionMetadata(
        index=int(partition.partition_index),
        leader=int(partition.leader_id) if partition.leader_id >= 0 else None,
        replicas=tuple(map(int, partition.replica_nodes)),
        in_sync=tuple(map(int, partition.isr_nodes)),
    )
