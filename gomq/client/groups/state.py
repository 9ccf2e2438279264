"""A member of a consumer group as a state machine: what happened goes in, what is to be done comes out.

Kafka: ``AbstractCoordinator`` and ``ConsumerCoordinator`` of the Java client.

    UNJOINED    has to join; has perhaps partitions, which it gives up first
    JOINING     a JoinGroup is on its way; no signs of life meanwhile, for the coordinator waits with us
    SYNCING     in a new generation, and to learn what it is given
    ASSIGNING   knows that, and gives up, or begins
    STABLE      reads
    ENDED       has failed for good

Eager members give up everything before they join, cooperative ones only what they are told to afterwards, and then
join once more (KIP-429).
"""

from collections.abc import Collection
from enum import Enum, auto
from typing import Final

from gomq.client.groups.settings import GroupSettings
from gomq.client.groups.steps import Assign, FindCoordinator, GiveUp, Join, Joined, Revoke, Step, Synchronise, Wait
from gomq.client.groups.subscription import NO_GENERATION
from gomq.client.groups.user_data import Previous
from gomq.errors import GomqError, ProtocolError, error_for
from gomq_storage.layout import TopicPartition

REQUEST_TIMED_OUT: Final = 7
COORDINATOR_LOAD_IN_PROGRESS: Final = 14
COORDINATOR_NOT_AVAILABLE: Final = 15
NOT_COORDINATOR: Final = 16
ILLEGAL_GENERATION: Final = 22
UNKNOWN_MEMBER_ID: Final = 25
REBALANCE_IN_PROGRESS: Final = 27
MEMBER_ID_REQUIRED: Final = 79
FENCED_INSTANCE_ID: Final = 82
LOST_COORDINATOR_CODES: Final = frozenset({REQUEST_TIMED_OUT, COORDINATOR_NOT_AVAILABLE, NOT_COORDINATOR})
_OUT_CODES: Final = frozenset({ILLEGAL_GENERATION, UNKNOWN_MEMBER_ID})
_NOTHING: Final[frozenset[TopicPartition]] = frozenset()


class Phase(Enum):
    """Where a member is."""

    UNJOINED = auto()
    JOINING = auto()
    SYNCING = auto()
    ASSIGNING = auto()
    STABLE = auto()
    ENDED = auto()


class Member:
    """One member. Times are seconds of any clock.

    Args:
        settings: which group, and how.
    """

    def __init__(self, settings: GroupSettings) -> None:
        self._settings = settings
        self.phase: Phase = Phase.UNJOINED
        self.member_id: str = ""
        self.generation: int = NO_GENERATION
        self.protocol: str = ""
        self.owned: frozenset[TopicPartition] = _NOTHING
        """What it reads."""
        self.previous: Previous = Previous()
        """Its last assignment, which sticky assignors are told."""
        self.joined: Joined | None = None
        """The answer by which it came into its generation."""
        self.has_coordinator: bool = False
        self._target = _NOTHING
        self._topics: frozenset[str] = frozenset()
        self._lost = _NOTHING
        self._rejoins_for: str | None = None
        self._failure: GomqError | None = None
        self._seen_at = 0.0
        self._heartbeat_at = 0.0

    @property
    def is_leader(self) -> bool:
        """Whether it has to say who reads what."""
        return self.joined is not None and bool(self.member_id) and self.joined.leader_id == self.member_id

    @property
    def is_in_generation(self) -> bool:
        """Whether the coordinator takes commits and signs of life of it."""
        return self.generation >= 0 and self.phase not in {Phase.JOINING, Phase.ENDED}

    @property
    def is_rebalancing(self) -> bool:
        """Whether it is between two generations, or not in any."""
        return not self.is_in_generation or self.phase is Phase.SYNCING

    @property
    def is_settled(self) -> bool:
        """Whether it reads, and need not join again."""
        return self.phase is Phase.STABLE and self._rejoins_for is None

    def step(self, topics: Collection[str]) -> Step:
        """Say what is to be done now.

        Args:
            topics: what is subscribed to.
        """
        if self._failure is not None:
            return GiveUp(self._failure)
        if self.phase is Phase.ASSIGNING and (surplus := self.owned - self._target):
            return Revoke(surplus)
        if not self.has_coordinator:
            return FindCoordinator()
        if self.phase is Phase.ASSIGNING:
            return Assign(self._target - self.owned)
        return Synchronise() if self.phase is Phase.SYNCING else self._next_join(topics)

    def _next_join(self, topics: Collection[str]) -> Step:
        if self.is_settled:
            return Wait()
        surplus = self._surplus(topics)
        return Revoke(surplus) if surplus else Join(self._rejoins_for or "")

    def _surplus(self, topics: Collection[str]) -> frozenset[TopicPartition]:
        """What is to be given up before joining."""
        if not self._settings.is_cooperative:
            return self.owned
        return frozenset(partition for partition in self.owned if partition.topic not in topics)

    def take_lost(self) -> frozenset[TopicPartition]:
        """Return what was lost since this was asked for last."""
        lost, self._lost = self._lost, _NOTHING
        return lost

    def coordinator_found(self) -> None:
        """The coordinator is known."""
        self.has_coordinator = True

    def coordinator_lost(self) -> None:
        """It is no coordinator any more, or cannot be reached; a JoinGroup or SyncGroup to it is lost as well."""
        self.has_coordinator = False
        if self.phase in {Phase.JOINING, Phase.SYNCING}:
            self.phase = Phase.UNJOINED

    def revoked(self, partitions: frozenset[TopicPartition]) -> None:
        """These were given up; in the middle of a generation that has to be told the others, by joining again."""
        self.owned -= partitions
        if self.phase is Phase.ASSIGNING:
            self._rejoins_for = "partitions were revoked"

    def joining(self, topics: Collection[str], now: float) -> None:
        """A JoinGroup is on its way; from now on the session may run out, whenever it is that it fails."""
        self.phase = Phase.JOINING
        self._rejoins_for = None
        self._topics = frozenset(topics)
        self._seen_at = now

    def assigning(self, added: frozenset[TopicPartition]) -> None:
        """What was added is begun with: should it be lost meanwhile, it is lost like the rest."""
        self.owned |= added

    def assigned(self) -> None:
        """All that was given is read."""
        if self.phase is Phase.ASSIGNING:
            self.phase = Phase.STABLE

    def join_answered(self, answer: Joined, now: float) -> bool:
        """Take the answer to a JoinGroup; return whether to pause before the next step."""
        if self.phase is not Phase.JOINING:
            return False
        self.phase = Phase.UNJOINED
        if not answer.code:
            return self._enter(answer, now)
        if answer.code == MEMBER_ID_REQUIRED and answer.member_id:
            was_known, self.member_id = bool(self.member_id), answer.member_id
            return was_known
        if answer.code == UNKNOWN_MEMBER_ID:
            self._reset("the member id is not known", forgets_id=True)
        elif answer.code not in {COORDINATOR_LOAD_IN_PROGRESS, REBALANCE_IN_PROGRESS}:
            self._take_code(answer.code, "cannot be joined")
        return True

    def _enter(self, answer: Joined, now: float) -> bool:
        if answer.protocol not in self._settings.assignors or answer.generation < 0:
            self.fail(ProtocolError(f"{self._group} chose the assignor {answer.protocol!r}, which was not offered"))
            return False
        if self.generation >= 0 and answer.generation < self.generation:  # the group was made anew meanwhile
            self._lose()
        self.member_id, self.generation, self.protocol = answer.member_id, answer.generation, answer.protocol
        self.joined = answer
        self.phase = Phase.SYNCING
        self._seen_at = now
        return False

    def sync_answered(self, code: int, partitions: frozenset[TopicPartition], generation: int, now: float) -> bool:
        """Take the answer to a SyncGroup, sent in a generation; return whether to pause before the next step."""
        if self.phase is not Phase.SYNCING or generation != self.generation:
            return False
        if code == COORDINATOR_LOAD_IN_PROGRESS:
            return True
        if code == REBALANCE_IN_PROGRESS:
            self.phase, self._rejoins_for = Phase.UNJOINED, "the group rebalances"
            return False
        if code:
            self._take_code(code, "does not say who reads what")
            return True
        self._seen_at = now
        if any(partition.topic not in self._topics for partition in partitions):
            self.phase, self._rejoins_for = Phase.UNJOINED, "the assignment is not of this subscription"
            return True
        self.phase = Phase.ASSIGNING
        self._target = partitions
        self.previous = Previous(tuple(sorted(partitions)), self.generation)
        return False

    def heartbeat_answered(self, code: int, generation: int, now: float) -> None:
        """Take the answer to a Heartbeat, sent in a generation."""
        if generation != self.generation or self.phase is Phase.ENDED:
            return
        if code == REBALANCE_IN_PROGRESS:
            self._rebalance()
        elif code and code != COORDINATOR_LOAD_IN_PROGRESS:
            self._take_code(code, "does not take signs of life")
        if code in {0, REBALANCE_IN_PROGRESS}:
            self._seen_at = max(self._seen_at, now)
            self.has_coordinator = True

    def commit_answered(self, code: int, generation: int) -> None:
        """Take what the answer to an OffsetCommit, sent in a generation, says of the membership."""
        if generation != self.generation or self.phase is Phase.ENDED:
            return
        if code == REBALANCE_IN_PROGRESS:
            self._rebalance()
        elif code in _OUT_CODES or code in LOST_COORDINATOR_CODES or code == FENCED_INSTANCE_ID:
            self._take_code(code, "does not take commits")

    def subscribe(self, topics: Collection[str]) -> None:
        """Join again for other topics; for other partitions of theirs it is the leader who does."""
        if self.is_leader or self._topics != frozenset(topics):
            self.rejoin("the subscription has changed")

    def rejoin(self, reason: str) -> None:
        """Join again, once what goes on is done."""
        if self.phase is not Phase.ENDED:
            self._rejoins_for = reason

    def fail(self, error: GomqError) -> None:
        """End the membership for good."""
        self._lose()
        self.phase = Phase.ENDED
        self._failure = self._failure or error

    def pass_time(self, now: float) -> None:
        """Lose everything where the session has run out: others may have it."""
        if self.is_in_generation and now >= self._seen_at + self._settings.session_timeout:
            self._reset("the session ran out", forgets_id=False)

    def session_ends_at(self) -> float | None:
        """When that will be, where there is a session."""
        return self._seen_at + self._settings.session_timeout if self.is_in_generation else None

    def heartbeat_at(self) -> float | None:
        """When the next sign of life is due, where any is: it looks for the coordinator itself where that is lost."""
        if not self.is_in_generation:
            return None
        return max(self._heartbeat_at, self._seen_at + self._settings.heartbeat_interval)

    def heartbeat_sent(self, now: float) -> None:
        """A sign of life is on its way."""
        self._heartbeat_at = now + self._settings.heartbeat_interval

    @property
    def _group(self) -> str:
        return f"group {self._settings.group_id!r}"

    def _rebalance(self) -> None:
        if self.phase in {Phase.ASSIGNING, Phase.STABLE}:
            self._rejoins_for = "the group rebalances"

    def _take_code(self, code: int, trouble: str) -> None:
        if code in LOST_COORDINATOR_CODES:
            self.coordinator_lost()
        elif code in _OUT_CODES:
            self._reset("the membership has ended", forgets_id=code == UNKNOWN_MEMBER_ID)
        else:
            self.fail(error_for(code, f"{self._group} {trouble}"))

    def _reset(self, reason: str, *, forgets_id: bool) -> None:
        self._lose()
        self.generation = NO_GENERATION
        self.joined = None
        if forgets_id:
            self.member_id = ""
        if self.phase is not Phase.JOINING:
            self.phase = Phase.UNJOINED
            self._rejoins_for = reason

    def _lose(self) -> None:
        self._lost |= self.owned
        self.owned = _NOTHING
