"""Where a mirror keeps what it must know again: a compacted topic at the target, one record for each partition.

    key    {"source": "<cluster id>", "topic": "orders", "partition": 0}
    value  {"source_topic_id": "<uuid>", "target_topic_id": "<uuid>", "map": {...}}

``offset_map.py`` has the map. A record counts as long as both topics are the ones it was written for.
"""

import json
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from gomq.client.admin.admin import Admin
from gomq.client.consuming.settings import ConsumerSettings
from gomq.client.mirroring.choosing import CHECKPOINT_TOPIC
from gomq.client.mirroring.offset_map import OffsetMap
from gomq.client.mirroring.source import Messages
from gomq.client.producing.producer import Producer
from gomq.errors import UnknownTopicError
from gomq_storage.layout import TopicPartition

_CONFIGS: Final = {"cleanup.policy": "compact"}


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicPair:
    """A topic as it is at both ends."""

    name: str
    source_id: UUID | None
    """None where the broker is too old to have any."""
    target_id: UUID | None


def encode_key(source_cluster: str | None, partition: TopicPartition) -> bytes:
    """Write a record's key."""
    fields = {"source": source_cluster, "topic": partition.topic, "partition": partition.partition}
    return json.dumps(fields, sort_keys=True).encode()


def encode_value(pair: TopicPair, offsets: OffsetMap) -> bytes:
    """Write a record's value."""
    fields = {
        "source_topic_id": _text(pair.source_id),
        "target_topic_id": _text(pair.target_id),
        "map": offsets.to_json(),
    }
    return json.dumps(fields, sort_keys=True).encode()


def decode_value(value: bytes | None, pair: TopicPair) -> OffsetMap | None:
    """Read a record's value; None where it is of other topics, or not a checkpoint."""
    try:
        fields: Any = json.loads(value or b"")
    except (ValueError, RecursionError):
        return None
    if not isinstance(fields, dict):
        return None
    ids = fields.get("source_topic_id"), fields.get("target_topic_id")
    if ids != (_text(pair.source_id), _text(pair.target_id)):
        return None
    return OffsetMap.from_json(fields.get("map"))


async def read_checkpoints(admin: Admin, address: str, settings: ConsumerSettings) -> dict[bytes, bytes | None]:
    """Return the last record of each key at a target."""
    try:
        topic = await admin.describe_topic(CHECKPOINT_TOPIC)
    except UnknownTopicError:
        return {}
    found: dict[bytes, bytes | None] = {}
    bounds = topic.partitions[0]
    partition = TopicPartition(CHECKPOINT_TOPIC, 0)
    start, end = bounds.beginning_offset or 0, bounds.end_offset or 0
    async with Messages(address, partition, start, end, settings) as messages:
        while (columns := await messages.next()) is not None:
            found.update(
                (key, value) for key, value in zip(columns.keys, columns.values, strict=True) if key is not None
            )
    return found


class Checkpoints:
    """Writes checkpoints.

    Args:
        producer: one of the target.
        source_cluster: the source's cluster id.
        replication_factor: of the topic, where it has to be made; None leaves it to the broker.
    """

    def __init__(self, producer: Producer, source_cluster: str | None, *, replication_factor: int | None) -> None:
        self._producer = producer
        self._source_cluster = source_cluster
        self._replication_factor = replication_factor
        self._is_there = False

    async def write(self, pair: TopicPair, partition: int, offsets: OffsetMap) -> None:
        """Write down how far a partition is; it is safe once this returns."""
        if not self._is_there:
            await self._producer.create_topic(
                CHECKPOINT_TOPIC,
                replication_factor=self._replication_factor,
                configs=_CONFIGS,
                if_not_exists=True,
            )
            self._is_there = True
        key = encode_key(self._source_cluster, TopicPartition(pair.name, partition))
        await self._producer.publish(CHECKPOINT_TOPIC, encode_value(pair, offsets), key=key, partition=0)


def _text(value: UUID | None) -> str | None:
    return None if value is None else str(value)
