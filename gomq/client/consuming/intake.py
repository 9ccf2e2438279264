"""What a consumer takes in: the partitions it is given, from fetching them to handing them out.

Everything here that changes what is read happens at once. A fetch that is on its way meanwhile brings nothing: its
partition has begun anew when the answer comes.
"""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager

import anyio
from anyio.abc import TaskGroup

from gomq.client.cluster.cluster import Cluster
from gomq.client.consuming.buffer import FetchBuffer
from gomq.client.consuming.fetcher import Fetcher
from gomq.client.consuming.reader import Reader
from gomq.client.consuming.recovery import Recovery
from gomq.client.consuming.settings import ConsumerSettings, ReadPolicy
from gomq.client.message import Message
from gomq.errors import GomqError
from gomq_storage.layout import TopicPartition


class Intake:
    """The partitions that are read, and how far each is.

    Args:
        settings: limits.
        policy: what counts, and where to go on when it is gone.
    """

    def __init__(self, settings: ConsumerSettings, policy: ReadPolicy) -> None:
        self._settings = settings
        self._policy = policy
        self._buffer = FetchBuffer(max_bytes=settings.buffer_bytes)
        self._fetcher: Fetcher | None = None
        self._paused: set[TopicPartition] = set()
        self._beyond: frozenset[TopicPartition] = frozenset()
        """Those that an iteration with an end has read to that end."""
        self._outdated: set[TopicPartition] = set()
        self.drops_unknown: bool = False
        """Whether a topic may be deleted, and made anew, and is read from its first message on then; if not, that ends
        the iteration."""
        self.reader: Reader = Reader(self._buffer)

    @property
    def assignment(self) -> frozenset[TopicPartition]:
        """What is read."""
        return frozenset(self.reader.partitions)

    @property
    def paused(self) -> frozenset[TopicPartition]:
        """What is read later."""
        return frozenset(self._paused)

    @property
    def outdated(self) -> frozenset[TopicPartition]:
        """What is not read on as nothing consumed is in the log: perhaps the topic was deleted and made anew."""
        return frozenset(self._outdated)

    @property
    def is_closed(self) -> bool:
        """Whether the iteration is to end."""
        return self._buffer.is_closed

    def open(self, cluster: Cluster, tasks: TaskGroup, *, drops_unknown: bool) -> None:
        """Make ready to fetch.

        Args:
            cluster: the brokers, which must know the topics.
            tasks: where fetching runs.
            drops_unknown: whether topics may come and go, as they may of a pattern.
        """
        recovery = Recovery(cluster, self._settings, self._policy, self._buffer, self)
        self._fetcher = Fetcher(cluster, self._settings, recovery, tasks)
        self.drops_unknown = drops_unknown

    def assign(
        self, starts: Mapping[TopicPartition, int], *, epochs: Mapping[TopicPartition, int] | None = None
    ) -> None:
        """Read more partitions, from these offsets on; those that are read already begin anew.

        Args:
            starts: one offset a partition.
            epochs: the leader epoch of what was consumed before that, where it is known: should the log have been cut
                since, it is seen.
        """
        self._begin(starts, epochs)

    def revoke(self, partitions: Collection[TopicPartition]) -> None:
        """Read these no longer: what was fetched of them is dropped, and they have no position any more."""
        self._paused.difference_update(partitions)
        self._beyond = self._beyond.difference(partitions)
        self._outdated.difference_update(partitions)
        self.reader.forget(partitions)
        self._buffer.drop(partitions)
        self._fetching.remove(partitions)
        self._buffer.wake()

    async def drain(self, partitions: Collection[TopicPartition], *, timeout: float) -> None:  # noqa: ASYNC109
        """Hand out nothing more of these, and wait for so many seconds until what is in hand of them is done with.

        Afterwards their commit points are final; ``revoke`` is to follow.
        """
        self.reader.retract(partitions)
        self._buffer.drop(partitions)
        self._fetching.remove(partitions)
        with anyio.move_on_after(timeout):
            await self.reader.wait_until_let_go(partitions)

    def position(self, partition: TopicPartition) -> int:
        """Return the offset that is handed out next, or a lower one where that does not exist any more."""
        return self.reader.position(partition)

    def epoch_before(self, partition: TopicPartition, offset: int) -> int | None:
        """Return the leader epoch of the message in front of an offset, where it is known."""
        return self._fetching.epoch_before(partition, offset)

    def seek(self, partition: TopicPartition, offset: int) -> None:
        """Go on at another offset. What was fetched before is not handed out; a pause lasts."""
        self._begin({partition: offset})

    def pause(self, partitions: Collection[TopicPartition]) -> None:
        """Hand out nothing of these, and fetch nothing, until they are resumed."""
        self._hold(set(partitions) - self._paused - self._beyond)
        self._paused.update(partitions)

    def resume(self, partitions: Collection[TopicPartition]) -> None:
        """Go on with partitions that are paused."""
        self._paused.difference_update(partitions)
        self._release(set(partitions) - self._beyond)

    @contextmanager
    def withheld(self, partitions: Collection[TopicPartition]) -> Iterator[None]:
        """Hand out nothing of these within the block, unless they are sought elsewhere; a pause outlasts it."""
        self._hold(partitions)
        try:
            yield
        finally:
            self._release(self.assignment.intersection(partitions) - self._paused - self._beyond)

    def aim(self, until: Mapping[TopicPartition, int] | None) -> None:
        """Fetch nothing of partitions that an iteration has read to its end, for nobody would take it."""
        if until is None and not self._beyond:
            return
        beyond = frozenset(
            target for target in self.reader.partitions if until and self.has_reached(target, until.get(target, 0))
        )
        before, self._beyond = self._beyond, beyond
        self._hold(beyond - before - self._paused)
        self._release(before - beyond - self._paused)

    def has_reached(self, partition: TopicPartition, end: int) -> bool:
        """Say whether all before an offset was handed out, as it is where a partition is not read."""
        return partition not in self.reader.partitions or self.reader.position(partition) >= end

    async def load(self) -> bool:
        """Fill the reader's ``unread``; return False at the end."""
        self.aim(None)
        return await self.reader.load()

    async def take(self, most: int, timeout: float | None) -> list[Message]:  # noqa: ASYNC109
        """Hand out what is here, as soon as that is anything; nothing once so many seconds are over, or at the end."""
        self.reader.let_go()
        await anyio.lowlevel.checkpoint()
        with anyio.move_on_after(timeout):
            while not self.is_closed:
                self.aim(None)
                if messages := self.reader.take(most):
                    return messages
                await self._buffer.wait()
        return []

    async def wait(self) -> None:
        """Wait until something comes or changes.

        Raises:
            GomqError: what went wrong in fetching.
        """
        await self._buffer.wait()

    def refetch(self, partition: TopicPartition) -> None:
        """Drop what was not handed out of a partition, and fetch it again."""
        self._buffer.drop([partition])
        self.reader.retract([partition])
        position = self.reader.position(partition)
        self._fetching.start({partition: position}, is_further=True)
        self._hold((self._paused | self._beyond).intersection([partition]))

    def outdate(self, partition: TopicPartition) -> None:
        """Take a position for one that means nothing any more, until something else is sought."""
        self._outdated.add(partition)

    def give_up(self, partitions: Collection[TopicPartition]) -> None:
        """Stop reading those of which brokers have said for a while that they do not exist any more."""
        self.revoke([each for each in partitions if self._fetching.is_gone(each)])

    def fail(self, error: GomqError, partition: TopicPartition | None = None) -> None:
        """Have the iteration end with an error, behind what was fetched before it; a seek takes a partition's back."""
        self._buffer.fail(error, partition)

    def stop(self) -> None:
        """End the iteration and drop what was not handed out."""
        self.reader.retract(self.reader.partitions)
        self._buffer.close()

    @property
    def _fetching(self) -> Fetcher:
        assert self._fetcher is not None  # opened with its consumer
        return self._fetcher

    def _begin(self, starts: Mapping[TopicPartition, int], epochs: Mapping[TopicPartition, int] | None = None) -> None:
        self._buffer.drop(starts.keys())
        self._beyond = self._beyond.difference(starts)
        self._outdated.difference_update(starts)
        self.reader.start(starts)
        self._fetching.start(starts, epochs=epochs)
        self._hold(self._paused.intersection(starts))
        self._buffer.wake()

    def _hold(self, partitions: Collection[TopicPartition]) -> None:
        if not partitions:
            return
        self.reader.hold(partitions)
        too_many = self._buffer.hold(partitions)
        if too_many:  # they are fetched again once they are released
            self.reader.retract(too_many)
            self._fetching.start({each: self.reader.position(each) for each in too_many}, is_further=True)
        self._fetching.wake()

    def _release(self, partitions: Collection[TopicPartition]) -> None:
        if partitions:
            self.reader.release(partitions)
            self._buffer.release(partitions)
            self._fetching.wake()
