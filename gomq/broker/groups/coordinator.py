"""The coordinator of groups: requests reach them here, their timers end here, their records are written from here.

What happens to a group is decided by the modules beside this one, on the event loop and at once; here it is acted on.
One task has the timers of all groups. Kafka: ``GroupCoordinatorService``, ``CoordinatorRuntime``.
"""

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

import anyio
from anyio import TASK_STATUS_IGNORED
from anyio.abc import TaskGroup, TaskStatus
from kio.schema.errors import ErrorCode

from gomq.broker.groups.checks import group_id_problem, join_problem, sync_problem
from gomq.broker.groups.deadlines import Deadlines
from gomq.broker.groups.group import ClassicGroup, GroupState
from gomq.broker.groups.group_log import GroupLog, GroupLogError, Write
from gomq.broker.groups.joining import join, refuse
from gomq.broker.groups.leaving import expire, leave
from gomq.broker.groups.members import NO_MEMBER, Identity, JoinRequest, Left, SyncAnswer, SyncRequest
from gomq.broker.groups.outcome import Outcome, Store, Timer, member_timer
from gomq.broker.groups.rebalance import prepare_rebalance
from gomq.broker.groups.records import GroupMetadataValue
from gomq.broker.groups.settings import GroupSettings
from gomq.broker.groups.syncing import heartbeat, stored, sync
from gomq.broker.groups.table import GroupTable
from gomq.broker.groups.waiting import Clock, Waiting
from gomq.broker.logs import get_logger
from gomq.net.complaints import printable

MAX_GROUPS: Final = 100_000
"""Kafka has no limit; who is one too many is told to try again later."""
_TICK_MS: Final = 500
"""While timers run: so soon does the clock stand still where the broker has no turns."""
_log = get_logger("gomq.broker")


class _GroupTimer(NamedTuple):
    group: ClassicGroup
    timer: Timer


class _Keeping:
    """A record that is to be made durable."""

    def __init__(self) -> None:
        self.is_over = anyio.Event()
        self.error = ErrorCode.none


class GroupCoordinator(GroupTable):
    """Coordinates every classic group.

    Args:
        group_log: where groups are written down.
        settings: those of every group.
        clock: the time, if not the system's.
    """

    def __init__(self, group_log: GroupLog, settings: GroupSettings, *, clock: Clock | None = None) -> None:
        super().__init__()
        self._group_log = group_log
        self._settings = settings
        self._clock = clock or Clock()
        self._deadlines: Deadlines[_GroupTimer] = Deadlines()
        self._wakes_at = math.inf
        self._earlier = anyio.Event()
        self._tasks: TaskGroup | None = None

    async def run(self, *, task_status: TaskStatus[None] = TASK_STATUS_IGNORED) -> None:
        """Let timers end and records become durable, until cancelled; nothing is served before it has started."""
        async with anyio.create_task_group() as tasks:
            self._tasks = tasks
            task_status.started()
            while True:
                self.end_timers()
                self._earlier = anyio.Event()
                next_ms = self._deadlines.next()
                self._wakes_at = math.inf if next_ms is None else next_ms
                self._clock.tick(next_in_ms=_TICK_MS)
                tick_ms = math.inf if next_ms is None else _TICK_MS
                with anyio.move_on_after(min(self._wakes_at - self._clock.timer_ms(), tick_ms) / 1000):
                    await self._earlier.wait()

    def end_timers(self) -> None:
        """Do what is due by now."""
        while (due := self._deadlines.pop_due(self._clock.timer_ms())) is not None:
            group, timer = due
            outcome = self._outcome()
            expire(group, timer, outcome)
            self._act(group, outcome)

    def load(self, group_id: str, value: GroupMetadataValue) -> None:
        """Make a group as its record says; its members have to give a sign of life within their session timeouts."""
        outcome = self._outcome()
        group = ClassicGroup.load(group_id, self._settings, value, now_ms=outcome.now_ms)
        group.has_record = True
        self._groups[group_id] = group
        for member in group.roster.members:
            outcome.set_timer(member_timer(member.id), member.session_timeout_ms)
        if len(group.roster) > self._settings.max_size:  # it was larger at that time
            prepare_rebalance(group, outcome)
        self._act(group, outcome)

    def note_offsets(self, group_id: str) -> None:
        """Make a group without members for what has committed offsets, where there is none."""
        if group_id not in self._groups:
            self._groups[group_id] = ClassicGroup(group_id, self._settings, now_ms=self._clock.wall_ms())

    async def join(self, group_id: str, request: JoinRequest, waiting: Waiting) -> None:
        """Let a member join; it is answered when the others have joined too.

        Args:
            group_id: the group, which a member without an id may be the first of.
            request: its ticket is ``waiting``.
            waiting: gets the answer.
        """
        outcome = self._outcome()
        error = join_problem(group_id, request, self._settings) or self._group_log.refusal(group_id)
        if not error:
            try:
                await self._group_log.ready()
            except GroupLogError as failure:
                error = failure.code
        group = None if error else self._group_to_join(group_id, request)
        if group is not None:
            join(group, request, outcome)
            self._act(group, outcome)
            return
        if not error:
            is_one_too_many = request.member_id == NO_MEMBER
            error = ErrorCode.coordinator_not_available if is_one_too_many else ErrorCode.unknown_member_id
        refuse(request, error, request.member_id, outcome)
        waiting.set(outcome.answers[0][1])

    def sync(self, group_id: str, request: SyncRequest, waiting: Waiting) -> None:
        """Give a member its assignment; it is answered when the leader has said what it is."""
        error = sync_problem(group_id, request) or self._group_log.refusal(group_id)
        group = self._groups.get(group_id)
        if group is None or error:
            waiting.set(SyncAnswer(error=error or ErrorCode.unknown_member_id))
            return
        outcome = self._outcome()
        sync(group, request, outcome)
        self._act(group, outcome)

    def heartbeat(self, group_id: str, *, member_id: str, instance_id: str | None, generation: int) -> ErrorCode:
        """Take a member's sign of life, and say whether it has to join again."""
        if error := group_id_problem(group_id) or self._group_log.refusal(group_id):
            is_loading = error is ErrorCode.coordinator_load_in_progress
            return ErrorCode.none if is_loading else error  # it will find out when all is read
        group = self._groups.get(group_id)
        if group is None:
            return ErrorCode.unknown_member_id
        outcome = self._outcome()
        error = heartbeat(group, member_id=member_id, instance_id=instance_id, generation=generation, outcome=outcome)
        self._act(group, outcome)
        return error

    async def leave(self, group_id: str, identities: Sequence[Identity]) -> tuple[ErrorCode, list[Left]]:
        """Let members go; returns an error that concerns all of them, and what became of each."""
        if error := group_id_problem(group_id) or self._group_log.refusal(group_id):
            return error, []
        group = self._groups.get(group_id)
        if group is None:
            return ErrorCode.none, [Left(identity, ErrorCode.unknown_member_id) for identity in identities]
        outcome = self._outcome()
        left = leave(group, identities, outcome)
        for keeping in self._act(group, outcome):
            await keeping.is_over.wait()
            error = error or keeping.error
        return error, [] if error else left

    def check_commit(self, group_id: str, *, member_id: str, generation: int, instance_id: str | None) -> ErrorCode:
        """Say whether a group's offsets may be committed; it is a sign of life of the member that does so.

        A group that nobody has joined comes into being with what a consumer outside of groups commits.
        """
        group = self._groups.get(group_id)
        if group is None:
            if generation >= 0:
                return ErrorCode.illegal_generation
            if len(self._groups) >= MAX_GROUPS:
                return ErrorCode.coordinator_not_available
            self.note_offsets(group_id)
            return ErrorCode.none
        error = group.check_commit(member_id, instance_id, generation)
        if not error and member_id in group.roster:
            outcome = self._outcome()
            outcome.set_timer(member_timer(member_id), group.roster[member_id].session_timeout_ms)
            self._act(group, outcome)
        return error

    def forget(self, group_id: str) -> None:
        """Drop an empty group, whose records are taken back already."""
        group = self._groups.get(group_id)
        if group is None or group.state is not GroupState.EMPTY:
            return
        del self._groups[group_id]
        outcome = self._outcome()
        for member_id in group.roster.pending:
            outcome.cancel_timer(member_timer(member_id))
        group.transition(GroupState.DEAD, outcome.now_ms)
        self._act(group, outcome)

    async def forget_if_empty(self, group_id: str) -> None:
        """Drop a group that has no members, nor anybody who is about to join, and take its record back.

        Raises:
            GroupLogError: that could not be made durable; the group may be there again after a restart.
        """
        group = self._groups.get(group_id)
        if group is None or group.state is not GroupState.EMPTY or group.roster.pending:
            return
        if group.has_record:
            write = self._append(group, None)
            self.forget(group_id)
            await self._group_log.wait(write)
        else:
            self.forget(group_id)

    def _group_to_join(self, group_id: str, request: JoinRequest) -> ClassicGroup | None:
        group = self._groups.get(group_id)
        if group is None and request.member_id == NO_MEMBER and len(self._groups) < MAX_GROUPS:
            group = self._groups[group_id] = ClassicGroup(group_id, self._settings, now_ms=self._clock.wall_ms())
        return group

    def _outcome(self) -> Outcome:
        return Outcome(self._clock.wall_ms())

    def _act(self, group: ClassicGroup, outcome: Outcome) -> list[_Keeping]:
        """Answer, set timers and write, as was decided."""
        now_ms = self._clock.timer_ms()
        for ticket, answer in outcome.answers:
            assert isinstance(ticket, Waiting)  # nothing else is given out here
            ticket.set(answer)
        for timer, after_ms in outcome.timers.items():
            if after_ms is None:
                self._deadlines.cancel(_GroupTimer(group, timer))
            else:
                self._deadlines.set(_GroupTimer(group, timer), now_ms + after_ms)
        keepings = [self._keep(group, store) for store in outcome.stores]
        next_ms = self._deadlines.next()
        if next_ms is not None and next_ms < self._wakes_at:
            self._earlier.set()
        return keepings

    def _append(self, group: ClassicGroup, value: GroupMetadataValue | None) -> Write:
        write = self._group_log.append_group(group.id, value)
        group.has_record = value is not None
        return write

    def _keep(self, group: ClassicGroup, store: Store) -> _Keeping:
        """Write a group's record now, and have its group told when it is durable."""
        assert self._tasks is not None  # it has started, or nothing would be served
        keeping = _Keeping()
        try:
            write = self._append(group, store.value)
        except GroupLogError as failure:
            self._end_keeping(group, store, keeping, failure)
        else:
            self._tasks.start_soon(self._make_durable, group, store, keeping, write)
        return keeping

    async def _make_durable(self, group: ClassicGroup, store: Store, keeping: _Keeping, write: Write) -> None:
        try:
            await self._group_log.wait(write)
        except GroupLogError as failure:
            self._end_keeping(group, store, keeping, failure)
        else:
            self._end_keeping(group, store, keeping, None)

    def _end_keeping(self, group: ClassicGroup, store: Store, keeping: _Keeping, failure: GroupLogError | None) -> None:
        if failure is not None:
            keeping.error = failure.code
            name, generation = printable(group.id), store.value.generation
            _log.warning("group.not_stored", group=name, generation=generation, error=str(failure))
        keeping.is_over.set()
        outcome = self._outcome()
        stored(group, store, keeping.error, outcome)
        if group.state is GroupState.STABLE or not group.roster:
            _log.info(
                "group.stable" if group.state is GroupState.STABLE else "group.empty",
                group=printable(group.id),
                generation=group.generation,
                members=len(group.roster),
            )
        self._act(group, outcome)
