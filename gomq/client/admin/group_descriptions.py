"""What is told of groups and their members. Values only."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from gomq_storage.layout import TopicPartition

CONSUMER_PROTOCOL: Final = "consumer"
"""What consumers call their protocol; others, such as Kafka Connect, have theirs."""


class GroupState(StrEnum):
    """What a group is doing."""

    UNKNOWN = "Unknown"
    """A newer broker's state."""
    PREPARING_REBALANCE = "PreparingRebalance"
    """Its members are joining."""
    COMPLETING_REBALANCE = "CompletingRebalance"
    """Its members wait for their partitions."""
    STABLE = "Stable"
    """Every member has its partitions."""
    EMPTY = "Empty"
    """It has no members, and remembers offsets."""
    DEAD = "Dead"
    """It is being deleted."""
    ASSIGNING = "Assigning"
    """The broker shares out the partitions (KIP-848)."""
    RECONCILING = "Reconciling"
    """Members are told of their new partitions (KIP-848)."""
    NOT_READY = "NotReady"
    """Topics are missing (KIP-1071)."""

    @classmethod
    def _missing_(cls, value: object) -> "GroupState":
        return next((each for each in cls if each.lower() == str(value).lower()), cls.UNKNOWN)


class GroupType(StrEnum):
    """By which protocol members are in a group."""

    UNKNOWN = "unknown"
    """A newer broker's type, or the broker is too old to say."""
    CLASSIC = "classic"
    """One of them shares out the partitions."""
    CONSUMER = "consumer"
    """The broker shares out the partitions (KIP-848)."""
    SHARE = "share"
    """Members share partitions (KIP-932)."""
    STREAMS = "streams"
    """KIP-1071."""

    @classmethod
    def _missing_(cls, value: object) -> "GroupType":
        return next((each for each in cls if each.lower() == str(value).lower()), cls.UNKNOWN)


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupListing:
    """A group, as the list of groups has it."""

    group_id: str
    protocol_type: str
    """"consumer" for consumers; empty where nobody has joined yet."""
    state: GroupState | None
    """None where the broker is too old to say (KIP-518)."""
    type: GroupType
    coordinator: int
    """Node id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberDescription:
    """A member of a group."""

    member_id: str
    instance_id: str | None
    """What a static member is called (KIP-345); None for another, or where the broker is too old to say."""
    client_id: str
    host: str
    topics: frozenset[str] | None
    """Subscribed to; None where that cannot be read, as while the group rebalances, or where a broker matches a pattern
    (KIP-848)."""
    assignment: frozenset[TopicPartition] | None
    """What it has been given; None where that cannot be read, as where the protocol is not that of consumers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupDescription:
    """A group and its members."""

    group_id: str
    state: GroupState
    type: GroupType
    protocol_type: str
    assignor: str
    """How partitions are shared out, such as "range"; empty while that is not settled."""
    epoch: int | None
    """Counts what has changed in a group of type "consumer" (KIP-848); None for a classic one."""
    coordinator: int | None
    """Node id."""
    members: tuple[MemberDescription, ...]
    """By client id, host and member id."""


def in_order(members: Iterable[MemberDescription]) -> tuple[MemberDescription, ...]:
    """Sort members by client id, host and member id."""
    return tuple(sorted(members, key=lambda member: (member.client_id, member.host, member.member_id)))
