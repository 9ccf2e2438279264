"""Settings of a log, checked when they are made. Names are Kafka's, and defaults too unless said otherwise."""

from dataclasses import dataclass
from enum import Flag, StrEnum, auto
from typing import Final

MIN_SEGMENT_BYTES: Final = 14
MAX_SEGMENT_BYTES: Final = 2**31 - 1
NO_LIMIT_MS: Final = 2**63 - 1
"""As long as no message is old, or early."""
KEY_MAP_BYTES: Final = 128 << 20
"""Of memory for compaction, ``log.cleaner.dedupe.buffer.size``: some 760,000 keys."""
_HOUR_MS: Final = 3_600_000
_DAY_MS: Final = 24 * _HOUR_MS


class CleanupPolicy(Flag):
    """What becomes of old messages; both may be had at once, or neither (KIP-1117)."""

    NONE = 0
    DELETE = auto()
    """Segments go once they are older than ``retention_ms``, or the log is larger than ``retention_bytes``."""
    COMPACT = auto()
    """Of each key the last message stays; every message must have one."""


class TimestampType(StrEnum):
    """Whose clock a message's timestamp is read from."""

    CREATE_TIME = "CreateTime"
    """The producer's."""
    LOG_APPEND_TIME = "LogAppendTime"
    """The broker's, when it appends the message; what the producer said is kept and means nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogConfig:
    """How one log keeps its segments."""

    segment_bytes: int = 1 << 30
    """``segment.bytes``: the active segment is closed before it would pass this size."""
    segment_ms: int = 7 * _DAY_MS
    """``segment.ms``: the active segment is closed once its first message is so much older than the one to come."""
    index_interval_bytes: int = 4096
    """``index.interval.bytes``: log bytes between two entries of an offset index."""
    max_message_bytes: int = 1_048_588
    """``max.message.bytes``: the largest record batch that may be appended, header included."""
    message_timestamp_type: TimestampType = TimestampType.CREATE_TIME
    """``message.timestamp.type``."""
    message_timestamp_before_max_ms: int = NO_LIMIT_MS
    """``message.timestamp.before.max.ms``: how far behind the broker's clock a message's timestamp may be."""
    message_timestamp_after_max_ms: int = _HOUR_MS
    """``message.timestamp.after.max.ms``: how far ahead of the broker's clock it may be (KIP-937, KIP-1030)."""
    cleanup_policy: CleanupPolicy = CleanupPolicy.DELETE
    """``cleanup.policy``."""
    retention_ms: int | None = None
    """``retention.ms``: sealed segments with nothing newer may be deleted; None (Kafka: 7 days) keeps all."""
    retention_bytes: int | None = None
    """``retention.bytes``: the oldest segments may be deleted while so much is left without them; None keeps all."""
    file_delete_delay_ms: int = 60_000
    """``file.delete.delay.ms``: how long a deleted segment's files stay for those who still read them."""
    delete_retention_ms: int = _DAY_MS
    """``delete.retention.ms``: how long compaction keeps a message with a null value, which deletes its key."""
    min_cleanable_dirty_ratio: float = 0.5
    """``min.cleanable.dirty.ratio``: the part of a log that must be new before it is compacted again."""
    min_compaction_lag_ms: int = 0
    """``min.compaction.lag.ms``: younger messages are not compacted."""
    max_compaction_lag_ms: int | None = None
    """``max.compaction.lag.ms``: older messages are compacted whatever the ratio; None: never."""

    def __post_init__(self) -> None:
        if not MIN_SEGMENT_BYTES <= self.segment_bytes <= MAX_SEGMENT_BYTES:
            raise ValueError(
                f"segment_bytes must be {MIN_SEGMENT_BYTES} to {MAX_SEGMENT_BYTES}, not {self.segment_bytes}"
            )
        if self.segment_ms < 1:
            raise ValueError(f"segment_ms must be at least 1, not {self.segment_ms}")
        for name in _NOT_NEGATIVE:
            value = getattr(self, name)
            if value is not None and value < 0:
                raise ValueError(f"{name} must not be negative: {value}")
        if not 0 <= self.min_cleanable_dirty_ratio <= 1:
            raise ValueError(f"min_cleanable_dirty_ratio must be 0 to 1, not {self.min_cleanable_dirty_ratio}")
        if self.max_compaction_lag_ms is not None and self.max_compaction_lag_ms < max(self.min_compaction_lag_ms, 1):
            raise ValueError(
                f"max_compaction_lag_ms must be at least 1 and min_compaction_lag_ms, not {self.max_compaction_lag_ms}"
            )

    @property
    def is_compacted(self) -> bool:
        """Whether of each key the last message stays."""
        return CleanupPolicy.COMPACT in self.cleanup_policy

    @property
    def deletes(self) -> bool:
        """Whether old segments go as ``retention_ms`` and ``retention_bytes`` say."""
        return CleanupPolicy.DELETE in self.cleanup_policy

    @property
    def longest_segment_ms(self) -> int:
        """How much older the active segment's first message may be: what is to be compacted must be sealed first."""
        if self.is_compacted and self.max_compaction_lag_ms is not None:
            return min(self.segment_ms, self.max_compaction_lag_ms)
        return self.segment_ms


_NOT_NEGATIVE: Final = (
    "index_interval_bytes",
    "max_message_bytes",
    "message_timestamp_before_max_ms",
    "message_timestamp_after_max_ms",
    "retention_ms",
    "retention_bytes",
    "file_delete_delay_ms",
    "delete_retention_ms",
    "min_compaction_lag_ms",
)
