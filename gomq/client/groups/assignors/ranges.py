"""``range``: of each topic, consecutive partitions for each member, so that equal partitions of topics meet.

Kafka's ``RangeAssignor``, without its matching of racks (KIP-881): members that name one are served like others.
"""

from gomq.client.groups.assignors.members import (
    Assignment,
    Counts,
    Members,
    in_kafkas_order,
    partitions_of,
    subscribers,
)


def assign_ranges(counts: Counts, members: Members) -> Assignment:
    """Share out each topic by itself; the first members have one partition more where it does not come out even."""
    assignment: Assignment = {member_id: [] for member_id in members}
    for topic, ids in subscribers(counts, members).items():
        each, extra = divmod(counts[topic], len(ids))
        partitions = partitions_of(topic, counts[topic])
        start = 0
        for place, member_id in enumerate(in_kafkas_order(members, ids)):
            end = start + each + (place < extra)
            assignment[member_id] += partitions[start:end]
            start = end
    return assignment
