"""Committed offsets as values."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from gomq.client.cluster.settings import MOST_BYTES
from gomq.errors import ConfigurationError
from gomq_storage.layout import TopicPartition

MOST_OFFSET: Final = 0x7FFFFFFFFFFFFFFF
MOST_METADATA_BYTES: Final = 0x7FFF
"""What fits into a request; brokers take 4096 unless they are told otherwise."""


@dataclass(frozen=True, slots=True)
class OffsetAndMetadata:
    """What to commit for a partition."""

    offset: int
    """The next one to read: one more than that of the last message that was processed."""
    metadata: str = ""
    """A note of whoever commits."""
    leader_epoch: int | None = None
    """Of the last message that was processed, where it is known (KIP-320)."""

    def __post_init__(self) -> None:
        if not 0 <= self.offset <= MOST_OFFSET:
            raise ConfigurationError(f"an offset to commit is 0 or more, not {self.offset}")
        if len(self.metadata.encode()) > MOST_METADATA_BYTES:
            raise ConfigurationError(f"the metadata of an offset has at most {MOST_METADATA_BYTES} bytes")
        if self.leader_epoch is not None and not 0 <= self.leader_epoch <= MOST_BYTES:
            raise ConfigurationError(f"a leader epoch is 0 or more, not {self.leader_epoch}")


@dataclass(frozen=True, slots=True)
class CommittedOffset:
    """What was committed for a partition."""

    offset: int
    """The next one to read."""
    metadata: str = ""
    leader_epoch: int | None = None


def to_commit(offsets: Mapping[TopicPartition, int | OffsetAndMetadata]) -> dict[TopicPartition, OffsetAndMetadata]:
    """Take offsets in either form."""
    return {
        partition: offset if isinstance(offset, OffsetAndMetadata) else OffsetAndMetadata(offset)
        for partition, offset in offsets.items()
    }
