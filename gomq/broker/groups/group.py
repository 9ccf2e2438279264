"""A classic consumer group: its state, its generation, its members. Values only.

    Empty ---> PreparingRebalance ---> CompletingRebalance ---> Stable
      ^          |   ^                   |                        |
      +----------+   +-------------------+------------------------+        from everywhere: Dead

What happens to it is in ``joining.py``, ``syncing.py`` and ``leaving.py``, and what these have in common in
``rebalance.py``; here is what it is. Kafka: ``ClassicGroup``, ``ClassicGroupState``.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Final, NamedTuple

from kio.schema.errors import ErrorCode

from gomq.broker.groups.members import NO_GENERATION, Member, MemberProtocol, Protocol
from gomq.broker.groups.records import GroupMetadataValue, MemberMetadata
from gomq.broker.groups.roster import Roster
from gomq.broker.groups.settings import GroupSettings
from gomq.broker.groups.subscription import CONSUMER_PROTOCOL_TYPE, subscribed_topics


class GroupState(StrEnum):
    """What a group is doing, as it is told to clients."""

    EMPTY = "Empty"
    """Nobody is in it."""
    PREPARING_REBALANCE = "PreparingRebalance"
    """It waits for its members to join."""
    COMPLETING_REBALANCE = "CompletingRebalance"
    """It waits for the leader to say who consumes what."""
    STABLE = "Stable"
    DEAD = "Dead"
    """It is no more."""


_VALID_BEFORE: Final[Mapping[GroupState, frozenset[GroupState]]] = {
    GroupState.EMPTY: frozenset({GroupState.PREPARING_REBALANCE}),
    GroupState.PREPARING_REBALANCE: frozenset({GroupState.STABLE, GroupState.COMPLETING_REBALANCE, GroupState.EMPTY}),
    GroupState.COMPLETING_REBALANCE: frozenset({GroupState.PREPARING_REBALANCE}),
    GroupState.STABLE: frozenset({GroupState.COMPLETING_REBALANCE}),
    GroupState.DEAD: frozenset(GroupState),
}


class InitialDelay(NamedTuple):
    """How an empty group waits for more members than the first."""

    delay_ms: int
    """This time."""
    remaining_ms: int
    """And at most so long after that."""


class ClassicGroup:
    """One group.

    Args:
        group_id: its name.
        settings: those of every group.
        now_ms: when it comes into being, ms since the epoch.
    """

    def __init__(self, group_id: str, settings: GroupSettings, *, now_ms: int) -> None:
        self.id = group_id
        self.settings = settings
        self.state: GroupState = GroupState.EMPTY
        self.state_before: GroupState = GroupState.DEAD
        self.state_since_ms: int = now_ms
        self.generation: int = 0
        self.protocol_type: str | None = None
        self.protocol: str | None = None
        """The assignor that was chosen."""
        self.roster: Roster = Roster()
        self.initial_delay: InitialDelay | None = None
        """While it waits for more members than the first."""
        self.has_newcomers = False
        """Somebody joined while it waited for that."""
        self.assigning = NO_GENERATION
        """The generation whose assignment is being written down."""
        self.has_record = False
        """It is written down, or is just being so."""
        self._subscriptions: tuple[bytes, ...] = ()
        self._topics: frozenset[str] | None = None
        self._are_topics_known = False

    @classmethod
    def load(cls, group_id: str, settings: GroupSettings, value: GroupMetadataValue, *, now_ms: int) -> "ClassicGroup":
        """Make a group as it was when its record was written."""
        group = cls(group_id, settings, now_ms=now_ms)
        group.state = GroupState.STABLE if value.members else GroupState.EMPTY
        group.state_since_ms = value.current_state_timestamp
        group.generation = value.generation
        group.protocol_type = value.protocol_type or None
        group.protocol = value.protocol
        group.roster.leader = value.leader
        for member in value.members:
            group.roster.add(_loaded(member, value.protocol))
        if value.leader is not None and value.leader not in group.roster:
            group.roster.leader = next((member.id for member in group.roster.members), None)
        group.note_subscriptions()
        return group

    @property
    def can_rebalance(self) -> bool:
        """Say whether a rebalance may start: none is being prepared."""
        return self.state in _VALID_BEFORE[GroupState.PREPARING_REBALANCE]

    @property
    def has_topics(self) -> bool:
        """Say whether its members subscribe to topics, which the broker can read."""
        return self.protocol_type == CONSUMER_PROTOCOL_TYPE

    def transition(self, state: GroupState, now_ms: int) -> None:
        """Go into a state."""
        if self.state not in _VALID_BEFORE[state]:
            raise AssertionError(f"group {self.id} cannot go from {self.state} to {state}")
        self.state_before, self.state, self.state_since_ms = self.state, state, now_ms

    def supports(self, protocol_type: str, protocols: Iterable[Protocol]) -> bool:
        """Say whether a member of a type that knows some protocols may join."""
        if self.state is GroupState.EMPTY:
            return bool(protocol_type) and any(True for _ in protocols)
        return self.protocol_type == protocol_type and self.roster.supports_one_of(protocols)

    def add(self, member: Member, protocol_type: str) -> None:
        """Take a new member, which ``supports`` was asked about; the first one says what type the group is of."""
        if not self.roster:
            self.protocol_type = protocol_type
        self.roster.add(member)

    def next_generation(self, now_ms: int) -> None:
        """Let those that are members now be the next generation."""
        self.generation = 1 if self.generation == 2**31 - 1 else self.generation + 1
        self.protocol = self.roster.vote() if self.roster else None
        self.transition(GroupState.COMPLETING_REBALANCE if self.roster else GroupState.EMPTY, now_ms)
        self.note_subscriptions()
        self.roster.pending_sync.clear()

    def note_subscriptions(self) -> None:
        """Keep what the members subscribe to in this generation; it is read when it is asked for."""
        self._subscriptions = tuple(member.metadata(self.protocol) for member in self.roster.members)
        self._are_topics_known = False

    def is_subscribed(self, topic: str) -> bool:
        """Say whether a member subscribes to a topic, as far as is known (``ClassicGroup.isSubscribedToTopic``)."""
        if not self.has_topics:
            return False
        if not self._are_topics_known:
            self._topics = subscribed_topics(self._subscriptions)
            self._are_topics_known = True
        return self._topics is None or topic in self._topics

    def member_protocols(self) -> tuple[MemberProtocol, ...]:
        """What the leader is told about all members."""
        return tuple(
            MemberProtocol(member.id, member.instance_id, member.metadata(self.protocol))
            for member in self.roster.members
        )

    def assignments(self) -> dict[str, bytes]:
        """What each member was given to consume."""
        return {member.id: member.assignment for member in self.roster.members}

    def record(self, assignments: Mapping[str, bytes]) -> GroupMetadataValue:
        """The group as it is to be kept, with assignments that are not its members' yet."""
        return GroupMetadataValue(
            protocol_type=self.protocol_type or "",
            generation=self.generation,
            protocol=self.protocol,
            leader=self.roster.leader,
            current_state_timestamp=self.state_since_ms,
            members=tuple(self._member_record(member, assignments) for member in self.roster.members),
        )

    def check_commit(self, member_id: str, instance_id: str | None, generation: int) -> ErrorCode:
        """Say whether offsets may be committed (``ClassicGroup.validateOffsetCommit``)."""
        if self.state is GroupState.DEAD:
            return ErrorCode.coordinator_not_available
        if generation < 0 and self.state is GroupState.EMPTY:
            return ErrorCode.none  # an admin, or a consumer that is in no group
        if generation < 0 and not member_id and instance_id is None:
            return ErrorCode.unknown_member_id
        if (code := self.roster.check(member_id, instance_id)) is not ErrorCode.none:
            return code
        if generation != self.generation:
            return ErrorCode.illegal_generation
        is_completing = self.state is GroupState.COMPLETING_REBALANCE
        return ErrorCode.rebalance_in_progress if is_completing else ErrorCode.none

    def _member_record(self, member: Member, assignments: Mapping[str, bytes]) -> MemberMetadata:
        return MemberMetadata(
            member_id=member.id,
            group_instance_id=member.instance_id,
            client_id=member.client_id,
            client_host=member.client_host,
            rebalance_timeout_ms=member.rebalance_timeout_ms,
            session_timeout_ms=member.session_timeout_ms,
            subscription=member.metadata(self.protocol),
            assignment=assignments.get(member.id, b""),
        )


def _loaded(member: MemberMetadata, protocol: str | None) -> Member:
    timeout_ms = member.rebalance_timeout_ms
    return Member(
        id=member.member_id,
        instance_id=member.group_instance_id,
        client_id=member.client_id,
        client_host=member.client_host,
        rebalance_timeout_ms=member.session_timeout_ms if timeout_ms == -1 else timeout_ms,
        session_timeout_ms=member.session_timeout_ms,
        protocols=(Protocol(protocol or "", member.subscription),),
        assignment=member.assignment,
    )
