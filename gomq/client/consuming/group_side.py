"""A consumer's group: what it is asked for, as a member that is given partitions or as one that chose its own."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from anyio.abc import TaskGroup

from gomq.client.cluster.cluster import Cluster
from gomq.client.consuming.discovery import Discovery
from gomq.client.consuming.grouped import GroupReading, Listeners
from gomq.client.consuming.intake import Intake
from gomq.client.consuming.settings import READ_COMMITTED, ConsumerSettings, ReadPolicy
from gomq.client.consuming.start import Start
from gomq.client.delivering.deliveries import Deliveries
from gomq.client.groups.farewell import seconds_to_leave
from gomq.client.groups.membership import Membership
from gomq.client.groups.offsets import CommittedOffset, OffsetAndMetadata, to_commit
from gomq.client.groups.settings import GroupSettings
from gomq.client.groups.standalone import StandaloneOffsets
from gomq_storage.layout import TopicPartition


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupChoices:
    """What the user has said of the group."""

    settings: GroupSettings
    auto_commit: bool
    start: Start
    """Where to begin with a partition for which nothing is committed."""
    listeners: Listeners = field(default_factory=Listeners)


class GroupSide:
    """What a consumer has to do with its group.

    Args:
        choices: which group, and how.
        consumer: how to reach brokers, and for how long a lost one is looked for.
        policy: what counts of a log.
        intake: what reads.
        connect: makes a cluster whose connections run in a task group.
    """

    def __init__(
        self,
        choices: GroupChoices,
        consumer: ConsumerSettings,
        policy: ReadPolicy,
        intake: Intake,
        connect: Callable[[TaskGroup], Cluster],
    ) -> None:
        self._choices = choices
        self._patience = consumer.retry_timeout
        self._rack = consumer.rack
        self._require_stable = policy.isolation_level == READ_COMMITTED
        self._intake = intake
        self._connect = connect
        self._reading: GroupReading | None = None
        self._offsets: Membership | StandaloneOffsets | None = None

    async def join(self, cluster: Cluster, discovery: Discovery, tasks: TaskGroup) -> Callable[[], None]:
        """Become a member; return what to call when the subscription has changed.

        Raises:
            BrokerError: named after Kafka's code, such as GroupAuthorizationFailedError.
        """
        self._reading = self._read(discovery, tasks, self._choices.listeners)
        membership = self._offsets = Membership(
            cluster,
            self._choices.settings,
            self._reading,
            tasks,
            auto_commit=self._choices.auto_commit,
            require_stable=self._require_stable,
            rack=self._rack,
            patience=self._patience,
            on_failure=self._intake.fail,
            connect_anew=self._connect,
        )
        await membership.join()
        return membership.subscription_changed

    async def resume(self, cluster: Cluster, discovery: Discovery, tasks: TaskGroup) -> None:
        """Read partitions that the user chose, from their committed offsets on, without being a member."""
        self._reading = self._read(discovery, tasks, Listeners())
        offsets = StandaloneOffsets(
            cluster,
            self._choices.settings,
            self._reading.commit_points if self._choices.auto_commit else None,
            tasks,
            require_stable=self._require_stable,
            patience=self._patience,
            on_failure=self._intake.fail,
            connect_anew=self._connect,
        )
        committed = await offsets.committed(discovery.partitions)
        await self._reading.assigned(committed)
        offsets.start(committed)
        self._offsets = offsets

    def _read(self, discovery: Discovery, tasks: TaskGroup, listeners: Listeners) -> GroupReading:
        start, timeout = self._choices.start, self._choices.settings.drain_timeout
        return GroupReading(self._intake, discovery, start, listeners, tasks, drain_timeout=timeout)

    def use(self, deliveries: Deliveries) -> None:
        """Commit from now on what deliveries say is finished."""
        if self._reading is not None:
            self._reading.deliveries = deliveries

    async def commit(self, offsets: Mapping[TopicPartition, int | OffsetAndMetadata] | None) -> None:
        """Commit these, or all that was handed out."""
        if self._offsets is None or self._reading is None:
            return
        if offsets is None:
            await self._offsets.commit_own(self._reading.handed_out())
        else:
            await self._offsets.commit(to_commit(offsets))

    async def committed(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, CommittedOffset | None]:
        """Read what the group has committed."""
        return {} if self._offsets is None else await self._offsets.committed(partitions)

    async def leave(self, error: BaseException | None) -> None:
        """Leave, in a few seconds at most; unless there is an error, what is in hand counts as processed."""
        if error is None:
            self._intake.reader.let_go()
        if self._offsets is not None:
            await self._offsets.leave(within=seconds_to_leave(error))
