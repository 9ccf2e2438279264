"""``gomq group``: list and describe consumer groups, see how far behind they are, reset and delete them."""

import json
import re
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Final

import click

import gomq
from gomq.cli.asking import ask_admin, for_each, notice, timeout_option
from gomq.cli.completion.completing import complete_groups
from gomq.cli.group import output
from gomq.cli.group.changes import delete, delete_offsets, remove_member
from gomq.cli.group.output import DescribedGroup
from gomq.cli.group.reset import reset_offsets
from gomq.cli.help import Group
from gomq.cli.naming import matching, pattern
from gomq.cli.options import FAILED, broker_option, examples, format_option, option, utf8
from gomq.errors import ConfigurationError, GroupIdNotFoundError

if TYPE_CHECKING:  # help is not to wait for the client
    from gomq.client.admin import GroupListing

_STATES: Final = (
    "PreparingRebalance", "CompletingRebalance", "Stable", "Empty", "Dead", "Assigning", "Reconciling", "NotReady",
)  # fmt: skip
_TYPES: Final = ("classic", "consumer", "share", "streams")
_any_groups: Final = click.argument(
    "names", nargs=-1, metavar="[GROUP]...", callback=utf8, shell_complete=complete_groups
)
_all_option: Final = partial(option, "--all", "everything", is_flag=True, help="All groups.")
_regex_option: Final = option(
    "-r", "--regex", callback=pattern, metavar="PATTERN", help="Groups that it matches whole."
)


@click.group(cls=Group, epilog=examples("gomq group list", "gomq group describe billing"))
def group() -> None:
    """List and describe consumer groups, reset their offsets, delete them."""


@group.command(
    "list",
    epilog=examples("gomq group list", "gomq group list -l --state Empty", "gomq group list -r 'billing-.*'"),
)
@broker_option
@option(
    "-l", "--long", "is_long", is_flag=True, envvar="GOMQ_GROUP_LIST_LONG", help="States, types and coordinators, too."
)
@option(
    "--state",
    "states",
    type=click.Choice(_STATES, case_sensitive=False),
    multiple=True,
    envvar="GOMQ_GROUP_LIST_STATE",
    help="Groups in this state.",
)
@option(
    "--type",
    "types",
    type=click.Choice(_TYPES),
    multiple=True,
    envvar="GOMQ_GROUP_LIST_TYPE",
    help="Groups of this type.",
)
@_regex_option
@timeout_option
@format_option
def list_(  # noqa: PLR0913 - the options
    *,
    broker: str,
    is_long: bool,
    states: Sequence[str],
    types: Sequence[str],
    regex: re.Pattern[str] | None,
    timeout: float,
    output_format: str,
) -> None:
    """Print the names of all groups, one a line."""

    async def work(admin: "gomq.Admin") -> None:
        from gomq.client.admin import GroupState, GroupType  # noqa: PLC0415 - help is not to wait for the client

        found = await admin.list_groups(states=map(GroupState, states), types=map(GroupType, types))
        names = set(matching((each.group_id for each in found), regex))
        wanted = [each for each in found if each.group_id in names]
        output.print_listing(wanted, is_long=is_long, output_format=output_format)

    ask_admin(broker, timeout, work)


@group.command(
    epilog=examples(
        "gomq group describe billing",
        "gomq group describe billing --members",
        "gomq group describe --all --state",
        "gomq group describe billing --format json | jq .lag",
    )
)
@_any_groups
@broker_option
@_all_option(envvar="GOMQ_GROUP_DESCRIBE_ALL")
@_regex_option
@option("--offsets", is_flag=True, help="How far they got, and how far behind they are; the default.")
@option("--members", is_flag=True, help="Who is in them, and reads what.")
@option("--state", is_flag=True, help="A line for each group.")
@timeout_option
@format_option
def describe(  # noqa: PLR0913 - the options
    *,
    names: Sequence[str],
    broker: str,
    everything: bool,
    regex: re.Pattern[str] | None,
    offsets: bool,
    members: bool,
    state: bool,
    timeout: float,
    output_format: str,
) -> int:
    """Show groups: how far they got in each partition, their members, or their states.

    As JSON an object for each group has all of it.
    """
    printers = {"offsets": offsets, "members": members, "state": state}
    wanted = [name for name, is_wanted in printers.items() if is_wanted] or ["offsets"]
    code, described = _described(names, broker, timeout, everything=everything, regex=regex)
    if output_format == "json":
        for each in described:
            print(json.dumps(output.describe_fields(each), ensure_ascii=False))
    elif described:
        for number, name in enumerate(wanted):
            print("\n" * bool(number), end="")
            _PRINTERS[name](described)
        for each in described:
            _tell_more(each)
    return code


@group.command(epilog=examples("gomq group lag --all", "gomq group lag billing --max 1000 || page-somebody"))
@_any_groups
@broker_option
@_all_option(envvar="GOMQ_GROUP_LAG_ALL")
@_regex_option
@option(
    "--max",
    "most",
    type=click.IntRange(min=0),
    envvar="GOMQ_GROUP_LAG_MAX",
    metavar="N",
    help="Exit with 1 where a group is more behind.",
)
@timeout_option
@format_option
def lag(  # noqa: PLR0913 - the options
    *,
    names: Sequence[str],
    broker: str,
    everything: bool,
    regex: re.Pattern[str] | None,
    most: int | None,
    timeout: float,
    output_format: str,
) -> int:
    """Show how many messages groups are behind in each topic.

    With --max a partition of which that is not known counts as too far behind: the group has committed nothing for the
    messages in it, or nobody leads it.
    """
    code, described = _described(names, broker, timeout, everything=everything, regex=regex)
    if output_format == "json":
        for group_id, topic, behind in output.lags(described):
            print(json.dumps({"group_id": group_id, "topic": topic, "lag": behind}, ensure_ascii=False))
    elif described:
        output.print_lags(described)
    for each in described:
        for problem in [] if most is None else lag_problems(each, most):
            notice(f"gomq: group {each.group_id!r} {problem}")
            code = FAILED
    return code


for _command in (reset_offsets, delete, delete_offsets, remove_member):
    group.add_command(_command)

_PRINTERS: Final[dict[str, Callable[[Sequence[DescribedGroup]], None]]] = {
    "offsets": output.print_offsets,
    "members": output.print_members,
    "state": output.print_states,
}


def _described(
    names: Sequence[str], broker: str, timeout: float, *, everything: bool, regex: re.Pattern[str] | None
) -> tuple[int, list[DescribedGroup]]:
    """Describe the groups that are meant; the exit code says whether all of them can be."""
    if sum((bool(names), everything, regex is not None)) != 1:
        raise click.UsageError("name groups, or say --all or --regex PATTERN")
    described: list[DescribedGroup] = []

    async def work(admin: "gomq.Admin") -> int:
        wanted = list(dict.fromkeys(names))
        if not wanted:
            wanted = matching(with_offsets(await admin.list_groups()), regex)

        async def describe_one(name: str) -> None:
            described.append(await _describe(admin, name))

        return await for_each(wanted, describe_one)

    return ask_admin(broker, timeout, work), described


def with_offsets(groups: "Iterable[GroupListing]") -> list[str]:
    """Name the groups that have offsets; members of a share group take messages one by one (KIP-932)."""
    return [each.group_id for each in groups if each.type != "share"]


async def _describe(admin: "gomq.Admin", name: str) -> DescribedGroup:
    try:
        description, listing = await admin.describe_group(name), None
    except GroupIdNotFoundError:  # others may have committed offsets for it, or its type has no description
        description, listing = None, {each.group_id: each for each in await admin.list_groups()}.get(name)
        if listing is not None and not with_offsets([listing]):
            raise ConfigurationError(
                f"group {name!r} is of type {listing.type}, which has no offsets to describe"
            ) from None
    return DescribedGroup(name, description, await admin.group_offsets(name, description=description), listing)


def lag_problems(group: DescribedGroup, most: int) -> list[str]:
    """Say what keeps a group from being at most so many messages behind, or from being known to be."""
    found = [f"is {group.lag} messages behind, more than {most}"] if (group.lag or 0) > most else []
    for partition, offset in group.offsets.items():
        is_empty = offset.end_offset is not None and offset.beginning_offset == offset.end_offset
        if offset.lag is None and not is_empty:
            reason = "it has committed nothing" if offset.end_offset is not None else "nobody leads it, or it is gone"
            found.append(f"may be behind by any number in {partition.topic}-{partition.partition}: {reason}")
    return found


def _tell_more(group: DescribedGroup) -> None:
    """Say on stderr what the table does not."""
    count = len(group.members)
    members = f"{count} member{'' if count == 1 else 's'}" if count else "no active members"
    if group.hides_members and group.listing is not None:
        members = f"members of a group of type {group.listing.type} cannot be shown"
    behind = "" if group.lag is None else f", {group.lag} message{'' if group.lag == 1 else 's'} behind"
    rebalancing = "; it is rebalancing" if group.state in _REBALANCING else ""
    notice(f"group {group.group_id!r}: {members}{behind}{rebalancing}")


_REBALANCING: Final = frozenset({"PreparingRebalance", "CompletingRebalance", "Assigning", "Reconciling"})
