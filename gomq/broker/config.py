"""The broker's settings, checked when they are made."""

from dataclasses import dataclass, field
from enum import StrEnum
from math import inf
from pathlib import Path
from typing import Final

from gomq.errors import ConfigurationError
from gomq_storage.cleaner import KEY_MAP_BYTES
from gomq_storage.config import LogConfig

MAX_PARTITIONS: Final = 10_000
"""Of one topic, if nothing else is said."""


class FlushMode(StrEnum):
    """When appended messages are made to survive a power cut."""

    ALWAYS = "always"
    """Before ``acks=all`` is answered, and before any consumer sees them: nothing seen is ever lost."""
    INTERVAL = "interval"
    """Every ``flush_interval`` seconds: a power cut may take the last of them."""
    NEVER = "never"
    """When the operating system pleases, with each recovery point and at a clean stop: Kafka relies on replicas."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerConfig:
    """Everything a broker can be told."""

    data: Path
    """The data directory; it is made where its parent exists."""
    listen: str = "127.0.0.1:9092"
    """HOST:PORT; port 0 takes any free one."""
    flush: FlushMode = FlushMode.ALWAYS
    flush_interval: float = 1.0
    """Seconds between syncs under ``FlushMode.INTERVAL``."""
    node_id: int = 1
    auto_create_topics: bool = True
    """``auto.create.topics.enable``: a Metadata request that allows it creates the topics it names."""
    default_partitions: int = 1
    """``num.partitions``: for topics created without saying how many."""
    max_partitions_per_topic: int = MAX_PARTITIONS
    checkpoint_interval: float = 60.0
    """Seconds between recovery points: ``log.flush.offset.checkpoint.interval.ms``."""
    retention_check_interval: float = 300.0
    """Seconds between looks for expired segments: ``log.retention.check.interval.ms``."""
    compaction_interval: float = 15.0
    """Seconds between looks for something to compact: ``log.cleaner.backoff.ms``."""
    compaction_memory_bytes: int = KEY_MAP_BYTES
    """``log.cleaner.dedupe.buffer.size``: a log with more keys is compacted a part at a time."""
    compaction_max_bytes_per_second: float | None = None
    """``log.cleaner.io.max.bytes.per.second``; a compaction never takes more than a third of a core."""
    producer_id_expiration_ms: int = 24 * 3_600_000
    """``producer.id.expiration.ms``: how long a log remembers a producer that is silent."""
    max_request_bytes: int = 100 << 20
    """``socket.request.max.bytes``: a connection that announces a larger request is closed."""
    max_fetch_bytes: int = 55 << 20
    """``fetch.max.bytes``: the most one answer to a Fetch holds, whatever the client asks for."""
    log: LogConfig = field(default_factory=LogConfig)
    """Settings of every topic that does not override them."""

    def __post_init__(self) -> None:
        for name in ("flush_interval", "checkpoint_interval", "retention_check_interval", "compaction_interval"):
            if not 0 < (seconds := getattr(self, name)) < inf:
                raise ConfigurationError(f"{name} must be more than 0 seconds, not {seconds}")
        if not 1 <= self.default_partitions <= self.max_partitions_per_topic:
            raise ConfigurationError(
                f"default_partitions must be 1 to {self.max_partitions_per_topic}, not {self.default_partitions}"
            )
