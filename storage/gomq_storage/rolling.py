"""Whether the active segment must give way to a new one: a decision, no I/O. Kafka: ``LogSegment.shouldRoll``."""

from typing import NamedTuple

from gomq_storage.config import LogConfig
from gomq_storage.offset_index import MAX_RELATIVE_OFFSET


class ActiveSegment(NamedTuple):
    """What the decision looks at."""

    base_offset: int
    size: int


def roll_reason(active: ActiveSegment, *, batch_size: int, last_offset: int, config: LogConfig) -> str | None:
    """Say why a batch must go into a new segment, or None when it fits into the active one.

    Args:
        active: the segment that takes appends.
        batch_size: bytes of the batch to come.
        last_offset: the offset that its last record will have.
        config: the log's settings.
    """
    if active.size == 0:
        return None
    if active.size + batch_size > config.segment_bytes:
        return f"it would pass {config.segment_bytes} bytes"
    if last_offset - active.base_offset > MAX_RELATIVE_OFFSET:
        return "its index cannot hold the offset"
    return None
