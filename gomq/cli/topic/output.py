"""What ``gomq topic describe`` prints: tables, or an object for each topic."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from gomq.cli.cluster import size_text
from gomq.cli.tables import print_table

if TYPE_CHECKING:  # help is not to wait for the client
    from gomq.client.admin.configs import ConfigEntry
    from gomq.client.admin.descriptions import PartitionDescription, TopicDescription

_PARTITION_HEADINGS = ("TOPIC", "PARTITION", "LEADER", "REPLICAS", "ISR", "BEGIN-OFFSET", "END-OFFSET", "SIZE")
_CONFIG_HEADINGS = ("TOPIC", "CONFIG", "VALUE", "SOURCE")


class DescribedTopic(NamedTuple):
    """A topic, those of its configs that are to be shown, and how much its partitions take."""

    topic: "TopicDescription"
    configs: "list[ConfigEntry]"
    sizes: Mapping[tuple[str, int], int]
    """Bytes by topic and partition, where that is known."""

    def without_led(self) -> "DescribedTopic":
        """Leave out the partitions that have a leader, and the configs."""
        left = tuple(each for each in self.topic.partitions if each.leader is None)
        return self._replace(topic=replace(self.topic, partitions=left), configs=[])


def print_json(described: Sequence[DescribedTopic]) -> None:
    """Print an object for each topic, one a line; its fields are called as the admin client has them."""
    for topic, configs, sizes in described:
        partitions = [
            {
                "index": partition.index,
                "leader": partition.leader,
                "replicas": partition.replicas,
                "in_sync": partition.in_sync,
                "beginning_offset": partition.beginning_offset,
                "end_offset": partition.end_offset,
                "size_bytes": sizes.get((topic.name, partition.index)),
            }
            for partition in topic.partitions
        ]
        fields = {
            "name": topic.name,
            "topic_id": _optional(topic.topic_id),
            "is_internal": topic.is_internal,
            "partitions": partitions,
            "configs": {entry.name: entry.value for entry in configs},
        }
        print(json.dumps(fields))


def print_text(described: Sequence[DescribedTopic]) -> None:
    """Print a table of all partitions, and one of the configs where there are any."""
    if described:
        print_table(
            _PARTITION_HEADINGS,
            [
                _partition_row(topic.name, partition, sizes.get((topic.name, partition.index)))
                for topic, _, sizes in described
                for partition in topic.partitions
            ],
        )
    rows = [_config_row(topic.name, entry) for topic, configs, _ in described for entry in configs]
    if rows:
        print()
        print_table(_CONFIG_HEADINGS, rows)


def _optional(value: object) -> str | None:
    return None if value is None else str(value)


def _partition_row(topic: str, partition: "PartitionDescription", size: int | None) -> Sequence[str]:
    return (
        topic,
        str(partition.index),
        _optional(partition.leader) or "none",
        ",".join(map(str, partition.replicas)),
        ",".join(map(str, partition.in_sync)),
        _optional(partition.beginning_offset) or "-",
        _optional(partition.end_offset) or "-",
        size_text(size),
    )


def _config_row(topic: str, entry: "ConfigEntry") -> Sequence[str]:
    return topic, entry.name, "-" if entry.value is None else entry.value, entry.source.name.lower().replace("_", "-")
