"""``range``: of each topic, consecutive partitions for each member, so that equal partitions of topics meet.

Kafka's ``RangeAssignor``. Members that say where they are come first to what has a replica there (KIP-881).
"""

from gomq.client.groups.assignors.members import (
    Assignment,
    Counts,
    Members,
    in_kafkas_order,
    partitions_of,
    subscribers,
)
from gomq.client.groups.assignors.racks import NO_RACKS, Racks, TopicShare, share_out_near


def assign_ranges(counts: Counts, members: Members, racks: Racks = NO_RACKS) -> Assignment:
    """Share out each topic by itself; the first members have one partition more where it does not come out even."""
    topics = [
        TopicShare(
            partitions_of(topic, counts[topic]),
            {member_id: members[member_id].subscription.rack for member_id in in_kafkas_order(members, ids)},
            racks,
        )
        for topic, ids in subscribers(counts, members).items()
    ]
    if racks:
        share_out_near(topics)
    assignment: Assignment = {member_id: [] for member_id in members}
    for topic in topics:
        topic.share_out_rest()
        for member_id, taken in topic.taken.items():
            assignment[member_id] += taken
    return assignment
