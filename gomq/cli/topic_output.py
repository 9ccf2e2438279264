"""What ``gomq topic describe`` prints: tables, or an object for each topic."""

import json
from collections.abc import Sequence
from typing import NamedTuple

from gomq.cli.tables import print_table
from gomq.client.admin.configs import ConfigEntry
from gomq.client.admin.descriptions import PartitionDescription, TopicDescription

_PARTITION_HEADINGS = ("TOPIC", "PARTITION", "LEADER", "REPLICAS", "ISR", "BEGIN-OFFSET", "END-OFFSET")
_CONFIG_HEADINGS = ("TOPIC", "CONFIG", "VALUE", "SOURCE")


class DescribedTopic(NamedTuple):
    """A topic and those of its configs that are to be shown."""

    topic: TopicDescription
    configs: list[ConfigEntry]


def print_json(described: Sequence[DescribedTopic]) -> None:
    """Print an object for each topic, one a line."""
    for topic, configs in described:
        partitions = [
            {
                "partition": partition.index,
                "leader": partition.leader,
                "replicas": partition.replicas,
                "isr": partition.in_sync,
                "begin_offset": partition.beginning_offset,
                "end_offset": partition.end_offset,
            }
            for partition in topic.partitions
        ]
        fields = {"topic": topic.name, "topic_id": optional_text(topic.topic_id), "partitions": partitions}
        print(json.dumps(fields | {"configs": {entry.name: entry.value for entry in configs}}))


def print_text(described: Sequence[DescribedTopic]) -> None:
    """Print a table of all partitions, and one of the configs where there are any."""
    if described:
        print_table(
            _PARTITION_HEADINGS,
            [_partition_row(topic.name, partition) for topic, _ in described for partition in topic.partitions],
        )
    rows = [_config_row(topic.name, entry) for topic, configs in described for entry in configs]
    if rows:
        print()
        print_table(_CONFIG_HEADINGS, rows)


def optional_text(value: object) -> str | None:
    """Make text of whatever is there."""
    return None if value is None else str(value)


def _partition_row(topic: str, partition: PartitionDescription) -> Sequence[str]:
    return (
        topic,
        str(partition.index),
        optional_text(partition.leader) or "none",
        ",".join(map(str, partition.replicas)),
        ",".join(map(str, partition.in_sync)),
        optional_text(partition.beginning_offset) or "-",
        optional_text(partition.end_offset) or "-",
    )


def _config_row(topic: str, entry: ConfigEntry) -> Sequence[str]:
    return topic, entry.name, "-" if entry.value is None else entry.value, entry.source.name.lower().replace("_", "-")
