"""What to do where the log of a partition is not what it was: messages deleted in front, or cut off at the end."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final, Protocol

from gomq.client.cluster.cluster import Cluster, Purpose
from gomq.client.consuming.buffer import FetchBuffer
from gomq.client.consuming.epochs import NO_EPOCH
from gomq.client.consuming.fetched import Chunk
from gomq.client.consuming.offsets import look_up
from gomq.client.consuming.progress import DOUBTED, Progress
from gomq.client.consuming.settings import ConsumerSettings, ReadPolicy
from gomq.client.consuming.start import EARLIEST, LATEST
from gomq.errors import (
    GomqError,
    LogTruncatedError,
    OffsetNotAvailableError,
    OffsetOutOfRangeError,
    ProtocolError,
    UnsupportedVersionError,
    error_for,
)
from gomq.protocol.api import Api
from gomq_storage.layout import TopicPartition

_CONSUMER: Final = -1
"""As a replica id."""


class Owner(Protocol):
    """Who reads the partitions: the intake."""

    @property
    def drops_unknown(self) -> bool:
        """Whether topics may come and go."""

    def position(self, partition: TopicPartition) -> int:
        """Return the offset that is handed out next."""

    def seek(self, partition: TopicPartition, offset: int) -> None:
        """Go on at another offset."""

    def refetch(self, partition: TopicPartition) -> None:
        """Drop what was not handed out, and fetch it again."""

    def outdate(self, partition: TopicPartition) -> None:
        """Take a position for one that means nothing any more."""


class Recovery:
    """Settles what a broker says of an offset that its log does not have, as the consumer's policy wants it.

    Args:
        cluster: the brokers.
        settings: how long to look for them.
        policy: whether to raise, or where to go on.
        buffer: what was fetched; errors come behind it.
        owner: who reads the partitions.
    """

    def __init__(
        self, cluster: Cluster, settings: ConsumerSettings, policy: ReadPolicy, buffer: FetchBuffer, owner: Owner
    ) -> None:
        self._cluster = cluster
        self._patience = settings.connection.request_timeout
        self._policy = policy
        self.buffer = buffer
        self.owner = owner

    @property
    def isolation_level(self) -> int:
        """As requests have it."""
        return self._policy.isolation_level

    async def settle(self, astray: list[Progress]) -> list[tuple[Progress, GomqError]]:
        """Find where there are messages of partitions whose offset is not there; return what to try again for."""
        if not astray:
            return []
        try:
            ranges = await self.find_ranges(each.target for each in astray)
        except GomqError as error:
            return [(each, error) for each in astray]
        settled = [(each, self.settle_out_of_range(each, *ranges[each.target])) for each in astray if not each.is_over]
        return [(each, trouble) for each, trouble in settled if trouble is not None]

    async def find_ranges(self, targets: Iterable[TopicPartition]) -> dict[TopicPartition, tuple[int, int]]:
        """Ask for the first offset of each partition and for its end.

        Raises:
            GomqError: they cannot be had.
        """
        targets = list(targets)
        firsts, ends = [
            await look_up(
                self._cluster,
                dict.fromkeys(targets, which),
                isolation=self._policy.isolation_level,
                patience=self._patience,
            )
            for which in (EARLIEST, LATEST)
        ]
        return {target: (firsts[target], ends[target]) for target in targets}

    def settle_out_of_range(self, each: Progress, first: int, end: int) -> GomqError | None:
        """Go on elsewhere, or have the iteration raise; return what to try again for, where the offset is there."""
        target = each.target
        if first <= each.offset <= end:  # what the leader has is not all it may show yet, or its epochs are lost
            each.epochs.clear()
            return OffsetNotAvailableError(f"{target}: the leader does not give offset {each.offset} yet")
        if each.offset > end and self.owner.position(target) <= end:
            self.owner.refetch(target)
        elif self._policy.out_of_range == "raise":
            self.buffer.fail(OffsetOutOfRangeError(_out_of_range(each, first, end)), target)
        elif each.offset > end:
            self.owner.seek(target, first if self._policy.out_of_range == "earliest" else end)
        else:  # what was fetched before is handed out, and the position follows
            self._skip_to(each, first if self._policy.out_of_range == "earliest" else end)
        return None

    def settle_divergence(self, each: Progress, epoch: int, end_offset: int) -> bool:
        """Go on where the log was cut, or have the iteration raise if it has handed out what is gone.

        Returns:
            whether it was cut; not, where the leader has all that was fetched.

        Args:
            each: how far fetching was.
            epoch: the leader's largest epoch up to that of what was fetched last; -1 for none.
            end_offset: where that epoch ends in the leader's log.
        """
        if epoch < 0 or end_offset < 0:  # the leader has nothing that old: none of what was fetched
            epoch, end_offset = NO_EPOCH, each.offset
        offset = each.epochs.divergence(each.offset, epoch, end_offset)
        if offset is not None:
            self._go_back(each, offset)
        return offset is not None

    async def follow_leader(self, node: int, due: Iterable[Progress]) -> list[tuple[Progress, GomqError]]:
        """Have a leader that is new confirm what was fetched from the one before it, before more is.

        Returns:
            those that it does not confirm, whose leader epoch is ``DOUBTED`` then, and why.
        """
        doubtful: dict[TopicPartition, Progress] = {}
        for each in due:
            if self._is_made_anew(each):
                self._go_back(each, 0)
                continue
            known = self._cluster.leader_epoch(*each.target)
            epoch = NO_EPOCH if known is None else known
            if each.leader_epoch not in (epoch, NO_EPOCH) and each.epochs.last != NO_EPOCH:
                if each.replica is not None:  # only the leader can say
                    each.replica = None
                    continue
                doubtful[each.target] = each
            each.leader_epoch = epoch
        if not doubtful:
            return []
        try:
            troubles = await self._validate(node, doubtful)
        except GomqError as error:
            troubles = [(each, error) for each in doubtful.values()]
        for each, _ in troubles:
            each.leader_epoch = DOUBTED
        return troubles

    def _is_made_anew(self, each: Progress) -> bool:
        """Note the topic's id; say whether it was another one before."""
        topic = self._cluster.topic(each.target.topic)
        before = each.topic_id
        if topic is not None and topic.topic_id is not None:
            each.topic_id = topic.topic_id
        return before not in (None, each.topic_id)

    def _go_back(self, each: Progress, offset: int) -> None:
        """Go on at an offset from which on the log is not what was fetched, or have the iteration raise."""
        position = self.owner.position(each.target)
        if position <= offset:
            self.owner.refetch(each.target)
        elif self._policy.out_of_range == "raise" and not (offset == 0 and self.owner.drops_unknown):
            self.owner.refetch(each.target)
            if offset == 0:
                self.owner.outdate(each.target)
            self.buffer.fail(LogTruncatedError(*each.target, position=position, offset=offset), each.target)
        else:
            self.owner.seek(each.target, offset)

    async def _validate(
        self, node: int, partitions: Mapping[TopicPartition, Progress]
    ) -> list[tuple[Progress, GomqError]]:
        """Ask a leader that is new whether it has what was fetched from the one before it (KIP-320).

        Returns:
            those of which it does not say that, and why.

        Raises:
            GomqError: it says nothing at all.
        """
        connection = await self._cluster.connect(node, Purpose.CONTROL)
        try:
            connection.version_of(Api.OFFSET_FOR_LEADER_EPOCH)
        except UnsupportedVersionError:
            return []  # an old broker, which knows no epochs
        response = await connection.ask(Api.OFFSET_FOR_LEADER_EPOCH, _epochs_wanted(partitions.values()))
        pending: dict[tuple[str, int], Progress] = dict(partitions.items())
        troubles: list[tuple[Progress, GomqError]] = []
        for topic in response.topics:
            for found in topic.partitions:
                each = pending.pop((topic.topic, int(found.partition)), None)
                if each is not None and found.error_code:
                    why = found.error_code.name.replace("_", " ")
                    troubles.append((each, error_for(int(found.error_code), f"{each.target}: {why}")))
                elif each is not None and not each.is_over:
                    self.settle_divergence(each, int(found.leader_epoch), int(found.end_offset))
        silent = f"{connection.address} was asked for epochs of {{}}, and does not mention it"
        return troubles + [(each, ProtocolError(silent.format(each.target))) for each in pending.values()]

    def _skip_to(self, each: Progress, offset: int) -> None:
        each.epochs.clear()
        each.offset = offset
        self.buffer.put(Chunk(target=each.target, wanted=offset, data=b"", batches=[], max_decompressed_bytes=0))


def _epochs_wanted(partitions: Collection[Progress]) -> dict[str, Any]:
    topics: dict[str, list[dict[str, Any]]] = {}
    for each in partitions:
        topics.setdefault(each.target.topic, []).append({
            "partition": each.target.partition,
            "current_leader_epoch": each.leader_epoch,
            "leader_epoch": each.epochs.last,
        })  # fmt: skip
    return {
        "replica_id": _CONSUMER,
        "topics": [{"topic": topic, "partitions": wanted} for topic, wanted in topics.items()],
    }


def _out_of_range(each: Progress, first: int, end: int) -> str:
    there = f"it has {first} to {end - 1}" if first < end else f"it is empty, and the next is {end}"
    return (
        f"{each.target} has no offset {each.offset}: {there}. Seek to another offset, "
        'or let out_of_range="earliest" or "latest" decide'
    )
