"""``gomq topic describe``."""

from collections.abc import Sequence
from re import Pattern
from typing import TYPE_CHECKING

import click

from gomq.cli.asking import ask_admin, for_each, timeout_option
from gomq.cli.options import broker_option, examples, format_option, option
from gomq.cli.topic.choice import any_topics, chosen, not_both, regex_option, sizes
from gomq.cli.topic.output import DescribedTopic, print_json, print_text

if TYPE_CHECKING:  # help is not to wait for the client
    import gomq


@click.command(
    epilog=examples(
        "gomq topic describe orders",
        "gomq topic describe orders --configs",
        "gomq topic describe -r 'orders.*' --format json",
        "gomq topic describe --unavailable              # partitions that nobody leads",
    )
)
@any_topics
@broker_option
@regex_option
@option(
    "--configs",
    "all_configs",
    is_flag=True,
    envvar="GOMQ_TOPIC_DESCRIBE_CONFIGS",
    help="Those, too, that were not set for the topic itself.",
)
@option("--unavailable", is_flag=True, help="Partitions only that have no leader.")
@timeout_option
@format_option
def describe(  # noqa: PLR0913 - the options
    *,
    names: Sequence[str],
    broker: str,
    regex: Pattern[str] | None,
    all_configs: bool,
    unavailable: bool,
    timeout: float,
    output_format: str,
) -> int:
    """Show topics' partitions, offsets, sizes, and the configs that were set for them.

    Of all topics where none is named.
    """
    not_both(names, regex)
    described: list[DescribedTopic] = []

    async def work(admin: "gomq.Admin") -> int:
        async def describe_one(name: str) -> None:
            topic = await admin.describe_topic(name)
            configs = await admin.describe_configs(name)
            own = [entry for entry in configs.values() if all_configs or entry.is_own]
            described.append(DescribedTopic(topic, own, await sizes(admin, [topic])))

        return await for_each(dict.fromkeys(await chosen(admin, names, regex)), describe_one)

    code = ask_admin(broker, timeout, work)
    shown = [each.without_led() for each in described] if unavailable else described
    (print_json if output_format == "json" else print_text)([each for each in shown if each.topic.partitions])
    return code
