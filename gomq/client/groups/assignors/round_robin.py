"""``roundrobin``: all partitions of all topics in turn, one for each member that wants it.

Kafka's ``RoundRobinAssignor``.
"""

from collections import deque

from gomq.client.groups.assignors.members import (
    Assignment,
    Counts,
    Members,
    in_kafkas_order,
    partitions_of,
    subscribers,
)


def assign_in_turn(counts: Counts, members: Members) -> Assignment:
    """Go round the members; who does not want a partition's topic is passed over, and has lost its turn."""
    assignment: Assignment = {member_id: [] for member_id in members}
    turn = deque(in_kafkas_order(members))
    for topic in subscribers(counts, members):
        for partition in partitions_of(topic, counts[topic]):
            while topic not in members[turn[0]].topics:
                turn.rotate(-1)
            assignment[turn[0]].append(partition)
            turn.rotate(-1)
    return assignment
