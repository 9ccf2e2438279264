"""``gomq group delete|delete-offsets|remove-member``: what cannot be undone, or is felt by members."""

from collections.abc import Sequence

import click

import gomq
from gomq.cli.asking import ask_admin, for_each, notice, timeout_option
from gomq.cli.completion.completing import complete_groups, complete_topics
from gomq.cli.naming import NamedPartitions, named_partitions
from gomq.cli.options import broker_option, confirm, examples, option, utf8, yes_option


@click.command(epilog=examples("gomq group delete billing-test", "gomq group delete old-1 old-2 --if-exists --yes"))
@click.argument("names", nargs=-1, required=True, metavar="GROUP...", callback=utf8, shell_complete=complete_groups)
@broker_option
@option("--if-exists", is_flag=True, help="Do nothing where there is none of that name.")
@yes_option
@timeout_option
def delete(*, names: Sequence[str], broker: str, if_exists: bool, yes: bool, timeout: float) -> int:
    """Delete groups with all that they have committed.

    One that has members is refused.
    """
    confirm(f"Delete {_listed('group', names)} with all that was committed?", yes=yes)

    async def work(admin: "gomq.Admin") -> int:
        return await for_each(dict.fromkeys(names), lambda name: admin.delete_group(name, if_exists=if_exists))

    return ask_admin(broker, timeout, work)


@click.command(
    "delete-offsets",
    epilog=examples("gomq group delete-offsets billing old-orders", "gomq group delete-offsets b t:0,1"),
)
@click.argument("name", metavar="GROUP", callback=utf8, shell_complete=complete_groups)
@click.argument(
    "topics",
    nargs=-1,
    required=True,
    metavar="TOPIC[:P,P]...",
    callback=named_partitions,
    shell_complete=complete_topics,
)
@broker_option
@yes_option
@timeout_option
def delete_offsets(*, name: str, topics: Sequence[NamedPartitions], broker: str, yes: bool, timeout: float) -> int:
    """Let a group forget how far it got in topics, or in some of their partitions.

    Topics that members of the group read now are refused.
    """
    confirm(f"Delete what group {name!r} has committed for {', '.join(each.topic for each in topics)}?", yes=yes)

    async def work(admin: "gomq.Admin") -> int:
        committed = await admin.group_offsets(name)

        async def forget(wanted: NamedPartitions) -> None:
            partitions = wanted.partitions
            if partitions is None:
                partitions = tuple(each.partition for each in committed if each.topic == wanted.topic)
            if not partitions:
                notice(f"group {name!r} has committed nothing for topic {wanted.topic!r}")
            await admin.delete_group_offsets(name, [gomq.TopicPartition(wanted.topic, each) for each in partitions])

        return await for_each(topics, forget)

    return ask_admin(broker, timeout, work)


@click.command(
    "remove-member",
    epilog=examples("gomq group remove-member billing --all", "gomq group remove-member billing --instance worker-3"),
)
@click.argument("name", metavar="GROUP", callback=utf8, shell_complete=complete_groups)
@click.argument("member_ids", nargs=-1, metavar="[MEMBER-ID]...", callback=utf8)
@broker_option
@option(
    "--instance",
    "instance_ids",
    multiple=True,
    callback=utf8,
    envvar="GOMQ_GROUP_REMOVE_MEMBER_INSTANCE",
    metavar="NAME",
    help="A static member.",
)
@option("--all", "everything", is_flag=True, envvar="GOMQ_GROUP_REMOVE_MEMBER_ALL", help="All members.")
@option("--reason", callback=utf8, metavar="TEXT", help="What brokers' logs say of it.")
@timeout_option
def remove_member(  # noqa: PLR0913 - the options
    *,
    name: str,
    member_ids: Sequence[str],
    broker: str,
    instance_ids: Sequence[str],
    everything: bool,
    reason: str | None,
    timeout: float,
) -> None:
    """Put members out of a group, by the ids that `gomq group describe --members` tells.

    The others share out their partitions at once. One that still runs joins again: stop it first.
    """
    if everything == bool(member_ids or instance_ids):
        raise click.UsageError("name members by MEMBER-ID or --instance, or say --all")

    async def work(admin: "gomq.Admin") -> None:
        ids = dict.fromkeys(member_ids)
        await admin.remove_members(name, instance_ids, member_ids=ids, everyone=everything, reason=reason)

    ask_admin(broker, timeout, work)


def _listed(noun: str, names: Sequence[str]) -> str:
    return f"{noun}{'' if len(names) == 1 else 's'} {', '.join(names)}"
