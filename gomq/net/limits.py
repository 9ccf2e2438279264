"""What a listener's connections may take: how many, how long, how much memory. Kafka: ``SocketServerConfigs``."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from gomq.errors import ConfigurationError

MOST_CONNECTIONS: int = (1 << 31) - 1
"""Kafka's way of saying that there is no limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionLimits:
    """Limits of all connections together and of each."""

    connections: int = MOST_CONNECTIONS
    """At this many the next one waits to be accepted until another ends."""
    connections_per_ip: int = MOST_CONNECTIONS
    """At this many of one address its next one is closed."""
    connections_per_ip_overrides: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    """By address, in place of ``connections_per_ip``."""
    request_bytes: int = 100 << 20
    """The largest request."""
    queued_bytes: int | None = None
    """Memory for large requests of all connections together; None sets no limit."""
    idle_seconds: float = 600.0
    """How long a connection may say nothing between two requests."""
    first_request_seconds: float = 30.0
    """How long a new connection may say nothing."""
    request_seconds: float = 30.0
    """How long a request that has begun may take to arrive, besides a second for each ``SLOWEST_BYTES`` of it."""
    send_seconds: float = 360.0
    """How long a peer may take to read an answer, besides a second for each ``SLOWEST_BYTES`` of it."""

    def __post_init__(self) -> None:
        if self.connections < 1:
            raise ConfigurationError(f"max_connections must be 1 or more, not {self.connections}")
        if self.connections_per_ip < 0:
            raise ConfigurationError(f"max_connections_per_ip must be 0 or more, not {self.connections_per_ip}")
        if self.queued_bytes is not None and self.queued_bytes < self.request_bytes:
            raise ConfigurationError(
                f"queued_max_request_bytes must be {self.request_bytes} or more, as requests may be, "
                f"not {self.queued_bytes}"
            )

    def connections_of(self, address: str) -> int:
        """How many connections an address may have."""
        return self.connections_per_ip_overrides.get(address, self.connections_per_ip)


def parse_overrides(text: str) -> dict[str, int]:
    """Take ``max.connections.per.ip.overrides`` apart: ``192.0.2.1:100,2001:db8::1:5``.

    Raises:
        ConfigurationError: it is not of that form.
    """
    overrides: dict[str, int] = {}
    for entry in filter(None, map(str.strip, text.split(","))):
        address, _, count = entry.rpartition(":")
        if not address or not count.isascii() or not count.isdecimal():
            raise ConfigurationError(
                f"max_connections_per_ip_overrides has {entry!r}: ADDRESS:COUNT is wanted, such as 192.0.2.1:100"
            )
        overrides[plain_address(address.strip("[]"))] = int(count)
    return overrides


def plain_address(address: str) -> str:
    """Write an IPv4 address that came over an IPv6 socket as what it is."""
    return address.removeprefix("::ffff:") if "." in address else address
