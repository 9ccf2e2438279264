"""What one event does to a group: the time goes in, decisions come out. Values only; the coordinator acts on them."""

from collections.abc import Mapping
from enum import Enum, auto
from typing import Final, NamedTuple, TypeAlias

from gomq.broker.groups.members import JoinAnswer, Protocol, SyncAnswer, Ticket
from gomq.broker.groups.records import GroupMetadataValue


class TimerKind(Enum):
    """What a group may wait for."""

    MEMBER = auto()
    """A sign of life from a member, or that a pending member comes again."""
    JOIN = auto()
    """All members to join."""
    SYNC = auto()
    """All members to ask for their assignment."""


class Timer(NamedTuple):
    """One timer of a group."""

    kind: TimerKind
    member_id: str = ""


JOIN_TIMER: Final = Timer(TimerKind.JOIN)
SYNC_TIMER: Final = Timer(TimerKind.SYNC)


def member_timer(member_id: str) -> Timer:
    """Name the timer of a member."""
    return Timer(TimerKind.MEMBER, member_id)


class Assigned(NamedTuple):
    """The leader's assignment is kept, for all to be told."""

    generation: int
    assignments: Mapping[str, bytes]


class Replaced(NamedTuple):
    """A static member's new id is kept, for it to be told; what it was before is here to be put back."""

    generation: int
    member_id: str
    old_member_id: str
    old_protocols: tuple[Protocol, ...]
    old_rebalance_timeout_ms: int
    old_session_timeout_ms: int
    old_leader: str
    can_skip_assignment: bool


class Emptied(NamedTuple):
    """That nobody is in the group is kept; nobody waits for that."""


Purpose: TypeAlias = Assigned | Replaced | Emptied


class Store(NamedTuple):
    """A group's record, to be written and made durable; the group is then told how that went."""

    value: GroupMetadataValue
    purpose: Purpose


class Outcome:
    """Collects what is to be done.

    Args:
        now_ms: when it happens, ms since the epoch.
    """

    def __init__(self, now_ms: int) -> None:
        self.now_ms = now_ms
        self.answers: list[tuple[Ticket, JoinAnswer | SyncAnswer]] = []
        self.timers: dict[Timer, int | None] = {}
        """Ms after which a timer ends, whatever it was set to; None takes it back."""
        self.stores: list[Store] = []

    def answer(self, ticket: Ticket, answer: JoinAnswer | SyncAnswer) -> None:
        """Have a request answered."""
        self.answers.append((ticket, answer))

    def set_timer(self, timer: Timer, after_ms: int) -> None:
        """Have a timer set, or set anew."""
        self.timers[timer] = max(after_ms, 0)

    def cancel_timer(self, timer: Timer) -> None:
        """Have a timer taken back."""
        self.timers[timer] = None

    def store(self, value: GroupMetadataValue, purpose: Purpose) -> None:
        """Have the group's record written."""
        self.stores.append(Store(value, purpose))
