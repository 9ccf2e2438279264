"""Whether the active segment must give way to a new one: a decision, no I/O. Kafka: ``LogSegment.shouldRoll``."""

from typing import Final, NamedTuple

from gomq_storage.batch import NO_TIMESTAMP
from gomq_storage.config import LogConfig
from gomq_storage.offset_index import MAX_RELATIVE_OFFSET

MAX_TIMESTAMP: Final = 2**63 - 1


class ActiveSegment(NamedTuple):
    """What the decision looks at."""

    base_offset: int
    first_timestamp: int
    """The largest timestamp of its first batch, ms."""


class Room(NamedTuple):
    """What an active segment that is not empty can take: worked out once, compared with each batch."""

    size: int
    """Bytes that the segment may have with the batch."""
    last_offset: int
    max_timestamp: int


def room_of(active: ActiveSegment, config: LogConfig) -> Room:
    """Work out what an active segment takes until it must give way to a new one.

    It would pass ``segment.bytes``; its indexes could not hold the offset; or its first message is more than
    ``segment.ms`` older than the one to come, where both have a timestamp.
    """
    first_timestamp = active.first_timestamp
    latest = MAX_TIMESTAMP if first_timestamp == NO_TIMESTAMP else first_timestamp + config.longest_segment_ms
    return Room(config.segment_bytes, active.base_offset + MAX_RELATIVE_OFFSET, latest)
