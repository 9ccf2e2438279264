"""Members of the client's making against a group of the broker's making, without a network: answers can be lost."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from gomq.broker.groups.members import Identity, JoinAnswer
from gomq.client.groups.leading import members_to_lead, protocols, share_out
from gomq.client.groups.settings import GroupSettings
from gomq.client.groups.state import Member, Phase
from gomq.client.groups.steps import (
    Assign,
    FindCoordinator,
    Join,
    Joined,
    Revoke,
    Step,
    Synchronise,
    Wait,
)
from gomq.client.groups.subscription import decode_assignment
from gomq_storage.layout import TopicPartition
from tests.support.driven_group import DrivenGroup

COUNTS: Mapping[str, int] = {"orders": 4, "payments": 3}
SESSION_SECONDS = 10.0
REBALANCE_SECONDS = 3600.0


def group_settings(*assignors: str, instance: str | None = None) -> GroupSettings:
    return GroupSettings(
        "group",
        instance_id=instance,
        assignors=assignors,
        session_timeout=SESSION_SECONDS,
        rebalance_timeout=REBALANCE_SECONDS,
    )


@dataclass(eq=False)
class SimulatedMember:
    """A member, and what it waits for."""

    group: DrivenGroup
    name: str
    settings: GroupSettings
    topics: set[str] = field(default_factory=lambda: {"orders"})
    history: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.member = Member(self.settings)
        self._ticket: int | None = None
        self._generation = -1

    @property
    def owned(self) -> frozenset[TopicPartition]:
        return self.member.owned

    @property
    def is_settled(self) -> bool:
        """Whether it reads, and has nothing else to do."""
        return isinstance(self.member.step(self.topics), Wait)

    @property
    def has_failed(self) -> bool:
        return self.member.phase is Phase.ENDED

    @property
    def _now(self) -> float:
        return self.group.now_ms / 1000

    def advance(self) -> None:
        """Take an answer that has come, or else do the next thing."""
        self.member.pass_time(self._now)
        self._note_lost()
        if self._ticket is not None:
            if self._ticket in self.group.answers:
                self._take_answer()
        else:
            self._take(self.member.step(self.topics))

    def _take(self, step: Step) -> None:
        match step:
            case FindCoordinator():
                self.member.coordinator_found()
            case Revoke(partitions):
                self.history.append("revoked")
                self.member.revoked(partitions)
            case Join():
                self._join()
            case Synchronise():
                self._synchronise()
            case Assign(added):
                self.history.append("assigned")
                self.member.assigning(added)
                self.member.assigned()
            case _:
                pass

    def heartbeat(self) -> None:
        """Send a sign of life, where one may be sent."""
        member = self.member
        if member.is_in_generation and member.has_coordinator:
            code = self.group.heartbeat(
                member.member_id, generation=member.generation, instance=self.settings.instance_id
            )
            member.heartbeat_answered(int(code), member.generation, self._now)
            self._note_lost()

    def lose_connection(self) -> None:
        """Nothing that was asked will be answered."""
        self._ticket = None
        self.member.coordinator_lost()

    def pass_time(self) -> None:
        self.member.pass_time(self._now)
        self._note_lost()

    def change_topics(self, topics: set[str]) -> None:
        self.topics = topics
        self.member.subscribe(topics)

    def leave(self) -> None:
        """Leave well: dynamic members only."""
        if self.member.member_id and self.settings.instance_id is None:
            self.group.leave(Identity(self.member.member_id))

    def _note_lost(self) -> None:
        if self.member.take_lost():
            self.history.append("lost")

    def _join(self) -> None:
        offered = protocols(self.member, self.settings, self.topics)
        self.member.joining(self.topics, self._now)
        self._ticket = self.group.join(
            self.name,
            member_id=self.member.member_id,
            instance=self.settings.instance_id,
            protocols=dict(offered),
            version=9,
            session_ms=round(SESSION_SECONDS * 1000),
            rebalance_ms=round(REBALANCE_SECONDS * 1000),
        )
        self.group.store()  # a static member's return is written down, too, before it is answered

    def _synchronise(self) -> None:
        member = self.member
        assignments: dict[str, bytes] = {}
        if member.is_leader and member.joined is not None and not member.joined.skips_assignment:
            members = members_to_lead(member.joined)
            wanted = {topic for each in members.values() for topic in each.topics}
            assignments = share_out(member.protocol, {topic: COUNTS[topic] for topic in wanted}, members)
        self._generation = member.generation
        self._ticket = self.group.sync(
            member.member_id,
            assignments,
            generation=member.generation,
            instance=self.settings.instance_id,
        )
        self.group.store()

    def _take_answer(self) -> None:
        assert self._ticket is not None
        answer = self.group.answers[self._ticket]
        self._ticket = None
        if isinstance(answer, JoinAnswer):
            self.member.join_answered(_joined(answer), self._now)
        else:
            partitions = decode_assignment(answer.assignment) if not answer.error else frozenset()
            self.member.sync_answered(int(answer.error), partitions, self._generation, self._now)
        self._note_lost()


def _joined(answer: JoinAnswer) -> Joined:
    return Joined(
        code=int(answer.error),
        member_id=answer.member_id,
        generation=answer.generation,
        protocol=answer.protocol,
        leader_id=answer.leader,
        skips_assignment=answer.skip_assignment,
        members={each.member_id: (each.instance_id, each.metadata) for each in answer.members},
    )
