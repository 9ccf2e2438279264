"""The broker's settings, checked when they are made."""

from dataclasses import dataclass, field
from enum import StrEnum
from math import inf
from pathlib import Path
from typing import Final

from gomq.errors import ConfigurationError
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
    """When the operating system pleases, and at a clean stop: as Kafka does, which relies on its replicas."""


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
    max_request_bytes: int = 100 << 20
    """``socket.request.max.bytes``: a connection that announces a larger request is closed."""
    max_fetch_bytes: int = 55 << 20
    """``fetch.max.bytes``: the most one answer to a Fetch holds, whatever the client asks for."""
    log: LogConfig = field(default_factory=LogConfig)
    """Settings of every topic that does not override them."""

    def __post_init__(self) -> None:
        if not 0 < self.flush_interval < inf:
            raise ConfigurationError(f"flush_interval must be more than 0 seconds, not {self.flush_interval}")
        if not 1 <= self.default_partitions <= self.max_partitions_per_topic:
            raise ConfigurationError(
                f"default_partitions must be 1 to {self.max_partitions_per_topic}, not {self.default_partitions}"
            )
