"""What an assignor is given and what it gives."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from gomq.client.groups.subscription import Subscription
from gomq_storage.layout import TopicPartition


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupMember:
    """One member, as the leader knows it."""

    instance_id: str | None = None
    subscription: Subscription = field(default_factory=Subscription)

    @property
    def topics(self) -> frozenset[str]:
        """What it wants to read."""
        return frozenset(self.subscription.topics)


Members: TypeAlias = Mapping[str, GroupMember]
"""By member id."""
Counts: TypeAlias = Mapping[str, int]
"""How many partitions a topic has; topics that do not exist are not there."""
Assignment: TypeAlias = dict[str, list[TopicPartition]]
"""What each member is given, by its id."""


def java_order(text: str) -> bytes:
    """Order texts as Java does, by their UTF-16 units."""
    return text.encode("utf-16-be", "surrogatepass")


def in_kafkas_order(members: Members, ids: Iterable[str] | None = None) -> list[str]:
    """Sort members: static ones first, by the names that outlive them, then the others by their ids (KIP-345)."""

    def place(member_id: str) -> tuple[bool, bytes, bytes]:
        instance_id = members[member_id].instance_id
        return (instance_id is None, java_order(instance_id or ""), java_order(member_id))

    return sorted(members if ids is None else ids, key=place)


def subscribers(counts: Counts, members: Members) -> dict[str, list[str]]:
    """Say who wants each topic that exists, topics and members sorted."""
    wanted: dict[str, list[str]] = {topic: [] for topic in sorted(counts, key=java_order) if counts[topic] > 0}
    for member_id in sorted(members, key=java_order):
        for topic in members[member_id].topics & wanted.keys():
            wanted[topic].append(member_id)
    return {topic: ids for topic, ids in wanted.items() if ids}


def partitions_of(topic: str, count: int) -> list[TopicPartition]:
    """Name all partitions of a topic."""
    return [TopicPartition(topic, index) for index in range(count)]
