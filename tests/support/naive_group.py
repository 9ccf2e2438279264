"""A consumer group in few words: everything is looked up in lists each time, nothing is counted or kept up to date.

What it answers is compared with what the real one does. It has no initial delay, and all is of type ``consumer``.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from kio.schema.errors import ErrorCode

from tests.support.naive_members import NaiveMember, NaiveRoster, NaiveStore

NEW_MEMBER_MS = 5 * 60_000
PENDING_MS = 5000


@dataclass
class NaiveGroup(NaiveRoster):
    max_size: int = 3
    now_ms: int = 0
    state: str = "Empty"
    generation: int = 0
    protocol: str | None = None
    pending: set[str] = field(default_factory=set)
    unsynced: set[str] = field(default_factory=set)
    assigned: int = -1
    stores: list[NaiveStore] = field(default_factory=list)
    timers: dict[str, int] = field(default_factory=dict)
    answers: dict[int, Any] = field(default_factory=dict)

    def join(self, ticket: int, wanted: NaiveMember, new_id: str, version: int) -> None:
        known = self.find(wanted.id)
        waiting = len([member for member in self.members if member.joining])
        if self.state == "PreparingRebalance":
            is_full = not (known and known.joining) and waiting >= self.max_size
        else:
            is_full = self.state != "Empty" and not known and len(self.members) >= self.max_size
        if is_full:
            self.drop(wanted.id)
            self.refuse(ticket, ErrorCode.group_max_size_reached, "")
            self.settle()
        elif self.state != "Empty" and self.members and not set(self.common()) & set(wanted.protocols):
            self.refuse(ticket, ErrorCode.inconsistent_group_protocol, wanted.id)
        elif not wanted.id and wanted.instance and self.named(wanted.instance):
            self.come_back(ticket, wanted, new_id, version)
        elif not wanted.id and not wanted.instance and version >= 4:
            self.pending.add(new_id)
            self.set_timer(new_id, min(wanted.session_ms, PENDING_MS))
            self.refuse(ticket, ErrorCode.member_id_required, new_id)
        elif not wanted.id or (wanted.id in self.pending and not wanted.instance):
            self.pending.discard(wanted.id)
            wanted.id, wanted.joining = wanted.id or new_id, ticket
            self.members.append(wanted)
            self.leader = self.leader or wanted.id
            self.set_timer(wanted.id, NEW_MEMBER_MS)
            self.rebalance()
        elif error := self.check(wanted.id, wanted.instance):
            self.refuse(ticket, error, wanted.id)
        else:
            assert known is not None
            self.join_again(ticket, known, wanted)

    def join_again(self, ticket: int, known: NaiveMember, wanted: NaiveMember) -> None:
        is_same = list(known.protocols.items()) == list(wanted.protocols.items())
        may_stay = self.state == "CompletingRebalance" or (self.state == "Stable" and self.leader != known.id)
        if is_same and may_stay:
            self.tell_joined(ticket, known)
            return
        self.answer_join(known, ErrorCode.rebalance_in_progress, known.id)
        known.protocols, known.joining = wanted.protocols, ticket
        known.session_ms, known.rebalance_ms = wanted.session_ms, wanted.rebalance_ms
        self.rebalance()

    def come_back(self, ticket: int, wanted: NaiveMember, new_id: str, version: int) -> None:
        old = self.named(wanted.instance)
        assert old is not None
        before = (old.id, old.protocols, old.rebalance_ms, old.session_ms, self.leader or "")
        self.rename(old, new_id)
        old.protocols, old.joining = wanted.protocols, ticket
        old.session_ms, old.rebalance_ms = wanted.session_ms, wanted.rebalance_ms
        if self.state == "Stable" and self.vote() == self.protocol:
            self.stores.append(NaiveStore(self.generation, None, new_id, before, version >= 9))
        else:
            self.rebalance()

    def rename(self, member: NaiveMember, new_id: str) -> None:
        self.answer_join(member, ErrorCode.fenced_instance_id, member.id)
        self.answer_sync(member, ErrorCode.fenced_instance_id)
        self.members.remove(member)
        self.members.append(member)
        if member.id in self.unsynced:
            self.unsynced = self.unsynced - {member.id} | {new_id}
        if self.leader == member.id:
            self.leader = new_id
        self.timers.pop(member.id, None)
        member.id, member.is_new = new_id, False
        self.set_timer(new_id, member.session_ms)

    def sync(
        self, ticket: int, member_id: str, instance: str | None, generation: int, assignments: Mapping[str, bytes]
    ) -> None:
        error = self.check(member_id, instance)
        if not error and generation != self.generation:
            error = ErrorCode.illegal_generation
        if not error and self.state == "PreparingRebalance":
            error = ErrorCode.rebalance_in_progress
        member = self.find(member_id)
        if error or member is None:
            self.answers[ticket] = (error, b"")
            return
        self.unsynced.discard(member_id)
        if not self.unsynced:
            self.timers.pop("SYNC", None)
        if self.state == "Stable":
            self.answers[ticket] = (error, member.assignment)
            return
        self.answer_sync(member, ErrorCode.rebalance_in_progress)
        member.syncing = ticket
        if self.leader == member_id and self.assigned != self.generation:
            self.assigned = self.generation
            self.stores.append(NaiveStore(self.generation, dict(assignments)))

    def heartbeat(self, member_id: str, instance: str | None, generation: int) -> ErrorCode:
        if error := self.check(member_id, instance):
            return error
        member = self.find(member_id)
        if generation != self.generation or member is None:
            return ErrorCode.illegal_generation
        self.set_timer(member_id, member.session_ms)
        return ErrorCode.rebalance_in_progress if self.state == "PreparingRebalance" else ErrorCode.none

    def leave(self, member_id: str, instance: str | None) -> ErrorCode:
        if not member_id:
            named = self.named(instance)
            if named is None:
                return ErrorCode.unknown_member_id
            member_id = named.id
        elif member_id in self.pending:
            instance = None
        elif error := self.check(member_id, instance):
            return error
        was_member = self.find(member_id) is not None
        self.dismiss(member_id)
        if was_member or self.state != "Empty":
            self.rebalance()
        return ErrorCode.none

    def store(self, error: ErrorCode) -> None:
        store = self.stores.pop(0)
        if store.generation != self.generation:
            return
        if store.assignments is not None and self.state == "CompletingRebalance":
            if error:
                self.unassign(error)
                self.rebalance()
                return
            for member in self.members:
                member.assignment = store.assignments.get(member.id, b"")
                self.answer_sync(member, ErrorCode.none)
            self.state = "Stable"
        elif store.before is not None and self.state == "Stable" and (back := self.find(store.member_id)):
            if error:
                old_id, back.protocols, back.rebalance_ms, back.session_ms, _ = store.before
                self.answer_join(back, error, "")
                self.rename(back, old_id)
            elif back.joining is not None:
                leader = self.leader if store.skips else store.before[4]
                told = self.told(back) if store.skips else []
                skips = store.skips and self.leader == back.id
                self.answers[back.joining] = (ErrorCode.none, back.id, self.generation, leader, skips, told)
                back.joining = None
                self.set_timer(back.id, back.session_ms)

    def pass_ms(self, ms: int) -> None:
        end = self.now_ms + ms
        while due := [name for name, at in self.timers.items() if at <= end]:
            name = min(due, key=self.timers.__getitem__)
            self.now_ms = max(self.now_ms, self.timers.pop(name))
            self.expire(name)
        self.now_ms = end

    def expire(self, name: str) -> None:
        ends: Mapping[str, Callable[[], None]] = {"JOIN": self.complete, "SYNC": self.expire_sync}
        if name in ends:
            ends[name]()
            return
        member = self.find(name)
        if name in self.pending:
            self.pending.discard(name)
            self.settle()
        elif member and (member.is_new or (member.joining is None and member.syncing is None)):
            self.dismiss(name)
            self.rebalance()

    def expire_sync(self) -> None:
        for member_id in sorted(self.unsynced):
            self.dismiss(member_id)
        self.rebalance()

    def rebalance(self) -> None:
        if self.state == "PreparingRebalance":
            self.settle()
            return
        if self.state == "CompletingRebalance":
            self.unassign(ErrorCode.rebalance_in_progress)
        was_empty = self.state == "Empty"
        self.state, self.unsynced = "PreparingRebalance", set()
        self.timers.pop("SYNC", None)
        if was_empty:
            self.complete()
        else:
            self.set_timer("JOIN", max([member.rebalance_ms for member in self.members], default=0))
            self.settle()

    def settle(self) -> None:
        if self.state == "PreparingRebalance" and not self.pending and all(m.joining for m in self.members):
            self.complete()

    def complete(self) -> None:
        self.timers.pop("JOIN", None)
        for member in list(self.members):
            if member.joining is None and member.instance is None:
                self.drop(member.id)
                self.timers.pop(member.id, None)
        joined = [member.id for member in self.members if member.joining]
        if self.members and not joined:
            self.set_timer("JOIN", max(member.rebalance_ms for member in self.members))
            return
        if self.leader not in joined:
            self.leader = joined[0] if joined else None
        self.generation += 1
        self.protocol = self.vote() if self.members else None
        self.state = "CompletingRebalance" if self.members else "Empty"
        if not self.members:
            self.stores.append(NaiveStore(self.generation))
            return
        for member in self.members:
            if member.joining is not None:
                self.tell_joined(member.joining, member)
            member.joining, member.is_new = None, False
            self.set_timer(member.id, member.session_ms)
        self.unsynced = {member.id for member in self.members}
        self.set_timer("SYNC", max(member.rebalance_ms for member in self.members))

    def vote(self) -> str:
        common = self.common()
        votes = [next(name for name in member.protocols if name in common) for member in self.members]
        return max(votes, key=votes.count)

    def unassign(self, error: ErrorCode) -> None:
        for member in self.members:
            member.assignment = b""
            self.answer_sync(member, error)

    def dismiss(self, member_id: str) -> None:
        if member := self.find(member_id):
            self.answer_join(member, ErrorCode.unknown_member_id, "")
            self.answer_sync(member, ErrorCode.unknown_member_id)
        self.drop(member_id)
        self.timers.pop(member_id, None)

    def drop(self, member_id: str) -> None:
        self.members = [member for member in self.members if member.id != member_id]
        self.pending.discard(member_id)
        self.unsynced.discard(member_id)
        if self.find(self.leader or "") is None:
            self.leader = self.members[0].id if self.members else None

    def tell_joined(self, ticket: int, member: NaiveMember) -> None:
        self.answers[ticket] = (
            ErrorCode.none, member.id, self.generation, self.leader, False, self.told(member),
        )  # fmt: skip

    def answer_join(self, member: NaiveMember, error: ErrorCode, member_id: str) -> None:
        if member.joining is not None:
            self.refuse(member.joining, error, member_id)
            member.joining = None

    def refuse(self, ticket: int, error: ErrorCode, member_id: str) -> None:
        self.answers[ticket] = (error, member_id, -1, "", False, [])

    def answer_sync(self, member: NaiveMember, error: ErrorCode) -> None:
        if member.syncing is not None:
            self.answers[member.syncing] = (error, b"" if error else member.assignment)
            member.syncing = None
            self.set_timer(member.id, member.session_ms)

    def set_timer(self, name: str, ms: int) -> None:
        self.timers.pop(name, None)
        self.timers[name] = self.now_ms + ms
