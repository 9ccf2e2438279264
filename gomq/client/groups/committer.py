"""Commits of a member: when it is asked to, every so often, before it gives something up, and when it leaves."""

from collections.abc import Callable, Collection, Mapping
from typing import Final

import anyio

from gomq.client.groups.assignee import Assignee
from gomq.client.groups.auto_commit import CommitLedger
from gomq.client.groups.committed import GroupOffsets, Identity
from gomq.client.groups.offsets import CommittedOffset, OffsetAndMetadata
from gomq.client.groups.settings import GroupSettings
from gomq.client.groups.state import ILLEGAL_GENERATION, REBALANCE_IN_PROGRESS, Member
from gomq.client.groups.turns import Turns
from gomq.errors import BrokerError, GomqError, error_for
from gomq_storage.layout import TopicPartition

_REFUSED_CODES: Final = frozenset({29, 30})
"""This client may not touch a topic, or the group: that does not pass by itself."""
_REVOCATION_SECONDS: Final = 10.0
"""For commits before partitions are given up; what cannot be committed then is read again by whoever has them next."""


class Committer:
    """Commits as a member.

    Args:
        offsets: writes and reads them.
        member: as whom; it is told what the answers say of it.
        settings: how often.
        assignee: knows how far everything is processed.
        on_answer: called once the member was told something.
        is_automatic: whether to commit without being asked to.
    """

    def __init__(
        self,
        offsets: GroupOffsets,
        member: Member,
        settings: GroupSettings,
        assignee: Assignee,
        on_answer: Callable[[], None],
        *,
        is_automatic: bool,
    ) -> None:
        self.offsets = offsets
        self.is_automatic = is_automatic
        self._member = member
        self._settings = settings
        self._assignee = assignee
        self._on_answer = on_answer
        self._ledger = CommitLedger()

    def begin(self, starts: Mapping[TopicPartition, CommittedOffset | None]) -> None:
        """Remember what is committed already of new partitions."""
        self._ledger.note({partition: start.offset for partition, start in starts.items() if start is not None})

    def forget(self, partitions: Collection[TopicPartition]) -> None:
        """These are somebody else's."""
        self._ledger.forget(partitions)

    async def commit(
        self,
        offsets: Mapping[TopicPartition, OffsetAndMetadata],
        turns: Turns,
        *,
        patience: float,
        drops_foreign: bool = False,
    ) -> None:
        """Commit what was asked for; see ``Membership.commit`` and ``commit_own``."""
        deadline = anyio.current_time() + patience
        while offsets:
            await self._wait_for_generation(offsets, turns, deadline)
            foreign = offsets.keys() - self._member.owned
            if foreign and not drops_foreign:
                named = ", ".join(map(str, sorted(foreign)))
                raise self._not_now(f"this consumer does not read {named}, and another one may")
            if foreign:
                offsets = {each: offset for each, offset in offsets.items() if each not in foreign}
            elif await self._is_committed(offsets, deadline):
                return

    async def _wait_for_generation(
        self, offsets: Mapping[TopicPartition, OffsetAndMetadata], turns: Turns, deadline: float
    ) -> None:
        """Wait until a rebalance is over, as far as its partitions may outlast it."""
        try:
            with anyio.fail_after(max(deadline - anyio.current_time(), 0)):
                while self._member.is_rebalancing and offsets.keys() <= self._member.owned:
                    await turns.wait()
        except TimeoutError:
            raise self._not_now("it takes too long") from None

    async def _is_committed(self, offsets: Mapping[TopicPartition, OffsetAndMetadata], deadline: float) -> bool:
        """Commit; where that failed and may succeed later, pause. A rebalance may have been quicker than the commit."""
        generation = self._member.generation
        try:
            self.offsets.check(await self._commit_once(offsets))
        except GomqError as error:
            code = getattr(error, "code", None)
            was_late = code == ILLEGAL_GENERATION and 0 <= generation < self._member.generation
            await self.offsets.pause_after(error, deadline, may_pass=was_late or code == REBALANCE_IN_PROGRESS)
            return False
        return True

    def _not_now(self, reason: str) -> GomqError:
        what = f"group {self._settings.group_id!r} has rebalanced, and nothing was committed: {reason}"
        return error_for(REBALANCE_IN_PROGRESS, what)

    async def commit_starts(self, starts: Mapping[TopicPartition, CommittedOffset | None]) -> None:
        """Commit where partitions begin for which nothing was committed.

        Whoever reads them next, should this member die, goes on there and not at what is the end by then.
        """
        if self.is_automatic:
            await self._commit_changed([partition for partition, start in starts.items() if start is None])

    async def commit_often(self) -> None:
        """Commit what has changed, for ever."""
        while True:
            await anyio.sleep(self._settings.commit_interval)
            if not self._member.is_rebalancing:
                await self._commit_changed(self._member.owned)

    async def commit_before_revocation(self, partitions: frozenset[TopicPartition]) -> None:
        """Commit what has changed of partitions that are given up next; again where that may help."""
        if self.is_automatic:
            seconds = min(_REVOCATION_SECONDS, self._settings.rebalance_timeout / 2)
            with anyio.move_on_after(seconds):
                deadline = anyio.current_time() + seconds
                while (error := await self._commit_changed(partitions & self._member.owned)) is not None:
                    try:
                        await self.offsets.pause_after(error, deadline)
                    except GomqError:
                        break
        self.forget(partitions)

    async def commit_last(self) -> None:
        """Commit what has changed, once, whatever the member is doing.

        Raises:
            GomqError: there was no answer.
        """
        if self.is_automatic and self._member.generation >= 0:
            error = await self._commit_changed(self._member.owned)
            if error is not None and not isinstance(error, BrokerError):
                raise error

    async def _commit_changed(self, among: Collection[TopicPartition]) -> GomqError | None:
        """Commit; return the error where there is one, which ends the membership only where it cannot pass."""
        changed = self._ledger.changed(self._assignee.commit_points(), among)
        try:
            codes = await self._commit_once(changed)
            self.offsets.check(codes)
        except GomqError as error:
            if getattr(error, "code", None) in _REFUSED_CODES:
                self._member.fail(error)
                self._on_answer()
            return error
        return None

    async def _commit_once(self, offsets: Mapping[TopicPartition, OffsetAndMetadata]) -> dict[TopicPartition, int]:
        identity = Identity(self._member.member_id, self._member.generation, self._settings.instance_id)
        codes = await self.offsets.commit_once(offsets, identity)
        done = {partition: offsets[partition].offset for partition, code in codes.items() if not code}
        self._ledger.note({partition: offset for partition, offset in done.items() if partition in self._member.owned})
        for code in set(codes.values()):
            self._member.commit_answered(code, identity.generation)
        self._on_answer()
        return codes
