"""A cluster and its topics, described: who has which partition, and which offsets it holds."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from gomq.client.admin.asking import Asker, each
from gomq.client.admin.offsets import OffsetBounds, find_led_topic, look_up_bounds
from gomq.client.admin.refusals import distinct, refusal
from gomq.client.cluster.metadata import BrokerMetadata, PartitionMetadata, TopicMetadata
from gomq.errors import UnsupportedVersionError
from gomq.net.address import Address
from gomq.protocol.api import Api


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


async def describe_cluster(asker: Asker) -> ClusterDescription:
    """Describe the cluster, as DescribeCluster has it (KIP-700), or as Metadata does where a broker is older."""

    async def ask(node: int | None) -> Any:  # noqa: ANN401 - one class a version
        response = await asker.cluster.ask(
            Api.DESCRIBE_CLUSTER, {"include_cluster_authorized_operations": False}, node=node
        )
        if response.error_code:
            raise refusal("the cluster cannot be described", response)
        return response

    try:
        found = await asker.ask_any(ask)
    except UnsupportedVersionError:
        known = await asker.cluster.refresh([])
        brokers = list(known.brokers.values())
        cluster_id, controller_id = known.cluster_id, known.controller_id
    else:
        cluster_id = found.cluster_id
        controller_id = int(found.controller_id) if found.controller_id >= 0 else None
        brokers = [_broker(broker) for broker in found.brokers]
    in_order = tuple(sorted(brokers, key=lambda broker: broker.node_id))
    return ClusterDescription(cluster_id=cluster_id, controller_id=controller_id, brokers=in_order)


async def list_topics(asker: Asker, *, internal: bool) -> list[TopicMetadata]:
    """List all topics by name, those that brokers keep for themselves only where that is wanted."""
    found = (await asker.cluster.refresh(None)).topics
    return [topic for _, topic in sorted(found.items()) if internal or not _is_internal(topic)]


async def describe_topics(asker: Asker, names: Iterable[str]) -> dict[str, TopicDescription]:
    """Describe topics, offsets included, by their names.

    Raises:
        UnknownTopicError: there is none of this name.
        ExceptionGroup: several of them cannot be described.
    """
    return await each(distinct("topic", names), lambda name: describe_topic(asker, name))


async def describe_topic(asker: Asker, name: str) -> TopicDescription:
    """Describe a topic, offsets included.

    Raises:
        UnknownTopicError: there is none of this name.
    """
    topic = await find_led_topic(asker, name)
    bounds = await look_up_bounds(asker, topic)
    return TopicDescription(
        name=topic.name,
        topic_id=topic.topic_id,
        is_internal=_is_internal(topic),
        partitions=tuple(_partition(partition, bounds.get(partition.index)) for partition in topic.partitions),
    )


def _is_internal(topic: TopicMetadata) -> bool:
    return topic.is_internal or topic.name.startswith("__")


def _broker(broker: Any) -> BrokerMetadata:  # noqa: ANN401 - one class a version
    return BrokerMetadata(node_id=int(broker.broker_id), address=Address(broker.host, broker.port), rack=broker.rack)


def _partition(partition: PartitionMetadata, bounds: OffsetBounds | None) -> PartitionDescription:
    return PartitionDescription(
        index=partition.index,
        leader=partition.leader,
        replicas=partition.replicas,
        in_sync=partition.in_sync,
        beginning_offset=bounds.beginning if bounds else None,
        end_offset=bounds.end if bounds else None,
    )
