"""How to reach brokers, checked when it is made. Times are seconds."""

from dataclasses import dataclass, field
from math import inf
from typing import Final

from gomq.client.cluster.security import Security
from gomq.errors import ConfigurationError

MOST_BYTES: Final = 0x7FFFFFFF
MOST_SECONDS: Final = MOST_BYTES // 1000
"""A request has 32 bits for milliseconds."""


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
    """Pause before something that failed is tried again; it doubles each time, and is spread at random. Meanwhile an
    address that could not be connected to is left alone."""
    max_backoff: float = 1.0
    metadata_max_age: float = 300.0
    """After which brokers and topics are asked for again, though nothing went wrong."""
    max_response_bytes: int = 100 << 20
    """The largest answer that is taken from a broker."""
    max_control_bytes: int = 16 << 20
    """The largest answer about anything but messages: it takes up to 16 times as much memory, and far more time, than
    the same number of bytes of messages. Metadata of 200,000 partitions takes 8 MiB."""
    security: Security = field(default_factory=Security)
    """Plaintext, which is all there is; see there."""

    def __post_init__(self) -> None:
        for name in ("connect_timeout", "first_backoff", "max_backoff", "metadata_max_age"):
            positive(name, getattr(self, name))
        positive("request_timeout", self.request_timeout, most=MOST_SECONDS)
        for name in ("max_response_bytes", "max_control_bytes"):
            positive(name, getattr(self, name), most=MOST_BYTES)
        if len(self.client_id.encode()) > 0x7FFF:
            raise ConfigurationError("client_id is longer than 32767 bytes")
        if not isinstance(self.security, Security):
            raise ConfigurationError(f"security must be a Security, not {self.security!r}")


def positive(name: str, value: float, *, most: float = inf) -> None:
    """Refuse a setting that is not more than 0, or more than its place in a request can hold."""
    if not value > 0:
        raise ConfigurationError(f"{name} must be more than 0, not {value}")
    if value > most:
        raise ConfigurationError(f"{name} must be at most {most}, not {value}")
