"""The leader's part: who reads what. And what every member says of itself when it joins."""

from collections.abc import Iterable, Mapping

from gomq.client.groups.assignors import ASSIGNORS, GroupMember, Racks
from gomq.client.groups.assignors.racks import NO_RACKS
from gomq.client.groups.settings import GroupSettings
from gomq.client.groups.state import Member
from gomq.client.groups.steps import Joined
from gomq.client.groups.subscription import (
    Subscription,
    decode_subscription,
    encode_assignment,
    encode_subscription,
)
from gomq.errors import ProtocolError


def protocols(
    member: Member, settings: GroupSettings, topics: Iterable[str], *, rack: str | None = None
) -> list[tuple[str, bytes]]:
    """Say of a member, for each of its assignors, what it wants to read, what it reads, and where it is."""
    wanted = tuple(sorted(topics))
    return [
        (
            name,
            encode_subscription(
                Subscription(
                    topics=wanted,
                    user_data=ASSIGNORS[name].user_data(member.previous),
                    owned=tuple(sorted(member.owned)),
                    generation=member.generation,
                    rack=rack,
                )
            ),
        )
        for name in settings.assignors
    ]


def members_to_lead(joined: Joined) -> dict[str, GroupMember]:
    """Read what members say of themselves; who cannot be understood wants nothing, and is given nothing."""
    members: dict[str, GroupMember] = {}
    for member_id, (instance_id, raw) in joined.members.items():
        try:
            subscription = decode_subscription(raw)
        except ProtocolError:
            subscription = Subscription()
        members[member_id] = GroupMember(instance_id=instance_id, subscription=subscription)
    return members


def topics_to_lead(members: Mapping[str, GroupMember]) -> set[str]:
    """Name all that any member wants."""
    return {topic for member in members.values() for topic in member.topics}


def share_out(
    protocol: str, counts: Mapping[str, int], members: Mapping[str, GroupMember], racks: Racks = NO_RACKS
) -> dict[str, bytes]:
    """Say what each member is given.

    Args:
        protocol: the assignor that the group chose.
        counts: how many partitions each topic has.
        members: all of them.
        racks: where replicas are, where that matters.
    """
    assignor = ASSIGNORS[protocol]
    if assignor.assign_by_rack is not None:
        assignment = assignor.assign_by_rack(counts, members, racks)
    else:
        assignment = assignor.assign(counts, members)
    return {member_id: encode_assignment(partitions) for member_id, partitions in assignment.items()}
