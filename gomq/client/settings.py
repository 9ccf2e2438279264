"""What a client can be told, checked when it is made. Times are seconds."""

from dataclasses import dataclass, field
from math import inf
from typing import Final, Literal, TypeAlias

from gomq.errors import ConfigurationError
from gomq_storage.batch import HEADER_SIZE
from gomq_storage.compression import DEFAULT_MAX_DECOMPRESSED_BYTES, Codec

Acks: TypeAlias = Literal["all", 0, 1]
_MOST_BYTES: Final = 0x7FFFFFFF
_MOST_SECONDS: Final = _MOST_BYTES // 1000
"""A request has 32 bits for milliseconds."""
_ACKS_ON_THE_WIRE: Final[dict[object, int]] = {"all": -1, -1: -1, 0: 0, 1: 1}


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionSettings:
    """How to reach brokers and how long to wait for them."""

    client_id: str = "gomq"
    """What brokers call this client in their logs."""
    connect_timeout: float = 10.0
    """For one address to take a connection and say which versions it serves."""
    request_timeout: float = 30.0
    """For the answer to one request; the connection is given up when it does not come."""
    first_backoff: float = 0.05
    """Pause before something that failed is tried again; it doubles each time, and is spread at random."""
    max_backoff: float = 1.0
    max_response_bytes: int = 100 << 20
    """The largest answer that is taken from a broker."""

    def __post_init__(self) -> None:
        for name in ("connect_timeout", "first_backoff", "max_backoff"):
            positive(name, getattr(self, name))
        positive("request_timeout", self.request_timeout, most=_MOST_SECONDS)
        positive("max_response_bytes", self.max_response_bytes, most=_MOST_BYTES)
        if len(self.client_id.encode()) > 0x7FFF:
            raise ConfigurationError("client_id is longer than 32767 bytes")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProducerSettings:
    """How messages are put into batches and delivered."""

    connection: ConnectionSettings = field(default_factory=ConnectionSettings)
    acks: int = -1
    """As Kafka counts them: -1 for all."""
    codec: Codec = Codec.NONE
    linger: float = 0.0
    """How long a batch waits for more messages while nothing is on its way; 0 sends at once."""
    max_batch_bytes: int = 1_000_000
    """The most that a batch of more than one message takes, before compression; brokers take 1048588 by default."""
    delivery_timeout: float = 120.0
    """From handing a message over to its acknowledgement, retries included."""
    buffer_bytes: int = 32 << 20
    """Messages not yet acknowledged take about this much memory; whoever publishes more waits."""

    def __post_init__(self) -> None:
        positive("delivery_timeout", self.delivery_timeout)
        if self.acks not in _ACKS_ON_THE_WIRE.values():
            raise ConfigurationError(f"acks must be -1 for all, 1 or 0, not {self.acks!r}")
        if not 0 <= self.linger < inf:
            raise ConfigurationError(f"linger must be 0 or more seconds, not {self.linger}")
        if self.max_batch_bytes <= HEADER_SIZE:
            raise ConfigurationError(f"max_batch_bytes must be more than {HEADER_SIZE}, not {self.max_batch_bytes}")
        if self.buffer_bytes < self.max_batch_bytes:
            raise ConfigurationError(f"buffer_bytes must be at least max_batch_bytes, not {self.buffer_bytes}")


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
        positive("max_wait", self.max_wait, most=_MOST_SECONDS)
        most = self.connection.max_response_bytes // 2
        if not 0 < self.fetch_bytes <= most:
            raise ConfigurationError(
                f"fetch_bytes must be 1 to {most}, half of max_response_bytes, not {self.fetch_bytes}"
            )


def parse_acks(acks: object) -> int:
    """Make Kafka's number of ``"all"``, 1 or 0."""
    try:
        return _ACKS_ON_THE_WIRE[acks]
    except (KeyError, TypeError):
        raise ConfigurationError(f'acks must be "all", 1 or 0, not {acks!r}') from None


def parse_codec(codec: Codec | str) -> Codec:
    """Find a codec by its name."""
    if isinstance(codec, Codec):
        return codec
    try:
        return Codec[codec.upper()]
    except KeyError:
        names = ", ".join(each.name.lower() for each in Codec)
        raise ConfigurationError(f"codec must be one of {names}, not {codec!r}") from None


def positive(name: str, value: float, *, most: float = inf) -> None:
    """Refuse a setting that is not more than 0, or more than its place in a request can hold."""
    if not value > 0:
        raise ConfigurationError(f"{name} must be more than 0, not {value}")
    if value > most:
        raise ConfigurationError(f"{name} must be at most {most}, not {value}")
