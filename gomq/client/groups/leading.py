"""The leader's part: who reads what. And what every member says of itself when it joins."""

from collections.abc import Iterable, Mapping

from gomq.client.groups.assignors import ASSIGNORS, GroupMember
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


def protocols(member: Member, settings: GroupSettings, topics: Iterable[str]) -> list[tuple[str, bytes]]:
    """Say of a member, for each of its assignors, what it wants to read and what it reads."""
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
                    rack=settings.rack,
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


def share_out(protocol: str, counts: Mapping[str, int], members: Mapping[str, GroupMember]) -> dict[str, bytes]:
    """Say what each member is given.

    Args:
        protocol: the assignor that the group chose.
        counts: how many partitions each topic has.
        members: all of them.
    """
    assignment = ASSIGNORS[protocol].assign(counts, members)
    return {member_id: encode_assignment(partitions) for member_id, partitions in assignment.items()}
