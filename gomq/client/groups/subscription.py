"""What members tell their leader about themselves, and the leader them: the bytes that brokers pass on unread.

Kafka: ``ConsumerProtocolSubscription`` and ``ConsumerProtocolAssignment``, versions 0 to 3.

    int16   version
    array   topics: strings
    bytes   user data of the assignor
    array   owned partitions: topic, array of int32         from version 1 (KIP-429)
    int32   generation in which they were owned             from version 2
    string  rack                                            from version 3 (KIP-881)

    int16   version
    array   assigned partitions: topic, array of int32
    bytes   user data of the assignor

A newer version is read as the newest known: they only ever grow at the end.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Final

from gomq.errors import ProtocolError
from gomq.protocol.entities import decode, encode
from gomq_storage.layout import TopicPartition

NEWEST_VERSION: Final = 3
NO_GENERATION: Final = -1
_VERSION_BYTES: Final = 2
_FROM_VERSION: Final = {"owned_partitions": 1, "generation_id": 2, "rack_id": 3}


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """What one member says in favour of itself to one assignor."""

    topics: tuple[str, ...] = ()
    user_data: bytes | None = None
    owned: tuple[TopicPartition, ...] = ()
    """What it keeps unless it is told otherwise; nothing where it gives up all before it joins."""
    generation: int = NO_GENERATION
    """In which generation it was given those; -1 where there was none, or the member does not say."""
    rack: str | None = None


def encode_subscription(subscription: Subscription, *, version: int = NEWEST_VERSION) -> bytes:
    """Write a subscription."""
    kind, partitions_of = _classes("subscription", version)
    fields: dict[str, Any] = {"topics": subscription.topics, "user_data": subscription.user_data}
    more = {
        "owned_partitions": _grouped(subscription.owned, partitions_of),
        "generation_id": subscription.generation,
        "rack_id": subscription.rack,
    }
    fields |= {name: value for name, value in more.items() if version >= _FROM_VERSION[name]}
    return version.to_bytes(_VERSION_BYTES, "big") + encode(kind(**fields))


def decode_subscription(data: bytes) -> Subscription:
    """Read what a member says of itself.

    Raises:
        ProtocolError: it is no subscription.
    """
    entity = _decode("subscription", data)
    return Subscription(
        topics=tuple(entity.topics),
        user_data=entity.user_data,
        owned=_flat(getattr(entity, "owned_partitions", ())),
        generation=max(int(getattr(entity, "generation_id", NO_GENERATION)), NO_GENERATION),
        rack=getattr(entity, "rack_id", None),
    )


def encode_assignment(partitions: Iterable[TopicPartition], *, version: int = NEWEST_VERSION) -> bytes:
    """Write what one member is given."""
    kind, partitions_of = _classes("assignment", version)
    entity = kind(assigned_partitions=_grouped(partitions, partitions_of), user_data=None)
    return version.to_bytes(_VERSION_BYTES, "big") + encode(entity)


def decode_assignment(data: bytes) -> frozenset[TopicPartition]:
    """Read what this member is given; no bytes at all are no partitions.

    Raises:
        ProtocolError: it is no assignment.
    """
    return frozenset(_flat(_decode("assignment", data).assigned_partitions)) if data else frozenset()


def _decode(what: str, data: bytes) -> Any:  # noqa: ANN401 - one class a version
    if len(data) < _VERSION_BYTES:
        raise ProtocolError(f"a member's {what} of {len(data)} bytes")
    version = int.from_bytes(data[:_VERSION_BYTES], "big", signed=True)
    if version < 0:
        raise ProtocolError(f"a member's {what} of version {version}")
    kind, _ = _classes(what, min(version, NEWEST_VERSION))
    return decode(kind, memoryview(data).toreadonly(), _VERSION_BYTES)


def _classes(what: str, version: int) -> tuple[type[Any], type[Any] | None]:
    """Find kio's classes of a version: the whole, and a topic's partitions where it has those."""
    module = import_module(f"kio.schema.consumer_protocol_{what}.v{version}.data")
    kind: type[Any] = getattr(module, f"ConsumerProtocol{what.capitalize()}")
    return kind, getattr(module, "TopicPartition", None)


def _grouped(partitions: Iterable[TopicPartition], kind: type[Any] | None) -> tuple[Any, ...]:
    if kind is None:
        return ()
    by_topic: dict[str, list[int]] = {}
    for partition in sorted(partitions):
        by_topic.setdefault(partition.topic, []).append(partition.partition)
    return tuple(kind(topic=topic, partitions=tuple(indexes)) for topic, indexes in by_topic.items())


def _flat(topics: Iterable[Any]) -> tuple[TopicPartition, ...]:
    found = tuple(TopicPartition(each.topic, int(index)) for each in topics for index in each.partitions)
    if any(partition.partition < 0 for partition in found):
        raise ProtocolError("a member's partition has a negative number")
    return found
