"""What a fetch wants of a partition, and what it found there."""

from typing import NamedTuple, TypeAlias
from uuid import UUID

from gomq.protocol.fetch import FetchedPartition
from gomq_storage.log_values import LogSlice

TopicKey: TypeAlias = str | UUID
"""How a request names a topic: by id from version 13 on, by name before."""
PartitionKey: TypeAlias = tuple[TopicKey, int]


class Wanted(NamedTuple):
    """What a client wants of one partition. Kafka: ``FetchRequest.PartitionData``."""

    topic: TopicKey
    partition_index: int
    offset: int
    max_bytes: int
    leader_epoch: int = -1
    """Of the leader that the client believes in; -1 for no check."""
    last_fetched_epoch: int = -1
    """Of the last record that the client has; -1 for none."""


class Found(NamedTuple):
    """What there was."""

    wanted: Wanted
    result: FetchedPartition
    records: LogSlice | None = None
    """None, or at least one byte."""
