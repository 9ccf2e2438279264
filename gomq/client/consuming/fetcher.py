"""Fetches ahead of the consumer: a task for each broker that leads a partition, one request of it on its way.

A fetch asks for all the partitions that a broker leads and may wait there until something comes. Its answer is put
into the buffer, and the next one is asked for while the consumer is still at work.
"""

from collections.abc import Collection, Iterable, Mapping
from math import inf
from typing import Any, Final

import anyio
from anyio.abc import TaskGroup

from gomq.client.cluster.cluster import Cluster, Purpose, topic_error
from gomq.client.consuming.epochs import NO_EPOCH
from gomq.client.consuming.progress import Progress, fetch_values
from gomq.client.consuming.recovery import Recovery
from gomq.client.consuming.settings import ConsumerSettings
from gomq.errors import (
    CorruptMessageError,
    GomqError,
    LeaderNotAvailableError,
    OffsetOutOfRangeError,
    UnknownTopicError,
    error_for,
)
from gomq.protocol.api import Api
from gomq_storage.layout import TopicPartition

_UNKNOWN_TOPIC_PATIENCE: Final = 5.0
"""Seconds for which a topic that was there may be unknown, as it is to a broker that has just started."""
_DOUBTED: Final = -2
"""As the leader epoch of a partition: what was fetched has yet to be confirmed."""


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
        self._recovery = recovery
        self._buffer = recovery.buffer
        self._tasks = tasks
        self._fetching: dict[TopicPartition, Progress] = {}
        self._running: set[int | None] = set()
        self._changed = anyio.Event()

    def start(self, starts: Mapping[TopicPartition, int], *, is_further: bool = False) -> None:
        """Fetch from these offsets on.

        Args:
            starts: one offset a partition; where it is fetched from already, that ends.
            is_further: whether what was fetched before an offset was handed out, and has to be in the log still.
        """
        for target, offset in starts.items():
            progress = Progress(
                target=target,
                offset=offset,
                max_bytes=self._settings.fetch_bytes,
                backoff=self._cluster.new_backoff(),
            )
            before = self._end(target)
            if before is not None and is_further:
                before.epochs.cut(offset)
                progress.epochs, progress.leader_epoch = before.epochs, before.leader_epoch
            self._fetching[target] = progress
        self.wake()

    def remove(self, targets: Collection[TopicPartition]) -> None:
        """Fetch these no longer."""
        for target in targets:
            self._end(target)
        self.wake()

    def wake(self) -> None:
        """Look again at what is to be fetched."""
        self._changed.set()
        self._changed = anyio.Event()
        if self._buffer.is_wanted:
            self._start_tasks()

    def _end(self, target: TopicPartition) -> Progress | None:
        progress = self._fetching.pop(target, None)
        if progress is not None:
            progress.is_over = True
        return progress

    def _start_tasks(self) -> None:
        """See to it that there is a task for each leader; that for None looks for leaders."""
        for leader in {self._cluster.leader(*target) for target in self._fetching} - self._running:
            self._running.add(leader)
            self._tasks.start_soon(self._run, leader)

    async def _run(self, node: int | None) -> None:
        """Fetch from a node for as long as it leads anything."""
        try:
            while self._buffer.is_wanted and (led := self._led_by(node)):
                await self._buffer.wait_for_room()
                now = anyio.current_time()
                wanted = [each for each in led if self._is_wanted(each)]
                due = [each for each in wanted if each.retry_at <= now]
                if not due:
                    await self._wait_for_change(min((each.retry_at for each in wanted), default=inf))
                elif not await self._fetch(node, due):
                    await self._look_for_leaders()
        except GomqError as error:
            self._buffer.fail(error)
        finally:
            self._running.discard(node)
        if self._buffer.is_wanted:
            self._start_tasks()

    def _led_by(self, node: int | None) -> list[Progress]:
        return [each for each in self._fetching.values() if self._cluster.leader(*each.target) == node]

    def _is_wanted(self, each: Progress) -> bool:
        """Say whether something of a partition is to be fetched, or put into the buffer, from where it was."""
        return not each.is_over and not self._buffer.is_held(each.target)

    async def _wait_for_change(self, until: float) -> None:
        with anyio.CancelScope(deadline=until):
            await self._changed.wait()

    async def _fetch(self, node: int | None, due: list[Progress]) -> bool:
        """Fetch once; return whether all went well."""
        started = anyio.current_time()
        try:
            response = await self._ask(node, due)
        except GomqError as error:
            for each in due:
                self._note_trouble(each, error)
            return False
        if response is None:
            return True
        before = [each.offset for each in due]
        troubles = self._take_all(due, response)
        astray = [each for each, trouble in troubles if isinstance(trouble, OffsetOutOfRangeError)]
        for each, trouble in troubles:
            if each not in astray:
                self._note_trouble(each, trouble)
        is_well = len(astray) == len(troubles) and await self._settle(astray)
        if is_well and before == [each.offset for each in due]:
            await self._pause_if_hurried(due, started)
        return is_well

    def _take_all(self, due: Iterable[Progress], response: Any) -> list[tuple[Progress, GomqError]]:  # noqa: ANN401
        """Put what came into the buffer, once of each partition; return what is wrong with which."""
        waiting: dict[tuple[str, int], Progress] = {each.target: each for each in due}
        troubles: list[tuple[Progress, GomqError]] = []
        for topic in response.responses:
            for partition in topic.partitions:
                each = waiting.pop((topic.topic, int(partition.partition_index)), None)
                trouble = self._take(each, partition) if each is not None and self._is_wanted(each) else None
                if each is not None and trouble is not None:
                    troubles.append((each, trouble))
        return troubles

    async def _ask(self, node: int | None, due: list[Progress]) -> Any:  # noqa: ANN401 - one class a version
        """Fetch; None where nothing is left to be fetched."""
        if node is None:
            raise LeaderNotAvailableError(f"{due[0].target} has no leader")
        await self._follow_leader(node, due)
        due[:] = [each for each in due if self._is_wanted(each)]
        if not due:
            return None
        connection = await self._cluster.connect(node, Purpose.DATA)
        timeout = self._settings.connection.request_timeout + self._settings.max_wait
        values = fetch_values(due, self._settings, isolation=self._recovery.isolation_level)
        response = await connection.ask(Api.FETCH, values, timeout=timeout)
        if code := getattr(response, "error_code", 0):
            raise error_for(int(code), f"{connection.address} refuses to be fetched from")
        return response

    async def _follow_leader(self, node: int, due: list[Progress]) -> None:
        """Have a leader that is new confirm what was fetched from the one before it, before more is."""
        doubtful: dict[TopicPartition, Progress] = {}
        for each in due:
            known = self._cluster.leader_epoch(*each.target)
            epoch = NO_EPOCH if known is None else known
            if each.leader_epoch not in (epoch, NO_EPOCH) and each.epochs.last != NO_EPOCH:
                doubtful[each.target] = each
            each.leader_epoch = epoch
        if not doubtful:
            return
        try:
            await self._recovery.validate(node, doubtful)
        except GomqError:
            for each in doubtful.values():
                each.leader_epoch = _DOUBTED
            raise

    async def _settle(self, astray: list[Progress]) -> bool:
        """Find where there are messages of partitions whose offset is not there; return whether all are settled."""
        if not astray:
            return True
        try:
            ranges = await self._recovery.find_ranges(each.target for each in astray)
        except GomqError as error:
            for each in astray:
                self._note_trouble(each, error)
            return False
        is_well = True
        for each in astray:
            if not each.is_over:
                trouble = self._recovery.settle_out_of_range(each, *ranges[each.target])
                if trouble is not None:
                    self._note_trouble(each, trouble)
                    is_well = False
        return is_well

    async def _pause_if_hurried(self, due: list[Progress], started: float) -> None:
        """Do not ask without end a broker that answers at once though it has nothing."""
        if anyio.current_time() - started < self._settings.max_wait / 2:
            await anyio.sleep(due[0].backoff.next())

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
        """Put a partition's batches into the buffer; return what is wrong instead, if anything."""
        if partition.error_code:
            why = partition.error_code.name.replace("_", " ")
            return error_for(int(partition.error_code), f"{each.target} at offset {each.offset}: {why}")
        each.failing_since = None
        diverging = getattr(partition, "diverging_epoch", None)
        if diverging is not None and diverging.epoch >= 0 and diverging.end_offset >= 0:
            self._recovery.settle_divergence(each, int(diverging.epoch), int(diverging.end_offset))
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
        is_unknown = isinstance(error, UnknownTopicError)
        # a broker that cannot read its log cannot later: Kafka's consumer does not ask again either
        if (not error.retriable and not is_unknown) or isinstance(error, CorruptMessageError):
            self._buffer.fail(error, each.target)
            return
        now = anyio.current_time()
        if each.failing_since is None:
            each.failing_since = now
        patience = _UNKNOWN_TOPIC_PATIENCE if is_unknown else self._settings.retry_timeout
        if now - each.failing_since < patience:
            each.retry_at = now + each.backoff.next()
        elif not (is_unknown and self._recovery.owner.is_given_up(each.target)):
            self._buffer.fail(error, each.target)
