"""What brokers say of themselves and their topics, as values; what no sound broker says is refused."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final
from uuid import UUID

from gomq.errors import ProtocolError
from gomq.net.address import Address
from gomq_storage.layout import TopicPartition

_EPOCHS_SINCE: Final = 9
"""Before this version of Metadata a broker's leader epochs may be old ones (KAFKA-9212)."""
_MAX_HOST_BYTES: Final = 255
"""No name is longer in DNS."""
_LEADER_NOT_AVAILABLE: Final = 5
_UNKNOWN_TOPIC: Final = 3


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
    leader_epoch: int | None = None
    """Which leader in a row this is; None where the broker cannot be trusted to know (KIP-320)."""
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

    def racks(self) -> dict[TopicPartition, frozenset[str]]:
        """Say in which racks each partition of the topics has replicas, whether they are in sync or not."""
        of_nodes = {node: broker.rack for node, broker in self.brokers.items() if broker.rack}
        return {
            TopicPartition(name, each.index): frozenset(of_nodes[node] for node in each.replicas if node in of_nodes)
            for name, topic in self.topics.items()
            for each in topic.partitions
        }


def read_metadata(response: Any) -> ClusterMetadata:  # noqa: ANN401 - one class a version
    """Make values of a Metadata response of any version.

    Raises:
        ProtocolError: brokers or topics are such that no client could use them.
    """
    brokers = _brokers(response.brokers)
    has_epochs = response.__version__ >= _EPOCHS_SINCE
    topics = [_topic(each, brokers, has_epochs=has_epochs) for each in response.topics if each.name is not None]
    return ClusterMetadata(
        cluster_id=response.cluster_id,
        controller_id=int(response.controller_id) if response.controller_id in brokers else None,
        brokers=brokers,
        topics={each.name: each for each in topics},
    )


def merge(known: ClusterMetadata, answer: ClusterMetadata, *, is_whole: bool) -> ClusterMetadata:
    """Take what an answer says into what is known.

    A partition of which a newer leader is known stays as it is: the broker that answered is behind (KIP-320;
    Kafka's ``Metadata.updateLatestMetadata``). Unless the topic was deleted and made anew, which its id tells.

    Args:
        known: of all topics asked for so far.
        answer: of those asked for now.
        is_whole: whether the answer is about all topics there are, so that others are gone.
    """
    topics = {} if is_whole else dict(known.topics)
    for name, topic in answer.topics.items():
        topics[name] = _newest(known.topics.get(name), topic)
    return replace(answer, topics=topics)


def has_news(before: ClusterMetadata, now: ClusterMetadata) -> bool:
    """Say whether a topic that was asked for before has other partitions: more, or those of one that was made anew."""
    both = [(before.topics[name], topic) for name, topic in now.topics.items() if name in before.topics]
    return any(
        (old.topic_id, len(old.partitions)) != (new.topic_id, len(new.partitions))
        for old, new in both
        if old.error_code in {0, _UNKNOWN_TOPIC} and not new.error_code
    )


def _newest(known: TopicMetadata | None, topic: TopicMetadata) -> TopicMetadata:
    if known is None or topic.error_code == _UNKNOWN_TOPIC:
        return topic
    if topic.error_code:
        return replace(topic, partitions=known.partitions, topic_id=topic.topic_id or known.topic_id)
    if topic.topic_id is not None and topic.topic_id != known.topic_id:
        return topic
    partitions = [
        before if _is_older(now.leader_epoch, before.leader_epoch) else now
        for before, now in zip(known.partitions, topic.partitions, strict=False)
    ]
    return replace(topic, partitions=(*partitions, *topic.partitions[len(partitions) :]))


def _is_older(epoch: int | None, known: int | None) -> bool:
    return epoch is not None and known is not None and epoch < known


def _brokers(told: Any) -> dict[int, BrokerMetadata]:  # noqa: ANN401 - one class a version
    brokers: dict[int, BrokerMetadata] = {}
    for each in told:
        node = int(each.node_id)
        if node < 0 or node in brokers:
            raise ProtocolError(f"metadata has node {node}{' twice' if node in brokers else '; ids begin with 0'}")
        if not 0 < len(each.host.encode()) <= _MAX_HOST_BYTES or not 0 < each.port <= 0xFFFF:
            raise ProtocolError(
                f"metadata has node {node} at {each.host[:_MAX_HOST_BYTES]!r}, port {each.port}, where no client can "
                "reach it; look at the broker's advertised.listeners"
            )
        brokers[node] = BrokerMetadata(node_id=node, address=Address(each.host, int(each.port)), rack=each.rack)
    return brokers


def _topic(topic: Any, brokers: Mapping[int, BrokerMetadata], *, has_epochs: bool) -> TopicMetadata:  # noqa: ANN401
    partitions = sorted(
        (_partition(each, brokers, has_epochs=has_epochs) for each in topic.partitions), key=lambda each: each.index
    )
    indexes = [each.index for each in partitions]
    if indexes and (indexes[0] < 0 or len(set(indexes)) < len(indexes)):
        raise ProtocolError(f"metadata of topic {topic.name!r} has partitions {indexes[:3]}...")
    is_complete = indexes == list(range(len(indexes)))
    return TopicMetadata(
        name=topic.name,
        # a broker that knows some partitions only is about to hear of the others
        error_code=int(topic.error_code) or (0 if is_complete else _LEADER_NOT_AVAILABLE),
        topic_id=_topic_id(topic),
        is_internal=bool(topic.is_internal),
        partitions=tuple(partitions) if is_complete else (),
    )


def _topic_id(topic: Any) -> UUID | None:  # noqa: ANN401 - one class a version
    topic_id: UUID | None = getattr(topic, "topic_id", None)
    return topic_id if topic_id is not None and topic_id.int else None


def _partition(partition: Any, brokers: Mapping[int, BrokerMetadata], *, has_epochs: bool) -> PartitionMetadata:  # noqa: ANN401
    epoch = partition.leader_epoch if has_epochs else -1
    return PartitionMetadata(
        index=int(partition.partition_index),
        leader=int(partition.leader_id) if partition.leader_id in brokers else None,
        leader_epoch=int(epoch) if epoch >= 0 else None,
        replicas=tuple(map(int, partition.replica_nodes)),
        in_sync=tuple(map(int, partition.isr_nodes)),
    )
