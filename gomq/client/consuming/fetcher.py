"""Fetches ahead of the consumer: a task for each broker that is fetched from, one request of it on its way.

A fetch asks for all the partitions that a broker leads and may wait there until something comes. Its answer is put
into the buffer, and the next one is asked for while the consumer is still at work. What is sought, given or resumed
while a fetch waits is not among what that asks for: it is fetched at once, beside it, by a request that does not wait.
"""

from collections.abc import Collection, Mapping
from math import inf
from typing import Any, Final

import anyio
from anyio.abc import TaskGroup

from gomq.client.cluster.cluster import Cluster, Purpose
from gomq.client.cluster.topic_errors import topic_error
from gomq.client.consuming.progress import DOUBTED, Progress
from gomq.client.consuming.recovery import Recovery
from gomq.client.consuming.settings import ConsumerSettings
from gomq.client.consuming.sources import Sources, answers
from gomq.errors import (
    CorruptMessageError,
    GomqError,
    LeaderNotAvailableError,
    OffsetOutOfRangeError,
    UnknownTopicError,
    error_for,
)
from gomq_storage.layout import TopicPartition

_UNKNOWN_TOPIC_PATIENCE: Final = 5.0
"""Seconds for which a topic that was there may be unknown, as it is to a broker that has just started."""


class Fetcher:
    """Keeps the buffer filled.

    Args:
        cluster: the brokers, which must know the topics.
        settings: limits.
        recovery: where to put what comes, and what to do where something else does.
        tasks: where the tasks run.
    """

    def __init__(self, cluster: Cluster, settings: ConsumerSettings, recovery: Recovery, tasks: TaskGroup) -> None:
        self._cluster = cluster
        self._settings = settings
        self._sources = Sources(cluster, settings, isolation=recovery.isolation_level)
        self._recovery = recovery
        self._buffer = recovery.buffer
        self._tasks = tasks
        self._fetching: dict[TopicPartition, Progress] = {}
        self._running: set[int | None] = set()
        self._waiting_at: set[int | None] = set()
        """The nodes at which a request may wait."""
        self._beside: set[int | None] = set()
        """Those that are asked for more beside it."""
        self._changed = anyio.Event()

    def start(
        self,
        starts: Mapping[TopicPartition, int],
        *,
        epochs: Mapping[TopicPartition, int] | None = None,
        is_further: bool = False,
    ) -> None:
        """Fetch from these offsets on.

        Args:
            starts: one offset a partition; where it is fetched from already, that ends.
            epochs: the leader epoch of what was consumed before an offset: the leader has to have that still.
            is_further: whether what was fetched before an offset was handed out, and has to be in the log still.
        """
        for target, offset in starts.items():
            progress = Progress(
                target=target,
                offset=offset,
                max_bytes=self._settings.fetch_bytes,
                backoff=self._cluster.new_backoff(),
            )
            if epochs and (epoch := epochs.get(target)) is not None:
                progress.doubt(epoch)
            before = self._end(target)
            if before is not None and is_further:
                progress.follow(before)
            self._fetching[target] = progress
        self.wake()

    def epoch_before(self, target: TopicPartition, offset: int) -> int | None:
        """Return the leader epoch of what is in front of an offset, where it is known."""
        progress = self._fetching.get(target)
        return None if progress is None else progress.epochs.before(offset)

    def remove(self, targets: Collection[TopicPartition]) -> None:
        """Fetch these no longer."""
        for target in targets:
            self._end(target)
        self.wake()

    def is_gone(self, target: TopicPartition) -> bool:
        """Say whether brokers have said for a while that a partition does not exist."""
        progress = self._fetching.get(target)
        since = None if progress is None else progress.gone_since
        return since is not None and anyio.current_time() - since >= _UNKNOWN_TOPIC_PATIENCE

    def wake(self) -> None:
        """Look again at what is to be fetched."""
        self._tell()
        if self._buffer.is_wanted:
            self._start_tasks()

    def _tell(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()

    def _end(self, target: TopicPartition) -> Progress | None:
        progress = self._fetching.pop(target, None)
        if progress is not None:
            progress.is_over = True
        return progress

    def _start_tasks(self) -> None:
        """See to it that there is a task for each node that is fetched from; that for None looks for leaders."""
        for node in {self._sources.node_of(each) for each in self._fetching.values()} - self._running:
            self._running.add(node)
            self._tasks.start_soon(self._run, node)
        for node in self._waiting_at - self._beside:
            if self._due(node):
                self._beside.add(node)
                self._tasks.start_soon(self._run_beside, node)

    async def _run(self, node: int | None) -> None:
        """Fetch from a node for as long as anything is to be had there."""
        try:
            while self._buffer.is_wanted and (there := self._fetched_from(node)):
                await self._buffer.wait_for_room()
                self._start_tasks()  # leaders may have moved meanwhile, and others have heard of it
                started = anyio.current_time()
                before = [(each, each.offset) for each in self._due(node)]
                if not before:
                    await self._wait_for_change(
                        min((each.retry_at for each in there if self._may_ask(each)), default=inf)
                    )
                elif not await self._fetch_waiting(node, [each for each, _ in before]):
                    await self._look_for_leaders()
                elif all(each.offset == offset and self._is_wanted(each) for each, offset in before):
                    await self._pause_if_hurried(before[0][0], started)
        except GomqError as error:
            self._buffer.fail(error)
        finally:
            self._running.discard(node)
        if self._buffer.is_wanted:
            self._start_tasks()

    async def _run_beside(self, node: int | None) -> None:
        """Fetch what a request that waits at a node does not ask for, for as long as it waits and there is any."""
        in_vain: set[tuple[Progress, int]] = set()
        try:
            while node in self._waiting_at and self._buffer.is_wanted and self._buffer.has_room:
                before = [(each, each.offset) for each in self._due(node) if (each, each.offset) not in in_vain]
                if not before:
                    break
                await self._fetch(node, [each for each, _ in before], Purpose.AT_ONCE)
                in_vain.update((each, offset) for each, offset in before if each.offset == offset)
        except GomqError as error:
            self._buffer.fail(error)
        finally:
            self._beside.discard(node)
            self._tell()

    def _fetched_from(self, node: int | None) -> list[Progress]:
        return [each for each in self._fetching.values() if self._sources.node_of(each) == node]

    def _due(self, node: int | None) -> list[Progress]:
        """What is to be asked for now."""
        now = anyio.current_time()
        return [each for each in self._fetched_from(node) if each.retry_at <= now and self._may_ask(each)]

    def _may_ask(self, each: Progress) -> bool:
        return self._is_wanted(each) and not each.is_asked_for

    def _is_wanted(self, each: Progress) -> bool:
        """Say whether something of a partition is to be fetched, or put into the buffer, from where it was."""
        return not each.is_over and not self._buffer.is_held(each.target)

    async def _wait_for_change(self, until: float) -> None:
        with anyio.CancelScope(deadline=until):
            await self._changed.wait()

    async def _fetch_waiting(self, node: int | None, due: list[Progress]) -> bool:
        """Fetch once, with a request that may wait; return whether all went well."""
        self._waiting_at.add(node)
        try:
            return await self._fetch(node, due, Purpose.DATA)
        finally:
            self._waiting_at.discard(node)

    async def _fetch(self, node: int | None, due: list[Progress], purpose: Purpose) -> bool:
        """Fetch once; return whether all went well."""
        for each in due:
            each.is_asked_for = True
        try:
            troubles = await self._troubles(node, due, purpose)
        except GomqError as error:
            troubles = [(each, error) for each in due]
        finally:
            for each in due:
                each.is_asked_for = False
        for each, trouble in troubles:
            self._note_trouble(each, trouble)
        return not troubles

    async def _troubles(
        self, node: int | None, due: list[Progress], purpose: Purpose
    ) -> list[tuple[Progress, GomqError]]:
        """Fetch once; return what is wrong with which partition."""
        if node is None:
            return [(each, LeaderNotAvailableError(f"{each.target} has no leader")) for each in due]
        doubts = await self._recovery.follow_leader(node, due)
        due = [each for each in due if self._is_wanted(each) and self._sources.node_of(each) == node]
        due = [each for each in due if each.leader_epoch != DOUBTED]
        if not due:
            return doubts
        troubles = self._take_all(due, await self._sources.fetch(node, due, purpose))
        if any(self._sources.node_of(each) != node for each in due):
            self._start_tasks()
        astray = [each for each, trouble in troubles if isinstance(trouble, OffsetOutOfRangeError)]
        return doubts + [pair for pair in troubles if pair[0] not in astray] + await self._recovery.settle(astray)

    def _take_all(self, due: Collection[Progress], response: Any) -> list[tuple[Progress, GomqError]]:  # noqa: ANN401
        """Put what came into the buffer; return what is wrong with which partition."""
        taken = [(each, self._take(each, found)) for each, found in answers(due, response) if self._is_wanted(each)]
        troubles = {each: trouble for each, trouble in taken if trouble is not None}
        for each in set(due) - troubles.keys():  # those that a session's answer does not mention are well, too
            each.failing_since = each.gone_since = None
        return list(troubles.items())

    async def _pause_if_hurried(self, each: Progress, started: float) -> None:
        """Do not ask without end a broker that answers at once though it has nothing."""
        if anyio.current_time() - started < self._settings.max_wait / 2:
            await anyio.sleep(each.backoff.next())

    async def _look_for_leaders(self) -> None:
        topics = dict.fromkeys(target.topic for target in self._fetching)
        try:
            answer = await self._cluster.refresh(topics)
        except GomqError as error:
            if not error.retriable:
                raise
            return
        for topic in answer.topics.values():
            if topic.error_code:
                for each in [each for each in self._fetching.values() if each.target.topic == topic.name]:
                    self._note_trouble(each, topic_error(topic))
        self._start_tasks()

    def _take(self, each: Progress, partition: Any) -> GomqError | None:  # noqa: ANN401 - one class a version
        """Put a partition's batches into the buffer, or return what is wrong."""
        if partition.error_code:
            why = partition.error_code.name.replace("_", " ")
            return error_for(int(partition.error_code), f"{each.target} at offset {each.offset}: {why}")
        self._sources.take_hint(each, partition)
        diverging = getattr(partition, "diverging_epoch", None)
        if diverging is not None and diverging.epoch >= 0 and diverging.end_offset >= 0:
            if not self._recovery.settle_divergence(each, int(diverging.epoch), int(diverging.end_offset)):
                each.epochs.clear()  # or it is told the same for ever
            return None
        if not partition.records:
            return None
        aborted = (partition.aborted_transactions or ()) if self._recovery.isolation_level else ()
        try:
            chunk = each.take(
                partition.records, [(int(gone.producer_id), int(gone.first_offset)) for gone in aborted], self._settings
            )
        except GomqError as error:
            return error
        if chunk is not None:
            self._buffer.put(chunk)
            # an answer is filled from the front: whoever got something stands at the back next time
            self._fetching[each.target] = self._fetching.pop(each.target)
        return None

    def _note_trouble(self, each: Progress, error: GomqError) -> None:
        """Have a partition tried again after a pause, or fail with what will not pass."""
        if each.is_over:
            return
        each.replica = None  # the leader knows better
        is_unknown = isinstance(error, UnknownTopicError)
        # a broker that cannot read its log cannot later: Kafka's consumer does not ask again either
        if (not error.retriable and not is_unknown) or isinstance(error, CorruptMessageError):
            self._buffer.fail(error, each.target)
            return
        now = anyio.current_time()
        since = each.failing_since = each.failing_since or now
        patience = _UNKNOWN_TOPIC_PATIENCE if is_unknown else self._settings.retry_timeout
        each.retry_at = now + each.backoff.next()
        if is_unknown and self._recovery.owner.drops_unknown:
            each.gone_since, each.failing_since = each.gone_since or now, None
        elif now - since >= patience:
            self._buffer.fail(error, each.target)
