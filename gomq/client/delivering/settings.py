"""How messages are handed out until they are acknowledged, checked when it is made. Times are seconds."""

from dataclasses import dataclass
from math import inf
from typing import Final, Literal, TypeAlias, TypedDict, get_args

from gomq.client.cluster.settings import positive
from gomq.errors import ConfigurationError

Order: TypeAlias = Literal["partition", "key"]
_ORDERS: Final[tuple[str, ...]] = get_args(Order)


class DeliveryOptions(TypedDict, total=False):
    """What ``Consumer.deliveries`` and ``Consumer.run`` take by name; ``DeliverySettings`` says what each is."""

    ack_timeout: float | None
    max_attempts: int | None
    backoff: float
    max_backoff: float
    dead_letter: str | None
    concurrency: int
    order: Order
    max_waiting: int
    max_waiting_bytes: int
    max_ahead: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliverySettings:
    """When a message is delivered again, how many are in hand at a time, and what must not overtake what."""

    ack_timeout: float | None = None
    """From handing a delivery out to its acknowledgement; None waits for ever."""
    max_attempts: int | None = 10
    """How often a message is delivered before it is given up; None never gives it up."""
    backoff: float = 0.1
    """Pause before the second attempt; it doubles with each one, and is spread at random."""
    max_backoff: float = 30.0
    dead_letter: str | None = None
    """The topic for messages that are given up; None: the first such message ends the deliveries."""
    concurrency: int = 1
    """How many deliveries are in hand at a time, at most."""
    order: Order = "partition"
    """Whether messages wait for those before them of their partition, or only for those of their partition and key;
    with ``key``, messages without one wait for each other."""
    max_waiting: int = 1000
    """Messages kept while one before them is in hand or waits for its next attempt; then no more are taken."""
    max_waiting_bytes: int = 16 << 20
    """As ``max_waiting``, in bytes of their keys and values."""
    max_ahead: int = 100_000
    """Messages of one partition that may be taken from the first unfinished one on: what is delivered again after a
    crash is not more. Kafka's ``group.share.partition.max.record.locks`` is the like (KIP-932)."""

    def __post_init__(self) -> None:
        if self.ack_timeout is not None:
            positive("ack_timeout", self.ack_timeout)
        for name in ("max_attempts", "concurrency", "max_waiting", "max_waiting_bytes", "max_ahead"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ConfigurationError(f"{name} must be at least 1, not {value}")
        if not 0 <= self.backoff <= self.max_backoff < inf:
            raise ConfigurationError(
                f"backoff must be 0 or more seconds, and at most max_backoff, which is {self.max_backoff}, "
                f"not {self.backoff}"
            )
        if self.order not in _ORDERS:
            raise ConfigurationError(f'order must be "partition" or "key", not {self.order!r}')
        if self.dead_letter == "":
            raise ConfigurationError("dead_letter must be the name of a topic, or None for none")
