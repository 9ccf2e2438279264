"""What a consumer can be told, checked when it is made. Times are seconds."""

from dataclasses import dataclass, field

from gomq.client.cluster.settings import MOST_SECONDS, ConnectionSettings, positive
from gomq.errors import ConfigurationError
from gomq_storage.compression import DEFAULT_MAX_DECOMPRESSED_BYTES


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsumerSettings:
    """How much is fetched ahead, and for how long a lost broker is looked for."""

    connection: ConnectionSettings = field(default_factory=ConnectionSettings)
    max_wait: float = 0.5
    """How long a broker may hold a fetch for which it has nothing."""
    fetch_bytes: int = 4 << 20
    """The most that one fetch brings of one partition; a larger batch comes whole all the same."""
    buffer_bytes: int = 16 << 20
    """No more is fetched while this much is here and not yet consumed."""
    max_decompressed_bytes: int = DEFAULT_MAX_DECOMPRESSED_BYTES
    """The most that the records of one batch may take."""
    retry_timeout: float = 120.0
    """For how long a partition whose broker is gone is tried again before the iteration raises."""

    def __post_init__(self) -> None:
        for name in ("buffer_bytes", "max_decompressed_bytes", "retry_timeout"):
            positive(name, getattr(self, name))
        positive("max_wait", self.max_wait, most=MOST_SECONDS)
        most = self.connection.max_response_bytes // 2
        if not 0 < self.fetch_bytes <= most:
            raise ConfigurationError(
                f"fetch_bytes must be 1 to {most}, half of max_response_bytes, not {self.fetch_bytes}"
            )
