"""Offsets of a group whose members choose their partitions themselves: it is only where they are remembered.

Kafka: a consumer with a group and ``assign()``: it commits with no generation, as nobody in particular.
"""

from collections.abc import Callable, Iterable, Mapping

import anyio
from anyio.abc import TaskGroup

from gomq.client.cluster.cluster import Cluster
from gomq.client.groups.auto_commit import CommitLedger
from gomq.client.groups.committed import NOBODY, GroupOffsets, is_retriable
from gomq.client.groups.coordinator import GroupCoordinator
from gomq.client.groups.farewell import LEAVE_SECONDS, ConnectAnew, say_goodbye
from gomq.client.groups.offsets import CommittedOffset, OffsetAndMetadata
from gomq.client.groups.settings import GroupSettings
from gomq.client.groups.turns import Turns
from gomq.errors import GomqError
from gomq_storage.layout import TopicPartition


class StandaloneOffsets:
    """Commits without being a member.

    Args:
        cluster: the brokers.
        settings: which group, and how often to commit.
        commit_points: says how far each partition is processed; None where nothing is to be committed unasked.
        tasks: where the task that commits runs.
        require_stable: whether committed offsets have to wait for transactions.
        patience: seconds for which a coordinator that is gone is looked for.
        on_failure: told when commits are refused for good.
        connect_anew: how to reach the coordinator for the last commit where the cluster's connections are cancelled.
    """

    def __init__(  # noqa: PLR0913 - named at the call
        self,
        cluster: Cluster,
        settings: GroupSettings,
        commit_points: Callable[[], Mapping[TopicPartition, OffsetAndMetadata]] | None,
        tasks: TaskGroup,
        *,
        require_stable: bool,
        patience: float,
        on_failure: Callable[[GomqError], None],
        connect_anew: ConnectAnew | None = None,
    ) -> None:
        self._settings = settings
        self._commit_points = commit_points
        self._turns = Turns(tasks)
        self._ledger = CommitLedger()
        self._coordinator = GroupCoordinator(cluster, settings.group_id)
        self._on_failure = on_failure
        self._connect_anew = connect_anew
        self._offsets = GroupOffsets(
            self._coordinator,
            settings.group_id,
            backoff=cluster.new_backoff(),
            patience=patience,
            require_stable=require_stable,
        )

    def start(self, starts: Mapping[TopicPartition, CommittedOffset | None]) -> None:
        """Commit what has changed since, now and every so often."""
        self._ledger.note({partition: found.offset for partition, found in starts.items() if found is not None})
        if self._commit_points is not None:
            self._turns.start(self._commit_often)

    async def commit(self, offsets: Mapping[TopicPartition, OffsetAndMetadata]) -> None:
        """Commit.

        Raises:
            UnknownMemberIdError: the group has members, and they alone commit.
            BrokerError: named after another of Kafka's codes.
        """
        await self._offsets.commit(offsets)
        self._ledger.note({partition: offset.offset for partition, offset in offsets.items()})

    commit_own = commit  # nothing of it is ever taken away

    async def committed(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, CommittedOffset | None]:
        """Read what the group has committed."""
        return await self._offsets.committed(partitions)

    async def leave(self, *, within: float = LEAVE_SECONDS) -> None:
        """Commit for the last time, in so many seconds at most, also where the caller is cancelled."""
        with anyio.move_on_after(within, shield=True):
            await self._turns.end()
            await say_goodbye(self._coordinator, self._commit_changed, self._connect_anew)

    async def _commit_often(self) -> None:
        while True:
            try:
                await self._commit_changed()
            except GomqError as error:  # if it may pass, it is still to be committed the next time
                if not is_retriable(error):
                    return self._on_failure(error)
            await anyio.sleep(self._settings.commit_interval)

    async def _commit_changed(self) -> None:
        points = self._commit_points() if self._commit_points is not None else {}
        changed = self._ledger.changed(points, points.keys())
        codes = await self._offsets.commit_once(changed, NOBODY)
        self._ledger.note({partition: changed[partition].offset for partition, code in codes.items() if not code})
        self._offsets.check(codes)
