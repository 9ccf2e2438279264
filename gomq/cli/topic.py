"""``gomq topic``: list, create, describe, alter and delete topics, or their first messages."""

import json
import sys
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

import click

from gomq.cli.options import FAILED, broker_option, format_option, option, pairs, run, utf8
from gomq.cli.tables import print_table
from gomq.cli.topic_output import DescribedTopic, optional_text, print_json, print_text
from gomq.client import Admin
from gomq.client.admin.records import EVERYTHING
from gomq.errors import BrokerError

_topics = click.argument("names", nargs=-1, required=True, metavar="TOPIC...", callback=utf8)
_configs_option = partial(option, "-c", "--config", "configs", callback=pairs, multiple=True, metavar="NAME=VALUE")


@click.group()
def topic() -> None:
    """List, create, describe, alter and delete topics."""


@topic.command("list")
@broker_option
@option("--internal", is_flag=True, help="Topics, too, that brokers keep for themselves.")
@format_option
def list_(*, broker: str, internal: bool, output_format: str) -> None:
    """Print the names of all topics, one a line."""

    async def work() -> None:
        async with Admin(broker) as admin:
            for found in await admin.list_topics(internal=internal):
                if output_format == "json":
                    fields = {"topic": found.name, "topic_id": optional_text(found.topic_id)}
                    print(json.dumps(fields | {"partitions": len(found.partitions)}))
                else:
                    print(found.name)

    run(work)


@topic.command()
@_topics
@broker_option
@option("--partitions", type=click.IntRange(min=1), default=1, help="Messages keep their order within one.")
@option(
    "--replication-factor", type=click.IntRange(min=1), help="On how many brokers; left to the broker if not given."
)
@_configs_option(envvar="GOMQ_TOPIC_CREATE_CONFIG", help="Kafka's topic settings.")
@option("--if-not-exists", is_flag=True, help="Do nothing where there is one of that name.")
def create(
    *,
    names: Sequence[str],
    broker: str,
    partitions: int,
    replication_factor: int | None,
    configs: Sequence[tuple[str, str]],
    if_not_exists: bool,
) -> int:
    """Create topics."""

    async def create_one(admin: Admin, name: str) -> None:
        await admin.create_topic(
            name,
            partitions=partitions,
            replication_factor=replication_factor,
            configs=dict(configs),
            if_not_exists=if_not_exists,
        )

    return _for_each(names, broker, create_one)


@topic.command()
@click.argument("names", nargs=-1, metavar="[TOPIC]...", callback=utf8)
@broker_option
@option("--internal", is_flag=True, help="Where no topic is named: those, too, that brokers keep for themselves.")
@option("--configs", "all_configs", is_flag=True, help="Those, too, that were not set for the topic itself.")
@format_option
def describe(*, names: Sequence[str], broker: str, internal: bool, all_configs: bool, output_format: str) -> int:
    """Show topics' partitions, offsets, and the configs that were set for them.

    Of all topics where none is named.
    """
    described: list[DescribedTopic] = []

    async def describe_one(admin: Admin, name: str) -> None:
        found = DescribedTopic(await admin.describe_topic(name), [])
        described.append(found)
        configs = await admin.describe_configs(name)
        found.configs.extend(entry for entry in configs.values() if all_configs or entry.is_own)

    async def all_names(admin: Admin) -> Sequence[str]:
        return [found.name for found in await admin.list_topics(internal=internal)]

    code = _for_each(names or all_names, broker, describe_one)
    (print_json if output_format == "json" else print_text)(described)
    return code


@topic.command()
@_topics
@broker_option
@_configs_option(envvar="GOMQ_TOPIC_ALTER_CONFIG", help="Kafka's topic settings, to be set.")
@option("--unset", multiple=True, callback=utf8, metavar="NAME", help="A setting that shall be as the broker has it.")
def alter(*, names: Sequence[str], broker: str, configs: Sequence[tuple[str, str]], unset: Sequence[str]) -> int:
    """Change topics' configs from now on.

    Those that are not named stay as they are.
    """
    if not configs and not unset:
        raise click.UsageError("nothing to change: -c sets a config, --unset makes it the broker's")

    async def alter_one(admin: Admin, name: str) -> None:
        await admin.alter_configs(name, dict(configs), unset=unset)

    return _for_each(names, broker, alter_one)


@topic.command()
@_topics
@broker_option
@option("--if-exists", is_flag=True, help="Do nothing where there is none of that name.")
def delete(*, names: Sequence[str], broker: str, if_exists: bool) -> int:
    """Delete topics with all their messages."""

    async def delete_one(admin: Admin, name: str) -> None:
        await admin.delete_topic(name, if_exists=if_exists)

    return _for_each(names, broker, delete_one)


@topic.command("delete-records")
@click.argument("name", metavar="TOPIC", callback=utf8)
@broker_option
@option("--partition", type=click.IntRange(min=0), metavar="N", help="Where it is not given: all, before their ends.")
@option("--before", required=True, metavar="OFFSET|end", help="The first message that stays.")
@format_option
def delete_records(*, name: str, broker: str, partition: int | None, before: str, output_format: str) -> int:
    """Delete a topic's first messages for good.

    Prints the first offset that there is in each partition now.
    """
    if before != "end" and not (before.isascii() and before.isdecimal()):
        raise click.BadParameter(f"{before!r} is neither an offset nor end", param_hint="--before")
    if partition is None and before != "end":
        raise click.UsageError("an offset is one of a partition: --partition N says which")
    offset = EVERYTHING if before == "end" else int(before)

    async def delete_from(admin: Admin, name: str) -> None:
        indexes = [partition]
        if partition is None:
            indexes = [each.index for each in (await admin.describe_topic(name)).partitions]
        beginnings = await admin.delete_records(name, {index: offset for index in indexes if index is not None})
        if output_format == "json":
            for index, beginning in beginnings.items():
                print(json.dumps({"topic": name, "partition": index, "begin_offset": beginning}))
        else:
            rows = [(name, str(index), str(beginning)) for index, beginning in beginnings.items()]
            print_table(("TOPIC", "PARTITION", "BEGIN-OFFSET"), rows)

    return _for_each([name], broker, delete_from)


def _for_each(
    names: Sequence[str] | Callable[[Admin], Awaitable[Sequence[str]]],
    broker: str,
    action: Callable[[Admin, str], Awaitable[None]],
) -> int:
    """Do something with each topic; one that fails is reported and does not keep the others from it.

    Returns:
        the exit code.
    """

    async def work() -> int:
        code = 0
        async with Admin(broker) as admin:
            for name in await names(admin) if callable(names) else names:
                try:
                    await action(admin, name)
                except BrokerError as error:
                    print(f"gomq: {error}", file=sys.stderr)
                    code = FAILED
        return code

    code: int = run(work)
    return code
