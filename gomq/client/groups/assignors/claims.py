"""What members had before, sorted out where two of them say that it was theirs.

Kafka's ``AbstractStickyAssignor``: who speaks of a newer generation is right; of two that speak of the same one, none.
"""

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from gomq.client.groups.assignors.members import Counts, GroupMember, Members, java_order
from gomq.client.groups.user_data import Previous
from gomq_storage.layout import TopicPartition

PreviousOf: TypeAlias = Callable[[GroupMember], Previous]
"""Finds out what a member had."""


class Claims(NamedTuple):
    """Who had what."""

    owned: dict[str, set[TopicPartition]]
    """By member; each partition is one member's at most, exists, and is of a topic that the member still wants."""
    contested: set[TopicPartition]
    """What two members of one generation said was theirs."""


def sort_out(counts: Counts, members: Members, previous_of: PreviousOf) -> Claims:
    """Find out who had which partition last."""
    owned: dict[str, set[TopicPartition]] = {member_id: set() for member_id in members}
    holders: dict[TopicPartition, tuple[str, int]] = {}
    contested: set[TopicPartition] = set()
    for member_id in sorted(members, key=java_order):
        member = members[member_id]
        previous = previous_of(member)
        topics = member.topics
        for partition in dict.fromkeys(previous.partitions):
            if partition.topic not in topics or partition.partition >= counts.get(partition.topic, 0):
                continue
            holder, generation = holders.get(partition, (None, previous.generation - 1))
            if holder is not None and generation >= previous.generation:
                if generation == previous.generation:
                    contested.add(partition)
                continue
            contested.discard(partition)
            holders[partition] = (member_id, previous.generation)
    for partition, (member_id, _) in holders.items():
        if partition not in contested:
            owned[member_id].add(partition)
    return Claims(owned, contested)
