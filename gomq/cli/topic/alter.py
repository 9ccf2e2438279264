"""``gomq topic alter``."""

import json
from collections.abc import Sequence
from re import Pattern
from typing import TYPE_CHECKING

import click

from gomq.cli.asking import ask_admin, for_each, notice, timeout_option
from gomq.cli.options import broker_option, examples, format_option, option, utf8
from gomq.cli.tables import print_table
from gomq.cli.topic.changes import PARTITIONS, Alteration, Change, changes
from gomq.cli.topic.choice import any_topics, chosen, configs_option, not_both, regex_option

if TYPE_CHECKING:  # help is not to wait for the client
    import gomq

_MOST_PARTITIONS = 100_000
_HEADINGS = ("TOPIC", "NAME", "OLD", "NEW")


@click.command(
    epilog=examples(
        "gomq topic alter orders -c retention.ms=86400000",
        "gomq topic alter orders --unset retention.ms --dry-run",
        "gomq topic alter orders --partitions 6",
        "gomq topic alter -r 'logs-.*' -c cleanup.policy=compact",
    )
)
@any_topics
@broker_option
@regex_option
@option("--partitions", "-p", type=click.IntRange(1, _MOST_PARTITIONS), help="How many there are to be; never fewer.")
@configs_option(envvar="GOMQ_TOPIC_ALTER_CONFIG", help="Kafka's topic settings, to be set.")
@option("--unset", multiple=True, callback=utf8, metavar="NAME", help="A setting that shall be as the broker has it.")
@option("--dry-run", is_flag=True, help="Show what would change, and change nothing.")
@timeout_option
@format_option
def alter(  # noqa: PLR0913 - the options
    *,
    names: Sequence[str],
    broker: str,
    regex: Pattern[str] | None,
    partitions: int | None,
    configs: Sequence[tuple[str, str]],
    unset: Sequence[str],
    dry_run: bool,
    timeout: float,
    output_format: str,
) -> int:
    """Change topics' configs from now on, or give them more partitions.

    Settings that are not named stay as they are. With more partitions, most keys go to another one from then on.
    """
    if partitions is None and not configs and not unset:
        raise click.UsageError(
            "nothing to change: -c sets a config, --unset makes it the broker's, -p adds partitions."
        )
    if not names and regex is None:
        raise click.UsageError("name topics, or a pattern: --regex PATTERN.")
    not_both(names, regex)
    wanted = Alteration(partitions=partitions, configs=dict(configs), unset=unset)
    found: list[Change] = []

    async def work(admin: "gomq.Admin") -> int:
        async def alter_one(name: str) -> None:
            found.extend(await _alter(admin, name, wanted, dry_run=dry_run))

        return await for_each(dict.fromkeys(await chosen(admin, names, regex)), alter_one)

    code = ask_admin(broker, timeout, work)
    _tell(found, dry_run=dry_run, output_format=output_format)
    return code


async def _alter(admin: "gomq.Admin", name: str, wanted: Alteration, *, dry_run: bool) -> Sequence[Change]:
    """Change a topic, or ask whether that could be done; return what changes."""
    if wanted.configs or wanted.unset:  # what cannot be is refused before anything is done
        await admin.alter_configs(name, wanted.configs, unset=wanted.unset, validate_only=True)
    described = await admin.describe_topic(name)
    found = changes(name, wanted, partitions=len(described.partitions), configs=await admin.describe_configs(name))
    has_more = any(change.name == PARTITIONS for change in found)
    if has_more and wanted.partitions is not None:
        await admin.create_partitions(name, wanted.partitions, validate_only=dry_run)
    if not dry_run and (wanted.configs or wanted.unset):
        await admin.alter_configs(name, wanted.configs, unset=wanted.unset)
    return found


def _tell(found: Sequence[Change], *, dry_run: bool, output_format: str) -> None:
    if output_format == "json":
        for change in found:
            print(json.dumps(change.fields | {"is_dry_run": dry_run}, ensure_ascii=False))
    elif dry_run and found:
        print_table(_HEADINGS, [change.row for change in found])
    elif not dry_run:
        for change in found:
            notice(str(change))
    if dry_run:
        notice("nothing was changed: without --dry-run it is" if found else "nothing changes")
