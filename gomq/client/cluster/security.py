"""How connections to brokers are protected, checked when it is made: the seam at which TLS and SASL will come in.

Today there is plaintext and nothing else; whatever else is asked for is refused.
"""

from dataclasses import dataclass
from typing import Final, Literal

from gomq.errors import ConfigurationError

PLAINTEXT: Final = "plaintext"


@dataclass(frozen=True, slots=True, kw_only=True)
class Security:
    """What protects a connection and says who the client is."""

    protocol: Literal["plaintext"] = PLAINTEXT
    """Kafka's ``security.protocol``: neither TLS nor SASL is there yet."""

    def __post_init__(self) -> None:
        if self.protocol != PLAINTEXT:
            raise ConfigurationError(
                f"security protocol {self.protocol!r} is not available: this version connects in plaintext only, "
                "without TLS and SASL; use a listener of the broker that takes plaintext"
            )
