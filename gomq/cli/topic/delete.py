"""``gomq topic delete``."""

import json
from collections.abc import Sequence
from re import Pattern
from typing import TYPE_CHECKING

import click

from gomq.cli.asking import ask_admin, for_each, notice, timeout_option
from gomq.cli.options import broker_option, confirm, examples, format_option, option, yes_option
from gomq.cli.topic.choice import any_topics, chosen, not_both, regex_option

if TYPE_CHECKING:  # help is not to wait for the client
    import gomq

_MOST_NAMED = 10


@click.command(
    epilog=examples(
        "gomq topic delete orders",
        "gomq topic delete orders payments --if-exists --yes",
        "gomq topic list -r 'test-.*' && gomq topic delete -r 'test-.*' --yes",
    )
)
@any_topics
@broker_option
@regex_option
@option("--if-exists", is_flag=True, help="Do nothing where there is none of that name.")
@yes_option
@timeout_option
@format_option
def delete(  # noqa: PLR0913 - the options
    *,
    names: Sequence[str],
    broker: str,
    regex: Pattern[str] | None,
    if_exists: bool,
    yes: bool,
    timeout: float,
    output_format: str,
) -> int:
    """Delete topics with all their messages.

    It asks before; --yes does not, and is needed with --regex: `gomq topic list -r PATTERN` shows what that matches.
    """
    if not names and regex is None:
        raise click.UsageError("name topics, or a pattern: --regex PATTERN.")
    not_both(names, regex)
    if regex is not None and not yes:
        raise click.UsageError(f"`gomq topic list -r '{regex.pattern}'` shows what would go: then say --yes.")
    confirm(f"Delete {_listed(names)} with all messages?", yes=yes)

    async def work(admin: "gomq.Admin") -> int:
        async def delete_one(name: str) -> None:
            deleted = await admin.delete_topic(name, if_exists=if_exists)
            if output_format == "json":
                print(json.dumps({"topic": name, "is_deleted": deleted}))
            else:
                notice(f"topic {name} deleted" if deleted else f"topic {name} does not exist")

        return await for_each(dict.fromkeys(await chosen(admin, names, regex, may_be_none=if_exists)), delete_one)

    return ask_admin(broker, timeout, work)


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return f"topic{'' if len(names) == 1 else 's'} {', '.join(names[:_MOST_NAMED])}{more}"
