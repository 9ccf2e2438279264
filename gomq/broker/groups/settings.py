"""What a broker can be told about its groups, under the names that Kafka's ``GroupCoordinatorConfig`` has for it."""

from dataclasses import dataclass
from typing import Final

from gomq.errors import ConfigurationError

NEW_MEMBER_JOIN_TIMEOUT_MS: Final = 5 * 60 * 1000
"""How long a new member's JoinGroup may wait: it cannot send heartbeats before it is answered."""
PENDING_MEMBER_TIMEOUT_MS: Final = 5000
"""How long a group waits for a member that was told its id, and comes again at once unless it was stopped just then.
Kafka waits for its session timeout: without an initial rebalance delay a group whose consumers were started, stopped
and started again would stand still for 45 seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupSettings:
    """Settings of every group."""

    min_session_timeout_ms: int = 6000
    """``group.min.session.timeout.ms``."""
    max_session_timeout_ms: int = 1_800_000
    """``group.max.session.timeout.ms``."""
    max_size: int = 10_000
    """``group.max.size``: how many members a group may have. Kafka's default is no limit."""
    initial_rebalance_delay_ms: int = 0
    """``group.initial.rebalance.delay.ms``: how long an empty group waits for more members. Kafka's default is
    3000, which is how long every first message waits."""

    def __post_init__(self) -> None:
        if not 0 < self.min_session_timeout_ms <= self.max_session_timeout_ms:
            raise ConfigurationError(
                f"group.min.session.timeout.ms must be 1 to group.max.session.timeout.ms, which is "
                f"{self.max_session_timeout_ms}, not {self.min_session_timeout_ms}"
            )
        if self.max_size < 1:
            raise ConfigurationError(f"group.max.size must be at least 1, not {self.max_size}")
        if self.initial_rebalance_delay_ms < 0:
            raise ConfigurationError(
                f"group.initial.rebalance.delay.ms must be at least 0, not {self.initial_rebalance_delay_ms}"
            )
