"""``sticky`` and ``cooperative-sticky``: as even as can be, and as many partitions as can stay where they were.

Kafka's ``StickyAssignor`` and ``CooperativeStickyAssignor``: as even as theirs and with as few moves. Which member has
one more, and which partition moves, may differ, for in Kafka that hangs on the order of a hash table. Racks are not
looked at.
"""

from gomq.client.groups.assignors.balanced import share_evenly, share_fairly
from gomq.client.groups.assignors.claims import Claims, sort_out
from gomq.client.groups.assignors.members import Assignment, Counts, GroupMember, Members, subscribers
from gomq.client.groups.subscription import NO_GENERATION
from gomq.client.groups.user_data import Previous, decode_generation, decode_previous


def assign_sticky(counts: Counts, members: Members) -> Assignment:
    """Share out, with what members say in their user data of their last assignment."""
    return _share(counts, members, sort_out(counts, members, _remembered))


def assign_cooperatively(counts: Counts, members: Members) -> Assignment:
    """Share out, but give nobody a partition that another one still has: its owner gives it up first (KIP-429).

    Who has to give something up joins again once it has done so, and then it can be given away.
    """
    claims = sort_out(counts, members, _owned)
    still_owned = {partition: member_id for member_id, had in claims.owned.items() for partition in had}
    claimed = {member_id: set(_owned(member).partitions) for member_id, member in members.items()}
    busy = {partition for had in claimed.values() for partition in had}
    return {
        member_id: [
            partition
            for partition in given
            if partition not in claims.contested
            and (partition not in busy or still_owned.get(partition) == member_id or partition in claimed[member_id])
        ]
        for member_id, given in _share(counts, members, claims).items()
    }


def _share(counts: Counts, members: Members, claims: Claims) -> Assignment:
    wanted = subscribers(counts, members)
    if len({member.topics for member in members.values()}) == 1:
        return share_evenly({topic: counts[topic] for topic in wanted}, claims.owned)
    return share_fairly(counts, wanted, claims.owned)


def _remembered(member: GroupMember) -> Previous:
    return decode_previous(member.subscription.user_data)


def _owned(member: GroupMember) -> Previous:
    """What a member still has; its generation is in the subscription from version 2 on."""
    subscription = member.subscription
    generation = subscription.generation
    if generation == NO_GENERATION:
        generation = decode_generation(subscription.user_data)
    return Previous(subscription.owned, generation)
