"""A group against one in few words: whatever happens in whatever order, both answer the same."""

from collections import Counter
from typing import Any

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from kio.schema.errors import ErrorCode

from gomq.broker.groups.members import Identity, JoinAnswer
from gomq.broker.groups.outcome import Timer, TimerKind, member_timer
from tests.support.driven_group import DrivenGroup
from tests.support.naive_group import NaiveGroup
from tests.support.naive_members import NaiveMember

MAX_SIZE = 3
HOUR_MS = 3_600_000
PROTOCOLS = st.sampled_from([
    {"range": b"a"}, {"range": b"b"}, {"range": b"a", "sticky": b"a"}, {"sticky": b"a", "range": b"a"}, {"sticky": b""},
])  # fmt: skip
INSTANCES = st.sampled_from([None, None, None, "left", "right"])
SESSIONS_MS = st.sampled_from([6007, 10_009])
REBALANCES_MS = st.sampled_from([5003, 30_011])


class GroupMachine(RuleBasedStateMachine):
    """Both groups are told the same."""

    def __init__(self) -> None:
        super().__init__()
        self.real = DrivenGroup(max_size=MAX_SIZE)
        self.naive = NaiveGroup(max_size=MAX_SIZE)
        self.ids: list[str] = ["", "made-up"]

    @rule(
        who=st.integers(0, 8), instance=INSTANCES, protocols=PROTOCOLS, session_ms=SESSIONS_MS,
        rebalance_ms=REBALANCES_MS, version=st.sampled_from([3, 4, 8, 9]), is_new=st.booleans(),
    )  # fmt: skip
    def join(self, who: int, instance: str | None, version: int, is_new: bool, **values: Any) -> None:
        member_id = "" if is_new else self._id(who)
        if not is_new and who % 2:
            instance = self._instance(member_id)
        ticket = self.real.join(member_id=member_id, instance=instance, version=version, **values)
        wanted = NaiveMember(member_id, instance, **values)
        self.naive.join(ticket, wanted, f"{instance or 'member'}-{ticket}", version)
        answer = self.real.answers.get(ticket)
        for member_id in [*self.real.member_ids(), answer.member_id if isinstance(answer, JoinAnswer) else ""]:
            if member_id not in self.ids:
                self.ids.append(member_id)

    @rule(who=st.integers(0, 2), protocols=PROTOCOLS)
    def join_again(self, who: int, protocols: dict[str, bytes]) -> None:
        """A member that is one joins again, as most do."""
        members = list(self.real.group.roster.members)
        if who < len(members):
            member = members[who]
            values: dict[str, Any] = {"protocols": protocols, "session_ms": 6007, "rebalance_ms": 5003}
            ticket = self.real.join(member_id=member.id, instance=member.instance_id, **values)
            self.naive.join(ticket, NaiveMember(member.id, member.instance_id, **values), "", 3)

    @precondition(lambda self: any(member.is_static for member in self.real.group.roster.members))
    @rule(who=st.integers(0, 1), version=st.sampled_from([8, 9]), protocols=PROTOCOLS, is_stable=st.booleans())
    def come_back(self, who: int, version: int, protocols: dict[str, bytes], is_stable: bool) -> None:
        """A static member has forgotten its id."""
        if is_stable:
            self.become_stable(ErrorCode.none)
        names = [member.instance_id for member in self.real.group.roster.members if member.instance_id]
        instance = names[who % len(names)] if names else "left"
        values: dict[str, Any] = {"protocols": protocols, "session_ms": 6007, "rebalance_ms": 5003}
        ticket = self.real.join(instance=instance, version=version, **values)
        self.naive.join(ticket, NaiveMember("", instance, **values), f"{instance}-{ticket}", version)

    @rule(error=st.sampled_from([ErrorCode.none, ErrorCode.none, ErrorCode.not_coordinator]))
    def become_stable(self, error: ErrorCode) -> None:
        """All members do what they should."""
        for member in list(self.real.group.roster.members):
            if self.real.group.state == "PreparingRebalance" and member.joining is None:
                values: dict[str, Any] = {
                    "protocols": dict(member.protocols),
                    "session_ms": member.session_timeout_ms,
                    "rebalance_ms": member.rebalance_timeout_ms,
                }
                ticket = self.real.join(member_id=member.id, instance=member.instance_id, **values)
                self.naive.join(ticket, NaiveMember(member.id, member.instance_id, **values), "", 3)
        self.sync_all()
        self.store_all(error)

    @rule(who=st.integers(0, 8), behind=st.sampled_from([0, 0, 0, 1, -1]), value=st.binary(max_size=2))
    def sync(self, who: int, behind: int, value: bytes) -> None:
        member_id = self._id(who)
        instance = self._instance(member_id)
        assignments = {each: value + each.encode() for each in self.real.member_ids()}
        generation = self.real.group.generation - behind
        ticket = self.real.sync(member_id, assignments, instance=instance, generation=generation)
        self.naive.sync(ticket, member_id, instance, generation, assignments)

    @rule()
    def sync_all(self) -> None:
        for member in list(self.real.group.roster.members):
            assignments = {each: each.encode() for each in self.real.member_ids()}
            ticket = self.real.sync(member.id, assignments, instance=member.instance_id)
            self.naive.sync(ticket, member.id, member.instance_id, self.naive.generation, assignments)

    @rule(who=st.integers(0, 8), instance=INSTANCES, behind=st.sampled_from([0, 0, 1]))
    def heartbeat(self, who: int, instance: str | None, behind: int) -> None:
        member_id, generation = self._id(who), self.real.group.generation - behind
        assert self.real.heartbeat(member_id, instance=instance, generation=generation) == self.naive.heartbeat(
            member_id, instance, generation
        )

    @rule()
    def all_heartbeat(self) -> None:
        for member in list(self.real.group.roster.members):
            error = self.real.heartbeat(member.id, instance=member.instance_id)
            assert error == self.naive.heartbeat(member.id, member.instance_id, self.naive.generation)

    @rule(who=st.integers(0, 8), instance=INSTANCES)
    def leave(self, who: int, instance: str | None) -> None:
        member_id = self._id(who)
        (left,) = self.real.leave(Identity(member_id, instance))
        assert left.error == self.naive.leave(member_id, instance)

    @precondition(lambda self: self.real.stores)
    @rule(error=st.sampled_from([ErrorCode.none, ErrorCode.none, ErrorCode.not_coordinator]))
    def store(self, error: ErrorCode) -> None:
        self.store_all(error)

    def store_all(self, error: ErrorCode) -> None:
        for _ in range(len(self.real.stores)):
            self.naive.store(error)
        self.real.store(error)

    @rule(ms=st.sampled_from([1, 1000, 5003, 6007, 30_011]))
    def pass_ms(self, ms: int) -> None:
        self.real.pass_ms(ms)
        self.naive.pass_ms(ms)

    @invariant()
    def both_are_the_same(self) -> None:
        group, naive = self.real.group, self.naive
        assert (group.state, group.generation, group.protocol) == (naive.state, naive.generation, naive.protocol)
        assert group.roster.leader == naive.leader
        assert [_real(member) for member in group.roster.members] == [
            (member.id, member.instance, list(member.protocols.items()), member.joining, member.syncing,
             member.assignment)
            for member in naive.members
        ]  # fmt: skip
        assert group.roster.pending == naive.pending
        assert group.roster.pending_sync == naive.unsynced
        assert {ticket: _answer(answer) for ticket, answer in self.real.answers.items()} == naive.answers
        assert len(self.real.stores) == len(naive.stores)
        assert {_name(timer): at for timer, at in self.real.timers.items()} == naive.timers

    @invariant()
    def what_is_counted_is_right(self) -> None:
        roster = self.real.group.roster
        members = list(roster.members)
        assert roster.joining_count == sum(member.joining is not None for member in members)
        assert roster.size == sum(member.size for member in members)
        assert roster._supported == Counter(name for member in members for name, _ in member.protocols)
        assert roster._static == {member.instance_id: member.id for member in members if member.instance_id}
        assert (roster.leader is None) == (not members)

    @invariant()
    def nobody_is_forgotten(self) -> None:
        """Whoever is a member, or may be one, has a timer or waits for what has one."""
        roster = self.real.group.roster
        for member_id in [*roster.pending, *(member.id for member in roster.members if not member.waits)]:
            assert member_timer(member_id) in self.real.timers

    def teardown(self) -> None:
        """When nobody does anything any more, everybody is answered and the group is empty."""
        for _ in range(4):
            self.real.store()
            self.real.pass_ms(HOUR_MS)
        assert self.real.group.state == "Empty"
        assert set(self.real.answers) >= set(self.naive.answers)
        assert not self.real.timers
        assert not self.real.group.roster.pending

    def _id(self, who: int) -> str:
        return self.ids[-1 - who % len(self.ids)]

    def _instance(self, member_id: str) -> str | None:
        member = self.real.group.roster.find(member_id)
        return member.instance_id if member is not None else None


def _real(member: Any) -> tuple[Any, ...]:
    return (
        member.id, member.instance_id, list(member.protocols), member.joining, member.syncing, member.assignment,
    )  # fmt: skip


def _answer(answer: Any) -> tuple[Any, ...]:
    if isinstance(answer, JoinAnswer):
        told = [member.member_id for member in answer.members]
        return answer.error, answer.member_id, answer.generation, answer.leader, answer.skip_assignment, told
    return answer.error, answer.assignment


def _name(timer: Timer) -> str:
    return timer.member_id if timer.kind is TimerKind.MEMBER else timer.kind.name


TestGroupMachine = GroupMachine.TestCase
TestGroupMachine.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
