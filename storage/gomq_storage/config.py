"""Settings of a log, checked when they are made. Names and defaults are Kafka's."""

from dataclasses import dataclass

MIN_SEGMENT_BYTES = 14
MAX_SEGMENT_BYTES = 2**31 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class LogConfig:
    """How one log keeps its segments."""

    segment_bytes: int = 1 << 30
    """``segment.bytes``: the active segment is closed before it would pass this size."""
    index_interval_bytes: int = 4096
    """``index.interval.bytes``: log bytes between two entries of an offset index."""
    max_message_bytes: int = 1_048_588
    """``max.message.bytes``: the largest record batch that may be appended, header included."""

    def __post_init__(self) -> None:
        if not MIN_SEGMENT_BYTES <= self.segment_bytes <= MAX_SEGMENT_BYTES:
            raise ValueError(
                f"segment_bytes must be {MIN_SEGMENT_BYTES} to {MAX_SEGMENT_BYTES}, not {self.segment_bytes}"
            )
        if self.index_interval_bytes < 0:
            raise ValueError(f"index_interval_bytes must not be negative: {self.index_interval_bytes}")
        if self.max_message_bytes < 0:
            raise ValueError(f"max_message_bytes must not be negative: {self.max_message_bytes}")
