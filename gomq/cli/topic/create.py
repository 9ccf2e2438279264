"""``gomq topic create``."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from gomq.cli.asking import ask_admin, for_each, notice, timeout_option
from gomq.cli.options import broker_option, examples, format_option, option
from gomq.cli.topic.choice import configs_option, several_topics

if TYPE_CHECKING:  # help is not to wait for the client
    import gomq

_MOST_PARTITIONS = 100_000
_MOST_REPLICAS = (1 << 15) - 1


@click.command(
    epilog=examples(
        "gomq topic create orders",
        "gomq topic create orders payments --partitions 3 --if-not-exists",
        "gomq topic create users -c cleanup.policy=compact -c segment.bytes=67108864",
        "gomq topic create huge --partitions 5000 --validate-only",
    )
)
@several_topics
@broker_option
@option(
    "--partitions",
    "-p",
    type=click.IntRange(1, _MOST_PARTITIONS),
    default=1,
    help="Messages keep their order within one.",
)
@option(
    "--replication-factor",
    type=click.IntRange(1, _MOST_REPLICAS),
    help="On how many brokers; left to the broker if not given.",
)
@configs_option(envvar="GOMQ_TOPIC_CREATE_CONFIG", help="Kafka's topic settings.")
@option("--if-not-exists", is_flag=True, help="Do nothing where there is one of that name.")
@option("--validate-only", is_flag=True, help="Only ask whether it could be done.")
@timeout_option
@format_option
def create(  # noqa: PLR0913 - the options
    *,
    names: Sequence[str],
    broker: str,
    partitions: int,
    replication_factor: int | None,
    configs: Sequence[tuple[str, str]],
    if_not_exists: bool,
    validate_only: bool,
    timeout: float,
    output_format: str,
) -> int:
    """Create topics, and wait until they can be used.

    One that the broker refuses does not keep the others from being created.
    """

    async def work(admin: "gomq.Admin") -> int:
        async def create_one(name: str) -> None:
            created = await admin.create_topic(
                name,
                partitions=partitions,
                replication_factor=replication_factor,
                configs=dict(configs),
                if_not_exists=if_not_exists,
                validate_only=validate_only,
            )
            if output_format == "json":
                print(json.dumps({"topic": name, "is_created": created and not validate_only}))
            else:
                notice(_told(name, is_new=created, is_asked=validate_only))

        return await for_each(dict.fromkeys(names), create_one)

    return ask_admin(broker, timeout, work)


def _told(name: str, *, is_new: bool, is_asked: bool) -> str:
    if not is_new:
        return f"topic {name} exists already"
    return f"topic {name} can be created: nothing was done" if is_asked else f"topic {name} created"
