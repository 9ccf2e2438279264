"""What a producer can be told, checked when it is made. Times are seconds."""

from dataclasses import dataclass, field
from math import inf
from typing import Final, Literal, TypeAlias

from gomq.client.cluster.settings import ConnectionSettings, positive
from gomq.errors import ConfigurationError
from gomq_storage.batch import HEADER_SIZE
from gomq_storage.compression import Codec

Acks: TypeAlias = Literal["all", 0, 1]
_ALL: Final = -1
_ACKS_ON_THE_WIRE: Final[dict[object, int]] = {"all": _ALL, _ALL: _ALL, 0: 0, 1: 1}


@dataclass(frozen=True, slots=True, kw_only=True)
class ProducerSettings:
    """How messages are put into batches and delivered."""

    connection: ConnectionSettings = field(default_factory=ConnectionSettings)
    acks: int = -1
    """As Kafka counts them: -1 for all."""
    idempotent: bool | None = None
    """Whether brokers are to know each batch again; None: yes, unless acks is less than all (KIP-679)."""
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
        if self.idempotent and self.acks != _ALL:
            raise ConfigurationError(f'idempotent=True needs acks="all", not {self.acks}')
        if not 0 <= self.linger < inf:
            raise ConfigurationError(f"linger must be 0 or more seconds, not {self.linger}")
        if self.max_batch_bytes <= HEADER_SIZE:
            raise ConfigurationError(f"max_batch_bytes must be more than {HEADER_SIZE}, not {self.max_batch_bytes}")
        if self.buffer_bytes < self.max_batch_bytes:
            raise ConfigurationError(f"buffer_bytes must be at least max_batch_bytes, not {self.buffer_bytes}")

    @property
    def is_idempotent(self) -> bool:
        """Whether batches are numbered, so that none is stored twice."""
        return self.acks == _ALL if self.idempotent is None else self.idempotent


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
