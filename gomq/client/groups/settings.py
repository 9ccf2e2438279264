"""What a member of a consumer group can be told, checked when it is made. Times are seconds."""

from dataclasses import dataclass
from typing import Final

from gomq.client.cluster.settings import MOST_SECONDS, positive
from gomq.client.groups.assignors import ASSIGNORS
from gomq.errors import ConfigurationError

MOST_ID_BYTES: Final = 0x7FFF


@dataclass(frozen=True, slots=True)
class GroupSettings:
    """Which group a consumer joins, and how. Defaults are those of Kafka's Java consumer."""

    group_id: str
    """The group's name."""
    instance_id: str | None = None
    """Makes this a static member (KIP-345): it does not leave the group when it ends, and has its partitions back when
    it returns under this name before its session has run out. No two running consumers may share one."""
    session_timeout: float = 45.0
    """Without a sign of life for this long a member is out, and others have its partitions."""
    heartbeat_interval: float = 3.0
    """Pause between signs of life; so long, too, it takes until a member learns of a rebalance."""
    rebalance_timeout: float = 300.0
    """How long the group waits for a member to join again, which finishes what it has in hand before."""
    assignors: tuple[str, ...] = ("range", "cooperative-sticky")
    """How partitions may be shared out, the preferred way first; all members need one in common. Only a member whose
    assignors are all cooperative keeps its partitions during a rebalance (KIP-429)."""
    commit_interval: float = 5.0
    """Pause between automatic commits."""
    drain_timeout: float = 10.0
    """How long to wait, before partitions are given away, until what is in hand is processed."""

    def __post_init__(self) -> None:
        for name in ("session_timeout", "heartbeat_interval", "rebalance_timeout", "commit_interval"):
            positive(name, getattr(self, name), most=MOST_SECONDS)
        if not self.drain_timeout >= 0:  # NaN is not
            raise ConfigurationError(f"drain_timeout must be at least 0, not {self.drain_timeout}")
        if self.heartbeat_interval >= self.session_timeout:
            raise ConfigurationError(
                f"heartbeat_interval must be less than session_timeout, {self.session_timeout:g} s, and at most a "
                f"third of it is better: it is {self.heartbeat_interval:g} s"
            )
        if self.rebalance_timeout <= self.drain_timeout:
            raise ConfigurationError(
                f"drain_timeout must be less than rebalance_timeout, {self.rebalance_timeout:g} s, for the group waits "
                f"no longer: it is {self.drain_timeout:g} s"
            )
        _check_name("group_id", self.group_id)
        if self.instance_id is not None:
            _check_name("instance_id", self.instance_id)
        _check_assignors(self.assignors)

    @property
    def is_cooperative(self) -> bool:
        """Whether partitions are kept during a rebalance; only where all assignors can do with that, as in Kafka."""
        return all(ASSIGNORS[name].is_cooperative for name in self.assignors)


def _check_name(what: str, name: str) -> None:
    if not name:
        raise ConfigurationError(f"{what} must not be empty")
    if len(name.encode()) > MOST_ID_BYTES:
        raise ConfigurationError(f"{what} is longer than {MOST_ID_BYTES} bytes")


def _check_assignors(names: object) -> None:
    if not isinstance(names, tuple) or not names:
        raise ConfigurationError(f"assignors must name at least one of {', '.join(ASSIGNORS)}, such as ('range',)")
    for name in names:
        if name not in ASSIGNORS:
            raise ConfigurationError(f"there is no assignor {name!r}; there are {', '.join(ASSIGNORS)}")
    if len(set(names)) < len(names):
        raise ConfigurationError(f"assignors names one twice: {', '.join(names)}")
