"""What ``gomq group`` prints: ``kafka-consumer-groups``' tables, or an object for each group."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from gomq.cli.tables import print_table, printable

if TYPE_CHECKING:  # help is not to wait for the client
    from gomq import TopicPartition
    from gomq.client.admin import GroupDescription, GroupListing, GroupOffset, MemberDescription

_NONE: Final = "-"
_OFFSETS: Final = (
    "GROUP", "TOPIC", "PARTITION", "CURRENT-OFFSET", "LOG-END-OFFSET", "LAG", "CONSUMER-ID", "HOST", "CLIENT-ID",
)  # fmt: skip
_MEMBERS: Final = ("GROUP", "CONSUMER-ID", "GROUP-INSTANCE-ID", "HOST", "CLIENT-ID", "#PARTITIONS", "ASSIGNMENT")
_STATES: Final = ("GROUP", "COORDINATOR", "ASSIGNMENT-STRATEGY", "STATE", "#MEMBERS", "LAG")
_LISTING: Final = ("GROUP", "TYPE", "STATE", "PROTOCOL", "COORDINATOR")


@dataclass(frozen=True, slots=True)
class DescribedGroup:
    """A group, its members, and how far it got."""

    group_id: str
    description: "GroupDescription | None"
    """None where nobody has joined, or the broker cannot be asked for members of such a group, as before KIP-848."""
    offsets: "Mapping[TopicPartition, GroupOffset]"
    listing: "GroupListing | None" = None
    """What the list of groups has of it, where there is no description."""

    @property
    def lag(self) -> int | None:
        """How many offsets are still to be read in all partitions where that is known; None where it is in none."""
        return total_lag(self.offsets.values())

    @property
    def state(self) -> str:
        """What it is doing."""
        if self.description is not None:
            return str(self.description.state)
        return "Empty" if self.listing is None or self.listing.state is None else str(self.listing.state)

    @property
    def hides_members(self) -> bool:
        """Whether it may have members that cannot be shown."""
        return self.description is None and self.state != "Empty"

    @property
    def members(self) -> "tuple[MemberDescription, ...]":
        """Who is in it, as far as that can be shown."""
        return self.description.members if self.description else ()

    @property
    def coordinator(self) -> int | None:
        """Node id of the broker that knows it; None where nobody has joined."""
        known = self.description or self.listing
        return known.coordinator if known else None

    @property
    def type(self) -> str | None:
        """By which protocol members are in it; None where that is not known."""
        known = self.description or self.listing
        return str(known.type) if known else None

    @property
    def protocol_type(self) -> str | None:
        """What its members are, such as "consumer"; None where nobody has joined."""
        known = self.description or self.listing
        return known.protocol_type if known else None


def total_lag(offsets: "Iterable[GroupOffset]") -> int | None:
    """Add up how many offsets are still to be read; None where nothing is known."""
    known = [each.lag for each in offsets if each.lag is not None]
    return sum(known) if known else None


def print_listing(groups: "Sequence[GroupListing]", *, is_long: bool, output_format: str) -> None:
    """Print groups: their names, a table, or objects."""
    if output_format == "json":
        for group in groups:
            print(json.dumps(_listing_fields(group), ensure_ascii=False))
    elif is_long:
        print_table(_LISTING, [_listing_row(group) for group in groups])
    else:
        for group in groups:
            print(printable(group.group_id))


def print_offsets(groups: Sequence[DescribedGroup]) -> None:
    """Print how far groups got, partition by partition; members without partitions come last."""
    print_table(_OFFSETS, [row for group in groups for row in _offset_rows(group)])


def print_members(groups: Sequence[DescribedGroup]) -> None:
    """Print the members of groups, and what each reads."""
    print_table(_MEMBERS, [_member_row(group, member) for group in groups for member in group.members])


def print_states(groups: Sequence[DescribedGroup]) -> None:
    """Print a row for each group."""
    print_table(_STATES, [_state_row(group) for group in groups])


def print_lags(groups: Sequence[DescribedGroup]) -> None:
    """Print a row for each topic of each group."""
    print_table(("GROUP", "TOPIC", "LAG"), [(id_, topic, _text(lag)) for id_, topic, lag in lags(groups)])


def lags(groups: Iterable[DescribedGroup]) -> list[tuple[str, str, int | None]]:
    """Say how far each group is behind in each topic."""
    found: list[tuple[str, str, int | None]] = []
    for group in groups:
        for topic in dict.fromkeys(partition.topic for partition in group.offsets):
            of_topic = [offset for partition, offset in group.offsets.items() if partition.topic == topic]
            found.append((group.group_id, topic, total_lag(of_topic)))
    return found


def describe_fields(group: DescribedGroup) -> dict[str, Any]:
    """Make a JSON object of a group; its fields are called as the admin client has them."""
    described = group.description
    return {
        "group_id": group.group_id,
        "state": group.state,
        "type": group.type,
        "protocol_type": group.protocol_type,
        "assignor": described.assignor if described else None,
        "epoch": described.epoch if described else None,
        "coordinator": group.coordinator,
        "lag": group.lag,
        "members": None if group.hides_members else [_member_fields(member) for member in group.members],
        "offsets": [
            {
                "topic": partition.topic,
                "partition": partition.partition,
                "committed": offset.committed,
                "metadata": offset.metadata,
                "leader_epoch": offset.leader_epoch,
                "beginning_offset": offset.beginning_offset,
                "end_offset": offset.end_offset,
                "lag": offset.lag,
                "member_id": offset.member_id,
            }
            for partition, offset in group.offsets.items()
        ],
    }


def _listing_fields(group: "GroupListing") -> dict[str, Any]:
    return {
        "group_id": group.group_id,
        "type": str(group.type),
        "state": None if group.state is None else str(group.state),
        "protocol_type": group.protocol_type,
        "coordinator": group.coordinator,
    }


def _listing_row(group: "GroupListing") -> Sequence[str]:
    state = _NONE if group.state is None else str(group.state)
    return group.group_id, str(group.type), state, group.protocol_type or _NONE, str(group.coordinator)


def _offset_rows(group: DescribedGroup) -> list[Sequence[str]]:
    members = {member.member_id: member for member in group.members}
    rows: list[Sequence[str]] = [
        (
            group.group_id,
            partition.topic,
            str(partition.partition),
            _text(offset.committed),
            _text(offset.end_offset),
            _text(offset.lag),
            *_who(members.get(offset.member_id or "")),
        )
        for partition, offset in group.offsets.items()
    ]
    busy = {offset.member_id for offset in group.offsets.values()}
    idle = [member for member in group.members if member.member_id not in busy]
    return rows + [(group.group_id, *[_NONE] * 5, *_who(member)) for member in idle]


def _who(member: "MemberDescription | None") -> Sequence[str]:
    if member is None:
        return _NONE, _NONE, _NONE
    return member.member_id, member.host or _NONE, member.client_id or _NONE


def _member_row(group: DescribedGroup, member: "MemberDescription") -> Sequence[str]:
    assigned = sorted(member.assignment or ())
    count = _NONE if member.assignment is None else str(len(assigned))
    topics = [
        f"{topic}({','.join(str(each.partition) for each in assigned if each.topic == topic)})"
        for topic in dict.fromkeys(each.topic for each in assigned)
    ]
    member_id, host, client_id = _who(member)
    instance = member.instance_id or _NONE
    return group.group_id, member_id, instance, host, client_id, count, ",".join(topics) or _NONE


def _member_fields(member: "MemberDescription") -> dict[str, Any]:
    return {
        "member_id": member.member_id,
        "instance_id": member.instance_id,
        "client_id": member.client_id,
        "host": member.host,
        "topics": None if member.topics is None else sorted(member.topics),
        "assignment": None
        if member.assignment is None
        else [{"topic": each.topic, "partition": each.partition} for each in sorted(member.assignment)],
    }


def _state_row(group: DescribedGroup) -> Sequence[str]:
    assignor = group.description.assignor if group.description else ""
    count = _NONE if group.hides_members else str(len(group.members))
    return group.group_id, _text(group.coordinator), assignor or _NONE, group.state, count, _text(group.lag)


def _text(number: int | None) -> str:
    return _NONE if number is None else str(number)
