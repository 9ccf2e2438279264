"""Whether the active segment must give way to a new one: a decision, no I/O. Kafka: ``LogSegment.shouldRoll``."""

from typing import NamedTuple

from gomq_storage.batch import NO_TIMESTAMP
from gomq_storage.config import LogConfig
from gomq_storage.offset_index import MAX_RELATIVE_OFFSET


class ActiveSegment(NamedTuple):
    """What the decision looks at."""

    base_offset: int
    size: int
    first_timestamp: int
    """The largest timestamp of its first batch, ms."""


def roll_reason(
    active: ActiveSegment, *, batch_size: int, last_offset: int, max_timestamp: int, config: LogConfig
) -> str | None:
    """Say why a batch must go into a new segment, or None when it fits into the active one.

    Args:
        active: the segment that takes appends.
        batch_size: bytes of the batch to come.
        last_offset: the offset that its last record will have.
        max_timestamp: the largest of its records, ms.
        config: the log's settings.
    """
    if active.size == 0:
        return None
    if active.size + batch_size > config.segment_bytes:
        return f"it would pass {config.segment_bytes} bytes"
    if last_offset - active.base_offset > MAX_RELATIVE_OFFSET:
        return "its index cannot hold the offset"
    if (
        active.first_timestamp != NO_TIMESTAMP != max_timestamp
        and max_timestamp - active.first_timestamp > config.longest_segment_ms
    ):
        return f"its first message is more than {config.longest_segment_ms} ms older"
    return None
