"""Who reads which partitions: the ways that Kafka's clients know, so that any of them can lead a group of ours."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from gomq.client.groups.assignors.members import Assignment, Counts, GroupMember, Members
from gomq.client.groups.assignors.racks import Racks
from gomq.client.groups.assignors.ranges import assign_ranges
from gomq.client.groups.assignors.round_robin import assign_in_turn
from gomq.client.groups.assignors.sticky import assign_cooperatively, assign_sticky
from gomq.client.groups.user_data import Previous, encode_generation, encode_previous

__all__ = ("ASSIGNORS", "Assignment", "Assignor", "Counts", "GroupMember", "Members", "Racks")


def _nothing(_: Previous) -> bytes | None:
    return None


def _generation(previous: Previous) -> bytes | None:
    return encode_generation(previous.generation)


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignor:
    """One way of sharing out."""

    assign: Callable[[Counts, Members], Assignment]
    user_data: Callable[[Previous], bytes | None] = _nothing
    """What a member says of its last assignment."""
    assign_by_rack: Callable[[Counts, Members, Racks], Assignment] | None = None
    """The same where it is known where replicas are, for one that looks at that (KIP-881)."""
    is_cooperative: bool = False
    """Whether members may keep their partitions while they join (KIP-429)."""


ASSIGNORS: Final[dict[str, Assignor]] = {
    "range": Assignor(assign=assign_ranges, assign_by_rack=assign_ranges),
    "roundrobin": Assignor(assign=assign_in_turn),
    "sticky": Assignor(assign=assign_sticky, user_data=encode_previous),
    "cooperative-sticky": Assignor(assign=assign_cooperatively, user_data=_generation, is_cooperative=True),
}
"""By the names that Kafka has for them."""
