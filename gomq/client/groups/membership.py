"""Being a member of a group: asks the coordinator what the member's state says, and tells the assignee.

Three tasks: one goes from step to step and joins, one sends signs of life and watches the clock, one commits. A
JoinGroup waits for the other members, so it has a connection of its own: nothing else is held up behind it.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping

import anyio
from anyio.abc import TaskGroup

from gomq.client.cluster.cluster import Cluster
from gomq.client.groups.alive import KeepAlive
from gomq.client.groups.assignee import Assignee
from gomq.client.groups.committed import GroupOffsets
from gomq.client.groups.committer import Committer
from gomq.client.groups.conversation import Conversation
from gomq.client.groups.coordinator import GroupCoordinator
from gomq.client.groups.farewell import LEAVE_SECONDS, ConnectAnew, say_goodbye, seconds_to_leave
from gomq.client.groups.leader import Leader
from gomq.client.groups.leading import protocols
from gomq.client.groups.offsets import CommittedOffset, OffsetAndMetadata
from gomq.client.groups.settings import GroupSettings
from gomq.client.groups.state import LOST_COORDINATOR_CODES, Member
from gomq.client.groups.steps import Assign, FindCoordinator, GiveUp, Join, Revoke, Step, Synchronise
from gomq.client.groups.subscription import decode_assignment
from gomq.client.groups.turns import Turns
from gomq.client.raising import own_copy
from gomq.errors import BrokerError, GomqError
from gomq_storage.layout import TopicPartition


class Membership:
    """One member of a group.

    Args:
        cluster: the brokers.
        settings: which group, and how.
        assignee: who reads what the group gives.
        tasks: where its tasks run, and where errors of the assignee are raised.
        auto_commit: whether to commit the assignee's points.
        require_stable: whether committed offsets have to wait for transactions, as ``read_committed`` wants it.
        rack: where the member is, for assignors.
        patience: seconds for which a coordinator that is gone is looked for.
        on_failure: told once when the membership that had begun has ended for good; None raises that in ``tasks``.
        connect_anew: how to reach the coordinator for good-bye where the cluster's connections are cancelled.
    """

    def __init__(  # noqa: PLR0913 - named at the call
        self,
        cluster: Cluster,
        settings: GroupSettings,
        assignee: Assignee,
        tasks: TaskGroup,
        *,
        auto_commit: bool,
        require_stable: bool = False,
        rack: str | None = None,
        patience: float = 120.0,
        on_failure: Callable[[GomqError], None] | None = None,
        connect_anew: ConnectAnew | None = None,
    ) -> None:
        self._settings, self._rack = settings, rack
        self._assignee = assignee
        self._patience = patience
        self._on_failure = on_failure
        self._connect_anew = connect_anew
        self._member = Member(settings)
        self._coordinator = GroupCoordinator(cluster, settings.group_id)
        self._conversation = Conversation(self._coordinator, settings)
        offsets = GroupOffsets(
            self._coordinator,
            settings.group_id,
            backoff=cluster.new_backoff(),
            patience=patience,
            require_stable=require_stable,
        )
        self._committer = Committer(offsets, self._member, settings, assignee, self._settle, is_automatic=auto_commit)
        self._leader = Leader(cluster, self._member)
        self._turns = Turns(tasks)
        self._alive = KeepAlive(
            self._member, self._conversation, settings, self._turns, self._take_answer, self._settle
        )
        self._backoff = cluster.new_backoff()
        self._failing_since: float | None = None
        self._has_begun = anyio.Event()
        self._failure: GomqError | None = None

    @property
    def member_id(self) -> str:
        """What the coordinator calls this member; empty while it is none."""
        return self._member.member_id

    @property
    def generation(self) -> int:
        """The group's generation that it is in; -1 for none."""
        return self._member.generation

    async def join(self) -> None:
        """Become a member; returns once the first assignment is there.

        What others have to give up first comes in a second round, for which a member that was given nothing waits if
        that begins within a second.

        Raises:
            GroupAuthorizationFailedError, FencedInstanceIdError, ...: named after Kafka's codes.
            ConnectionFailedError: no broker can be reached, for ``patience`` seconds.
        """
        self._turns.start(self._go_on)
        self._turns.start(self._alive.run)
        self._turns.start(self._leader.watch)
        if self._committer.is_automatic:
            self._turns.start(self._committer.commit_often)
        try:
            await self._has_begun.wait()
            self._check()
        except BaseException as error:
            await self.leave(within=seconds_to_leave(error))
            raise

    def subscription_changed(self) -> None:
        """Hear that ``Assignee.topics`` has another answer; joins again where the others have to know."""
        self._member.subscribe(self._assignee.topics())
        self._turns.wake()

    async def commit(self, offsets: Mapping[TopicPartition, OffsetAndMetadata]) -> None:
        """Commit for partitions that this member has; during a rebalance once that is over.

        Raises:
            RebalanceInProgressError: it has not all of the partitions, or no more: somebody else may have them.
            UnknownMemberIdError, IllegalGenerationError, FencedInstanceIdError: it is no member any more.
            BrokerError: another one, named after Kafka's code.
        """
        await self._commit(offsets)

    async def commit_own(self, offsets: Mapping[TopicPartition, OffsetAndMetadata]) -> None:
        """Commit like ``commit``, less what is given up meanwhile: to have been told of that was its last chance."""
        await self._commit(offsets, drops_foreign=True)

    async def _commit(
        self, offsets: Mapping[TopicPartition, OffsetAndMetadata], *, drops_foreign: bool = False
    ) -> None:
        self._check()
        await self._committer.commit(offsets, self._turns, patience=self._patience, drops_foreign=drops_foreign)

    async def committed(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, CommittedOffset | None]:
        """Read what the group has committed."""
        return await self._committer.offsets.committed(partitions)

    async def leave(self, *, within: float = LEAVE_SECONDS) -> None:
        """Commit for the last time, and leave; a static member stays, and its session runs out unless it returns.

        It takes so many seconds at most, also where the caller is cancelled, and raises nothing: whatever could not
        be said is found out by the coordinator when the session runs out.
        """
        with anyio.move_on_after(within, shield=True):
            await self._turns.end()
            if self._failure is None or self._member.has_coordinator:
                await say_goodbye(self._coordinator, self._say_goodbye, self._connect_anew)

    def _check(self) -> None:
        if self._failure is not None:
            raise own_copy(self._failure)

    async def _say_goodbye(self) -> None:
        await self._committer.commit_last()
        if self.member_id and self._settings.instance_id is None:
            await self._conversation.leave(self._member, "the consumer is being closed")

    # From step to step

    async def _go_on(self) -> None:
        while True:
            step = self._member.step(self._assignee.topics())
            if isinstance(step, GiveUp):
                break
            await self._take(step)
            self._settle()
        failure = self._failure = step.error
        if not self._has_begun.is_set():
            self._has_begun.set()
        elif self._on_failure is not None:
            self._on_failure(failure)
        else:
            raise failure

    async def _take(self, step: Step) -> None:
        match step:
            case FindCoordinator():
                await self._try(self._find)
            case Revoke():
                await self._revoke(step.partitions)
            case Join():
                await self._try(lambda: self._join(step.reason))
            case Synchronise():
                await self._try(self._synchronise)
            case Assign():
                await self._assign(step.added)
            case _:
                await self._turns.wait()

    async def _try(self, act: Callable[[], Awaitable[bool]]) -> None:
        """Do something that may fail because brokers do, and pause where that is wanted before the next step."""
        try:
            pauses = await act()
        except GomqError as error:
            self._take_trouble(error)
            pauses = True
        self._settle()
        if pauses:
            await anyio.sleep(self._backoff.next())

    async def _find(self) -> bool:
        await self._coordinator.find()
        self._member.coordinator_found()
        return False

    async def _revoke(self, partitions: frozenset[TopicPartition]) -> None:
        try:
            await self._assignee.revoked(partitions)
        except GomqError as error:
            self._member.fail(error)
            return
        await self._committer.commit_before_revocation(partitions)
        self._assignee.released(partitions)
        self._member.revoked(partitions)

    async def _join(self, reason: str) -> bool:
        topics = self._assignee.topics()
        self._member.joining(topics, anyio.current_time())
        offered = protocols(self._member, self._settings, topics, rack=self._rack)
        answer = await self._conversation.join(self._member, offered, reason)
        return self._member.join_answered(answer, anyio.current_time())

    async def _synchronise(self) -> bool:
        member = self._member
        generation = member.generation
        assignments = await self._leader.share_out()
        if member.generation != generation:  # signs of life went on meanwhile, and brought bad news
            return False
        code, raw = await self._conversation.synchronise(member, assignments)
        partitions = decode_assignment(raw) if not code else frozenset()
        pauses = member.sync_answered(code, partitions, generation, anyio.current_time())
        if not pauses:
            self._backoff.reset()
            self._failing_since = None
        return pauses

    async def _assign(self, added: frozenset[TopicPartition]) -> None:
        generation = self._member.generation
        starts: dict[TopicPartition, CommittedOffset | None] = {}

        async def read_starts() -> bool:
            starts.update(await self._committer.offsets.committed_once(added))
            return False

        if added:
            await self._try(read_starts)
        if self._member.generation != generation or starts.keys() != added:
            return  # the member was lost in the meantime, or the brokers were
        self._member.assigning(added)
        self._committer.begin(starts)
        try:
            await self._assignee.assigned(starts)
        except GomqError as error:
            self._member.fail(error)
            return
        self._member.assigned()
        await self._committer.commit_starts(starts)
        is_early = not self._has_begun.is_set() and self._settings.is_cooperative and not self._member.owned
        if not (is_early and await self._alive.expect_more()):
            self._has_begun.set()

    def _take_answer(self, error: GomqError | None) -> None:
        """A sign of life was answered, or was not."""
        if error is not None:
            self._take_trouble(error)
        else:
            self._failing_since = None
        self._settle()

    def _take_trouble(self, error: GomqError) -> None:
        """Look for the coordinator again; give up where that is no use, or was none for too long."""
        if isinstance(error, BrokerError) and error.retriable and error.code not in LOST_COORDINATOR_CODES:
            return
        now = anyio.current_time()
        self._failing_since = now if self._failing_since is None else self._failing_since
        if error.retriable and now - self._failing_since < self._patience:
            self._member.coordinator_lost()
        else:
            self._member.fail(error)

    def _settle(self) -> None:
        """Whatever has happened to the member: tell whom it concerns."""
        if not self._member.has_coordinator:
            self._coordinator.forget()
        if lost := self._member.take_lost():
            self._committer.forget(lost)
            self._assignee.lost(lost)
        self._turns.wake()
