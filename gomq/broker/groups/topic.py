"""The topic that groups are remembered in: its name, its configs, and which group is in which of its partitions.

It is a topic like any other to who consumes it. Clients do not write to it, and neither create nor delete it. All of
it is Kafka's (``Topic``, ``GroupCoordinatorService``), but for the number of partitions (see ``BrokerConfig``) and the
size of segments.
"""

from collections.abc import Mapping
from typing import Final

OFFSETS_TOPIC: Final = "__consumer_offsets"
OFFSETS_TOPIC_CONFIGS: Final[Mapping[str, str]] = {
    "cleanup.policy": "compact",
    "compression.type": "producer",
    "segment.bytes": str(16 << 20),
}
"""What Kafka sets for the topic; but its ``offsets.topic.segment.bytes`` is 100 MiB. What is in the last segment is not
compacted, so a start has to read all of it: here the commits of all groups are in one partition, mostly."""


def partition_of(group: str, partitions: int) -> int:
    """Say in which of so many partitions a group's records are: by the hash that Java gives a string."""
    if partitions == 1:
        return 0
    code = 0
    units = group.encode("utf-16-be")
    for place in range(0, len(units), 2):
        code = (31 * code + int.from_bytes(units[place : place + 2])) & 0xFFFF_FFFF
    return (code & 0x7FFF_FFFF) % partitions  # Kafka's Utils.abs: the sign is dropped
