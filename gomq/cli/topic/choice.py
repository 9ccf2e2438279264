"""Which topics a command is about: those that are named, those that a pattern matches, or all."""

from collections.abc import Sequence
from functools import partial
from re import Pattern
from typing import TYPE_CHECKING, Final

import click

from gomq.cli.completion.completing import complete_topics
from gomq.cli.naming import NO_MATCH, matching, pattern
from gomq.cli.options import option, pairs, utf8
from gomq.errors import BrokerError, UnknownTopicError

if TYPE_CHECKING:  # help is not to wait for the client
    import gomq
    from gomq.client.admin.descriptions import TopicDescription
    from gomq.client.cluster.metadata import TopicMetadata

_names: Final = partial(click.argument, "names", nargs=-1, callback=utf8, shell_complete=complete_topics)
several_topics: Final = _names(required=True, metavar="TOPIC...")
any_topics: Final = _names(metavar="[TOPIC]...")
regex_option: Final = option("-r", "--regex", callback=pattern, metavar="PATTERN", help="Topics that it matches whole.")
configs_option: Final = partial(
    option, "-c", "--config", "configs", callback=pairs, multiple=True, metavar="NAME=VALUE"
)


async def chosen(
    admin: "gomq.Admin",
    names: Sequence[str],
    regex: "Pattern[str] | None",
    *,
    may_be_none: bool = False,
) -> Sequence[str]:
    """Name the topics that are meant; all but the brokers' own where neither names nor a pattern say which.

    Args:
        admin: knows them.
        names: those that are named; they need not exist.
        regex: a pattern for whole names.
        may_be_none: whether it is right where a pattern matches nothing.

    Raises:
        UnknownTopicError: a pattern matches nothing.
    """
    if names:
        return names
    found = matching([each.name for each in await admin.list_topics()], regex)
    if regex is not None and not found and not may_be_none:
        raise UnknownTopicError(NO_MATCH)
    return found


def not_both(names: Sequence[str], regex: "Pattern[str] | None") -> None:
    """Refuse names beside a pattern.

    Raises:
        click.UsageError: both are given.
    """
    if names and regex is not None:
        raise click.UsageError("name topics or a pattern, not both.")


async def sizes(
    admin: "gomq.Admin", topics: "Sequence[TopicMetadata] | Sequence[TopicDescription]"
) -> dict[tuple[str, int], int]:
    """Ask how many bytes partitions take at their leaders; those of which no broker says it are missing."""
    wanted = {topic.name: [each.index for each in topic.partitions] for topic in topics}
    leaders = {(topic.name, each.index): each.leader for topic in topics for each in topic.partitions}
    try:
        found = await admin.log_dirs(wanted)
    except (BrokerError, ExceptionGroup):  # too old, or it does not tell everybody
        return {}
    return {
        (each.topic, each.partition): log.size_bytes
        for directory in found
        for each, log in directory.logs.items()
        if leaders.get((each.topic, each.partition)) == directory.node_id and not log.is_moving_here
    }
