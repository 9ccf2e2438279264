"""``gomq topic list``."""

import json
from collections.abc import Mapping, Sequence
from re import Pattern
from typing import TYPE_CHECKING, Any

import click

from gomq.cli.asking import ask_admin, timeout_option
from gomq.cli.cluster import size_text
from gomq.cli.naming import matching
from gomq.cli.options import broker_option, examples, format_option, option
from gomq.cli.tables import print_table
from gomq.cli.topic.choice import regex_option, sizes

if TYPE_CHECKING:  # help is not to wait for the client
    import gomq
    from gomq.client.cluster.metadata import TopicMetadata

_HEADINGS = ("TOPIC", "PARTITIONS", "REPLICAS", "SIZE")


@click.command("list", epilog=examples("gomq topic list", "gomq topic list -l", "gomq topic list -r 'orders.*'"))
@broker_option
@regex_option
@option("--internal", is_flag=True, help="Topics, too, that brokers keep for themselves.")
@option(
    "-l", "--long", "is_long", envvar="GOMQ_TOPIC_LIST_LONG", is_flag=True, help="Partitions, replicas and sizes, too."
)
@timeout_option
@format_option
def list_(
    *, broker: str, regex: Pattern[str] | None, internal: bool, is_long: bool, timeout: float, output_format: str
) -> None:
    """Print the names of all topics, one a line."""

    async def work(admin: "gomq.Admin") -> tuple[Sequence["TopicMetadata"], Mapping[tuple[str, int], int]]:
        known = {each.name: each for each in await admin.list_topics(internal=internal)}
        found = [known[name] for name in matching(known, regex)]
        return found, await sizes(admin, found) if is_long and found else {}

    found, found_sizes = ask_admin(broker, timeout, work)
    totals = {topic.name: _total(topic, found_sizes) for topic in found}
    if output_format == "json":
        for topic in found:
            print(json.dumps(_fields(topic, totals[topic.name], is_long=is_long)))
    elif is_long:
        print_table(_HEADINGS, [_row(topic, totals[topic.name]) for topic in found])
    else:
        for topic in found:
            print(topic.name)


def _total(topic: "TopicMetadata", found: Mapping[tuple[str, int], int]) -> int | None:
    """Add up what the partitions take; None where that is not known of all."""
    known = [found.get((topic.name, each.index)) for each in topic.partitions]
    return None if None in known else sum(size for size in known if size is not None)


def _replicas(topic: "TopicMetadata") -> int:
    return max((len(each.replicas) for each in topic.partitions), default=0)


def _fields(topic: "TopicMetadata", size: int | None, *, is_long: bool) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "name": topic.name,
        "topic_id": None if topic.topic_id is None else str(topic.topic_id),
        "is_internal": topic.is_internal or topic.name.startswith("__"),
        "partition_count": len(topic.partitions),
    }
    if is_long:
        fields |= {"replication_factor": _replicas(topic), "size_bytes": size}
    return fields


def _row(topic: "TopicMetadata", size: int | None) -> Sequence[str]:
    return topic.name, str(len(topic.partitions)), str(_replicas(topic)), size_text(size)
