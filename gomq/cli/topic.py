"""``gomq topic``: list, create, describe and delete topics."""

import json
import sys
from collections.abc import Awaitable, Callable, Sequence

import click

from gomq.cli.options import FAILED, broker_option, format_option, option, pairs, run, utf8
from gomq.cli.tables import print_table
from gomq.client import Admin
from gomq.client.admin import PartitionDescription, TopicDescription
from gomq.errors import BrokerError

_HEADINGS = ("TOPIC", "PARTITION", "LEADER", "REPLICAS", "ISR", "BEGIN-OFFSET", "END-OFFSET")


@click.group()
def topic() -> None:
    """List, create, describe and delete topics."""


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
                    fields = {"topic": found.name, "topic_id": _text(found.topic_id)}
                    print(json.dumps(fields | {"partitions": len(found.partitions)}))
                else:
                    print(found.name)

    run(work)


@topic.command()
@click.argument("names", nargs=-1, required=True, metavar="TOPIC...", callback=utf8)
@broker_option
@option("--partitions", type=click.IntRange(min=1), default=1, help="Messages keep their order within one.")
@option(
    "--replication-factor", type=click.IntRange(min=1), help="On how many brokers; left to the broker if not given."
)
@option(
    "-c",
    "--config",
    "configs",
    envvar="GOMQ_TOPIC_CREATE_CONFIG",
    callback=pairs,
    multiple=True,
    metavar="NAME=VALUE",
    help="Kafka's topic settings.",
)
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
@format_option
def describe(*, names: Sequence[str], broker: str, internal: bool, output_format: str) -> int:
    """Show topics' partitions and offsets.

    Of all topics where none is named.
    """
    described: list[TopicDescription] = []

    async def describe_one(admin: Admin, name: str) -> None:
        described.append(await admin.describe_topic(name))

    async def all_names(admin: Admin) -> Sequence[str]:
        return [found.name for found in await admin.list_topics(internal=internal)]

    code = _for_each(names or all_names, broker, describe_one)
    if output_format == "json":
        for found in described:
            print(json.dumps(_topic_fields(found)))
    elif described:
        print_table(_HEADINGS, [_row(found, partition) for found in described for partition in found.partitions])
    return code


@topic.command()
@click.argument("names", nargs=-1, required=True, metavar="TOPIC...", callback=utf8)
@broker_option
@option("--if-exists", is_flag=True, help="Do nothing where there is none of that name.")
def delete(*, names: Sequence[str], broker: str, if_exists: bool) -> int:
    """Delete topics with all their messages."""

    async def delete_one(admin: Admin, name: str) -> None:
        await admin.delete_topic(name, if_exists=if_exists)

    return _for_each(names, broker, delete_one)


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


def _row(found: TopicDescription, partition: PartitionDescription) -> Sequence[str]:
    return (
        found.name,
        str(partition.index),
        _text(partition.leader) or "none",
        ",".join(map(str, partition.replicas)),
        ",".join(map(str, partition.in_sync)),
        _text(partition.beginning_offset) or "-",
        _text(partition.end_offset) or "-",
    )


def _topic_fields(found: TopicDescription) -> dict[str, object]:
    partitions = [
        {
            "partition": partition.index,
            "leader": partition.leader,
            "replicas": partition.replicas,
            "isr": partition.in_sync,
            "begin_offset": partition.beginning_offset,
            "end_offset": partition.end_offset,
        }
        for partition in found.partitions
    ]
    return {"topic": found.name, "topic_id": _text(found.topic_id), "partitions": partitions}


def _text(value: object) -> str | None:
    return None if value is None else str(value)
