"""What a member of a group has to do next, and what it is answered: values between its state and whoever asks."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

from gomq.errors import GomqError
from gomq_storage.layout import TopicPartition


class FindCoordinator(NamedTuple):
    """Ask who coordinates the group."""


class Revoke(NamedTuple):
    """Have what is in hand of these partitions finished and committed; then they are given up."""

    partitions: frozenset[TopicPartition]


class Join(NamedTuple):
    """Send a JoinGroup."""

    reason: str


class Synchronise(NamedTuple):
    """Send a SyncGroup, as the leader with what each member is given."""


class Assign(NamedTuple):
    """Begin with these partitions, at their committed offsets."""

    added: frozenset[TopicPartition]


class Wait(NamedTuple):
    """Nothing, until something happens."""


class GiveUp(NamedTuple):
    """The membership has ended, for this reason."""

    error: GomqError


Step: TypeAlias = FindCoordinator | Revoke | Join | Synchronise | Assign | Wait | GiveUp


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    """The answer to a JoinGroup."""

    code: int
    member_id: str = ""
    generation: int = -1
    protocol: str | None = None
    leader_id: str = ""
    skips_assignment: bool = False
    """The group keeps the assignment it has, though a static leader has returned (KIP-814)."""
    members: dict[str, tuple[str | None, bytes]] = field(default_factory=dict)
    """Told to the leader only: instance id and subscription of each member."""


def read_joined(response: Any) -> Joined:  # noqa: ANN401 - one class a version
    """Make a value of a JoinGroup response of any version."""
    return Joined(
        code=int(response.error_code),
        member_id=response.member_id,
        generation=int(response.generation_id),
        protocol=response.protocol_name,
        leader_id=response.leader,
        skips_assignment=bool(getattr(response, "skip_assignment", False)),
        members={
            each.member_id: (getattr(each, "group_instance_id", None), bytes(each.metadata))
            for each in response.members
        },
    )
