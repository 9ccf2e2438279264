"""A group as the coordinator drives it, without broker, disk and clock: time passes when a test says so."""

from collections.abc import Mapping, Sequence
from typing import Final

from kio.schema.errors import ErrorCode

from gomq.broker.groups.group import ClassicGroup
from gomq.broker.groups.joining import join
from gomq.broker.groups.leaving import expire, leave
from gomq.broker.groups.members import (
    Identity,
    JoinAnswer,
    JoinRequest,
    Left,
    Protocol,
    SyncAnswer,
    SyncRequest,
)
from gomq.broker.groups.outcome import Outcome, Store, Timer
from gomq.broker.groups.settings import GroupSettings
from gomq.broker.groups.syncing import heartbeat, stored, sync

SESSION_MS: Final = 10_000
REBALANCE_MS: Final = 60_000
RANGE: Final = {"range": b"topics"}


class DrivenGroup:
    """One group, and all that it has decided."""

    def __init__(self, group: ClassicGroup | None = None, **settings: int) -> None:
        self.group = group or ClassicGroup("group", GroupSettings(**settings), now_ms=0)
        self.now_ms = 0
        self.answers: dict[int, JoinAnswer | SyncAnswer] = {}
        self.timers: dict[Timer, int] = {}
        """When each ends."""
        self.stores: list[Store] = []
        """What is not durable yet."""
        self.written: list[Store] = []
        self._count = 0

    def join(
        self,
        name: str = "member",
        *,
        member_id: str = "",
        instance: str | None = None,
        protocols: Mapping[str, bytes] | None = None,
        protocol_type: str = "consumer",
        version: int = 3,
        session_ms: int = SESSION_MS,
        rebalance_ms: int = REBALANCE_MS,
    ) -> int:
        """Send a JoinGroup: what stands for it in ``answers``. Before version 4 a new member need not come twice."""
        self._count += 1
        outcome = Outcome(self.now_ms)
        request = JoinRequest(
            ticket=self._count,
            member_id=member_id,
            new_member_id=f"{instance or name}-{self._count}",
            instance_id=instance,
            client_id=name,
            client_host="/127.0.0.1",
            session_timeout_ms=session_ms,
            rebalance_timeout_ms=rebalance_ms,
            protocol_type=protocol_type,
            protocols=tuple(Protocol(*entry) for entry in (RANGE if protocols is None else protocols).items()),
            is_told_its_id=version >= 4,
            can_skip_assignment=version >= 9,
        )
        join(self.group, request, outcome)
        self._act(outcome)
        return self._count

    def sync(
        self,
        member_id: str,
        assignments: Mapping[str, bytes] | None = None,
        *,
        generation: int | None = None,
        instance: str | None = None,
        protocol_type: str | None = None,
        protocol: str | None = None,
    ) -> int:
        """Send a SyncGroup, of the current generation unless told otherwise."""
        self._count += 1
        outcome = Outcome(self.now_ms)
        request = SyncRequest(
            ticket=self._count,
            member_id=member_id,
            instance_id=instance,
            generation=self.group.generation if generation is None else generation,
            protocol_type=protocol_type,
            protocol=protocol,
            assignments=assignments or {},
        )
        sync(self.group, request, outcome)
        self._act(outcome)
        return self._count

    def heartbeat(self, member_id: str, *, generation: int | None = None, instance: str | None = None) -> ErrorCode:
        """Send a Heartbeat."""
        outcome = Outcome(self.now_ms)
        generation = self.group.generation if generation is None else generation
        error = heartbeat(self.group, member_id=member_id, instance_id=instance, generation=generation, outcome=outcome)
        self._act(outcome)
        return error

    def leave(self, *identities: Identity) -> list[Left]:
        """Send a LeaveGroup."""
        outcome = Outcome(self.now_ms)
        left = leave(self.group, identities, outcome)
        self._act(outcome)
        return left

    def leave_one(self, member_id: str) -> ErrorCode:
        """Let one member leave."""
        return self.leave(Identity(member_id))[0].error

    def store(self, error: ErrorCode = ErrorCode.none) -> None:
        """Let what was written become durable, or not."""
        while self.stores:
            store = self.stores.pop(0)
            outcome = Outcome(self.now_ms)
            stored(self.group, store, error, outcome)
            self._act(outcome)

    def pass_ms(self, ms: int) -> None:
        """Let time pass, and timers end, one after the other."""
        end = self.now_ms + ms
        while any(at <= end for at in self.timers.values()):
            self.end_next_timer()
        self.now_ms = end

    def end_next_timer(self) -> None:
        """Let time pass until the next timer ends, if there is one."""
        if self.timers:
            timer = min(self.timers, key=self.timers.__getitem__)
            self.now_ms = max(self.now_ms, self.timers.pop(timer))
            self.end_timer(timer)

    def end_timer(self, timer: Timer) -> None:
        """Have a timer end now, set or not."""
        outcome = Outcome(self.now_ms)
        expire(self.group, timer, outcome)
        self._act(outcome)

    def joined(self, ticket: int) -> JoinAnswer:
        """The answer to a JoinGroup, which must be there."""
        answer = self.answers[ticket]
        assert isinstance(answer, JoinAnswer)
        return answer

    def synced(self, ticket: int) -> SyncAnswer:
        """The answer to a SyncGroup, which must be there."""
        answer = self.answers[ticket]
        assert isinstance(answer, SyncAnswer)
        return answer

    def member_ids(self) -> list[str]:
        """Who is in the group, the oldest first."""
        return [member.id for member in self.group.roster.members]

    def stable(
        self,
        *names: str,
        static: Sequence[str] = (),
        protocols: Mapping[str, bytes] | None = None,
        rebalance_ms: int = REBALANCE_MS,
    ) -> list[str]:
        """Let members join until all are in one stable generation; their ids, the leader's first."""
        for name in names:
            instance = name if name in static else None
            self.join(name, instance=instance, protocols=protocols, rebalance_ms=rebalance_ms)
            for member in list(self.group.roster.members):
                if member.joining is None:
                    self.join(
                        member.client_id,
                        member_id=member.id,
                        instance=member.instance_id,
                        protocols=dict(member.protocols),
                        rebalance_ms=rebalance_ms,
                    )
        ids = self.member_ids()
        leader = self.group.roster.leader
        assert leader is not None
        for member_id in ids:
            self.sync(member_id, {each: each.encode() for each in ids} if member_id == leader else None)
        self.store()
        assert self.group.state == "Stable"
        return sorted(ids, key=lambda member_id: member_id != leader)

    def _act(self, outcome: Outcome) -> None:
        for ticket, answer in outcome.answers:
            assert isinstance(ticket, int)
            assert ticket not in self.answers, "one request was answered twice"
            self.answers[ticket] = answer
        for timer, after_ms in outcome.timers.items():
            self.timers.pop(timer, None)
            if after_ms is not None:
                self.timers[timer] = self.now_ms + after_ms
        self.stores += outcome.stores
        self.written += outcome.stores
