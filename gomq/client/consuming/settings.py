"""What a consumer can be told, checked when it is made. Times are seconds."""

from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias, get_args

from gomq.client.cluster.settings import MOST_SECONDS, ConnectionSettings, positive
from gomq.errors import ConfigurationError
from gomq_storage.compression import DEFAULT_MAX_DECOMPRESSED_BYTES

Isolation: TypeAlias = Literal["read_uncommitted", "read_committed"]
OutOfRange: TypeAlias = Literal["raise", "earliest", "latest"]
READ_UNCOMMITTED: Final = 0
READ_COMMITTED: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsumerSettings:
    """How much is fetched ahead, and for how long a lost broker is looked for."""

    connection: ConnectionSettings = field(default_factory=ConnectionSettings)
    max_wait: float = 0.5
    """How long a broker may hold a fetch for which it has nothing."""
    fetch_bytes: int = 1 << 20
    """The most that one fetch brings of one partition (``max.partition.fetch.bytes``); a larger batch comes whole all
    the same. Messages that are decoded while the processor still has them in its caches are decoded sooner."""
    buffer_bytes: int = 16 << 20
    """No more is fetched while this much is here and not yet consumed. As much again is kept of paused partitions."""
    max_decompressed_bytes: int = DEFAULT_MAX_DECOMPRESSED_BYTES
    """The most that the records of one batch may take."""
    retry_timeout: float = 120.0
    """For how long a partition whose broker is gone is tried again before the iteration raises."""
    rack: str | None = None
    """Where this consumer is, such as the availability zone, in the words of the brokers' ``broker.rack``: it then
    fetches from a replica there, where brokers allow it (KIP-392), and is given partitions that have one, where the
    group's assignor looks at that (KIP-881)."""

    def __post_init__(self) -> None:
        for name in ("buffer_bytes", "max_decompressed_bytes", "retry_timeout"):
            positive(name, getattr(self, name))
        positive("max_wait", self.max_wait, most=MOST_SECONDS)
        most = self.connection.max_response_bytes // 2
        if not 0 < self.fetch_bytes <= most:
            raise ConfigurationError(
                f"fetch_bytes must be 1 to {most}, half of max_response_bytes, not {self.fetch_bytes}"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadPolicy:
    """What of a log counts, and what to do where the wanted part of it is gone."""

    isolation: Isolation = "read_uncommitted"
    """``read_committed``: nothing of aborted transactions, and nothing behind the first one that is open."""
    out_of_range: OutOfRange = "raise"
    """Where to go on when the wanted offset is not there, or the log was cut behind it; ``raise`` lets the user say."""

    def __post_init__(self) -> None:
        for name, kind in (("isolation", Isolation), ("out_of_range", OutOfRange)):
            if (value := getattr(self, name)) not in get_args(kind):
                choices = " or ".join(repr(each) for each in get_args(kind))
                raise ConfigurationError(f"{name} is {choices}, not {value!r}")

    @property
    def isolation_level(self) -> int:
        """As requests have it."""
        return READ_COMMITTED if self.isolation == "read_committed" else READ_UNCOMMITTED
