"""What is said to a group and by it: members, requests and answers. Values only.

Kafka: ``ClassicGroupMember``, and the fields of the JoinGroup and SyncGroup messages that concern a group.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple, TypeAlias

from kio.schema.errors import ErrorCode

Ticket: TypeAlias = object
"""Stands for a request that waits. A group keeps it and hands it back together with the answer."""

NO_MEMBER: Final = ""
"""The member id of one that has none yet."""
NO_GENERATION: Final = -1


class Protocol(NamedTuple):
    """An assignor that a member knows, and what the member says about itself to it."""

    name: str
    metadata: bytes


@dataclass(slots=True, kw_only=True)
class Member:
    """One consumer, or whatever else is a member of the group."""

    id: str
    instance_id: str | None
    """A static member's own name (KIP-345)."""
    client_id: str
    client_host: str
    rebalance_timeout_ms: int
    session_timeout_ms: int
    protocols: tuple[Protocol, ...]
    """In the order that the member prefers them."""
    assignment: bytes = b""
    joining: Ticket | None = None
    """Its JoinGroup that waits for the others to join."""
    syncing: Ticket | None = None
    """Its SyncGroup that waits for the leader's assignment."""
    is_new: bool = False
    """It was never told that it is a member, so it sends no heartbeats."""

    @property
    def is_static(self) -> bool:
        """Say whether it keeps its place while it is away."""
        return self.instance_id is not None

    @property
    def waits(self) -> bool:
        """Say whether it needs no heartbeat: it waits for an answer."""
        return not self.is_new and (self.joining is not None or self.syncing is not None)

    @property
    def size(self) -> int:
        """How many bytes of its own a member makes the group keep."""
        return sum(len(name) + len(metadata) for name, metadata in self.protocols)

    def metadata(self, protocol: str | None) -> bytes:
        """What it says to an assignor; nothing where it does not know that one."""
        return next((metadata for name, metadata in self.protocols if name == protocol), b"")


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinRequest:
    """A JoinGroup, whatever its version."""

    ticket: Ticket
    member_id: str
    new_member_id: str
    """What the member is to be called if it has no id yet."""
    instance_id: str | None
    client_id: str
    client_host: str
    session_timeout_ms: int
    rebalance_timeout_ms: int
    protocol_type: str
    protocols: tuple[Protocol, ...]
    is_told_its_id: bool
    """A new member is to be told its id and has to come again with it (KIP-394, version 4)."""
    can_skip_assignment: bool
    """A leader can be told that it need not assign (KIP-814, version 9)."""


class MemberProtocol(NamedTuple):
    """What the leader is told about a member."""

    member_id: str
    instance_id: str | None
    metadata: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinAnswer:
    """The answer to a JoinGroup."""

    error: ErrorCode = ErrorCode.none
    member_id: str
    generation: int = NO_GENERATION
    protocol_type: str | None = None
    protocol: str | None = None
    leader: str = NO_MEMBER
    skip_assignment: bool = False
    members: tuple[MemberProtocol, ...] = ()
    """Filled for the leader only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncRequest:
    """A SyncGroup, whatever its version."""

    ticket: Ticket
    member_id: str
    instance_id: str | None
    generation: int
    protocol_type: str | None
    """None where the version does not say."""
    protocol: str | None
    assignments: Mapping[str, bytes] = field(default_factory=dict)
    """By member id; filled by the leader only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncAnswer:
    """The answer to a SyncGroup."""

    error: ErrorCode = ErrorCode.none
    protocol_type: str | None = None
    protocol: str | None = None
    assignment: bytes = b""


class Identity(NamedTuple):
    """Who is to leave: a member by its id, or a static one by its name."""

    member_id: str
    instance_id: str | None = None


class Left(NamedTuple):
    """What became of one that was to leave."""

    identity: Identity
    error: ErrorCode
