"""Fetches ahead of the consumer: a task for each broker that leads a partition, one request of it on its way.

A fetch asks for all the partitions that a broker leads and may wait there until something comes. Its answer is put
into the buffer, and the next one is asked for while the consumer is still at work.
"""

from dataclasses import dataclass
from math import inf
from typing import Any, Final

import anyio
from anyio.abc import TaskGroup

from gomq.client.cluster.backoff import Backoff
from gomq.client.cluster.cluster import UNKNOWN_TOPIC, Cluster, Purpose, topic_error
from gomq.client.consuming.fetched import Chunk, FetchBuffer
from gomq.client.consuming.settings import ConsumerSettings
from gomq.errors import (
    BrokerError,
    CorruptMessageError,
    GomqError,
    LeaderNotAvailableError,
    MessageTooLargeError,
    OffsetOutOfRangeError,
    error_for,
)
from gomq.protocol.api import Api
from gomq_storage.batch import BatchHeader, walk
from gomq_storage.errors import CorruptBatchError
from gomq_storage.layout import TopicPartition

_OFFSET_OUT_OF_RANGE: Final = 1
_UNKNOWN_TOPIC_PATIENCE: Final = 5.0
"""Seconds for which a topic that was there may be unknown, as it is to a broker that has just started."""
_NO_EPOCH: Final = -1
_NO_OFFSET: Final = -1
_FINAL_EPOCH: Final = -1
"""The session epoch of a fetch that is no part of a session (KIP-227)."""


@dataclass(slots=True, kw_only=True)
class _Fetching:
    """How far fetching of one partition is."""

    target: TopicPartition
    offset: int
    max_bytes: int
    backoff: Backoff
    retry_at: float = -inf
    failing_since: float | None = None


class Fetcher:
    """Keeps the buffer filled.

    Args:
        cluster: the brokers, which must know the topics.
        settings: limits.
        buffer: where to put what comes.
        group: where the tasks run.
    """

    def __init__(self, cluster: Cluster, settings: ConsumerSettings, buffer: FetchBuffer, group: TaskGroup) -> None:
        self._cluster = cluster
        self._settings = settings
        self._buffer = buffer
        self._group = group
        self._fetching: dict[TopicPartition, _Fetching] = {}
        self._running: set[int | None] = set()

    def start(self, positions: dict[TopicPartition, int]) -> None:
        """Fetch from these offsets on."""
        for target, offset in positions.items():
            self._fetching[target] = _Fetching(
                target=target, offset=offset, max_bytes=self._settings.fetch_bytes, backoff=self._cluster.new_backoff()
            )
        self._start_tasks()

    def _start_tasks(self) -> None:
        """See to it that there is a task for each leader; that for None looks for leaders."""
        for leader in {self._cluster.leader(*target) for target in self._fetching} - self._running:
            self._running.add(leader)
            self._group.start_soon(self._run, leader)

    async def _run(self, node: int | None) -> None:
        """Fetch from a node for as long as it leads anything."""
        try:
            while self._buffer.is_wanted and (led := self._led_by(node)):
                await self._buffer.wait_for_room()
                now = anyio.current_time()
                due = [each for each in led if each.retry_at <= now]
                if not due:
                    await anyio.sleep_until(min(each.retry_at for each in led))
                elif not await self._fetch(node, due):
                    await self._look_for_leaders()
        except GomqError as error:
            self._buffer.fail(error)
        finally:
            self._running.discard(node)
        if self._buffer.is_wanted:
            self._start_tasks()

    def _led_by(self, node: int | None) -> list[_Fetching]:
        return [each for each in self._fetching.values() if self._cluster.leader(*each.target) == node]

    async def _fetch(self, node: int | None, due: list[_Fetching]) -> bool:
        """Fetch once; return whether all went well.

        Raises:
            GomqError: something that will not pass, or did not in time.
        """
        started = anyio.current_time()
        try:
            response = await self._ask(node, due)
        except GomqError as error:
            for each in due:
                self._note_trouble(each, error)
            return False
        wanted = {each.target: each for each in due}
        before = [each.offset for each in due]
        is_well = True
        for topic in response.responses:
            for partition in topic.partitions:
                found = wanted.get(TopicPartition(topic.topic, int(partition.partition_index)))
                if found is not None:
                    is_well = self._take(found, partition) and is_well
        if is_well and before == [each.offset for each in due]:
            await self._pause_if_hurried(due, started)
        return is_well

    async def _ask(self, node: int | None, due: list[_Fetching]) -> Any:  # noqa: ANN401 - one class a version
        if node is None:
            raise LeaderNotAvailableError(f"{due[0].target} has no leader")
        connection = await self._cluster.connect(node, Purpose.DATA)
        timeout = self._settings.connection.request_timeout + self._settings.max_wait
        response = await connection.ask(Api.FETCH, self._request(due), timeout=timeout)
        if code := getattr(response, "error_code", 0):
            raise error_for(int(code), f"{connection.address} refuses to be fetched from")
        return response

    async def _pause_if_hurried(self, due: list[_Fetching], started: float) -> None:
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
                for each in self._fetching.values():
                    if each.target.topic == topic.name:
                        self._note_trouble(each, topic_error(topic))
        self._start_tasks()

    def _request(self, due: list[_Fetching]) -> dict[str, Any]:
        topics: dict[str, list[dict[str, Any]]] = {}
        for each in due:
            topics.setdefault(each.target.topic, []).append({
                "partition": each.target.partition,
                "current_leader_epoch": _NO_EPOCH,
                "fetch_offset": each.offset,
                "last_fetched_epoch": _NO_EPOCH,
                "log_start_offset": _NO_OFFSET,
                "partition_max_bytes": each.max_bytes,
            })  # fmt: skip
        return {
            "cluster_id": None,
            "replica_id": -1,
            "max_wait": round(self._settings.max_wait * 1000),
            "min_bytes": 1,
            "max_bytes": self._max_bytes(due),
            "isolation_level": 0,
            "session_id": 0,
            "session_epoch": _FINAL_EPOCH,
            "topics": [{"topic": topic, "partitions": partitions} for topic, partitions in topics.items()],
            "forgotten_topics_data": [],
            "rack_id": "",
        }

    def _max_bytes(self, due: list[_Fetching]) -> int:
        """Have half of the buffer filled at once, as far as an answer may be that large, but one partition in full."""
        most = self._settings.connection.max_response_bytes // 2
        return max(min(self._settings.buffer_bytes // 2, most), *(each.max_bytes for each in due))

    def _take(self, each: _Fetching, partition: Any) -> bool:  # noqa: ANN401 - one class a version
        """Put a partition's batches into the buffer; return whether there was no error."""
        code = int(partition.error_code)
        if code == _OFFSET_OUT_OF_RANGE:
            raise OffsetOutOfRangeError(
                f"{each.target} has no offset {each.offset}: the messages there have been deleted, or none was yet"
            )
        if code == CorruptMessageError.code:  # Kafka's consumer does not ask again either
            raise CorruptMessageError(
                f"{each.target} at offset {each.offset}: the broker cannot read the messages there"
            )
        if code:
            why = partition.error_code.name.replace("_", " ")
            self._note_trouble(each, error_for(code, f"{each.target}: {why}"))
            return False
        each.failing_since = None
        if not partition.records:
            return True
        chunk = self._read(each, partition.records)
        if chunk.batches:
            each.offset = chunk.batches[-1][1].next_offset
            each.max_bytes = self._settings.fetch_bytes
            each.backoff.reset()
            self._buffer.put(chunk)
            # an answer is filled from the front: whoever got something stands at the back next time
            self._fetching[each.target] = self._fetching.pop(each.target)
        else:
            self._ask_for_more(each)
        return True

    def _read(self, each: _Fetching, data: bytes) -> Chunk:
        """Find the whole batches in what came, those that end before the wanted offset left out."""
        batches: list[tuple[int, BatchHeader]] = []
        offset = each.offset
        try:
            for position, header in walk(data):
                if header.next_offset > offset:
                    batches.append((position, header))
                    offset = header.next_offset
        except CorruptBatchError as error:
            if not batches:
                raise CorruptMessageError(f"{each.target} at offset {offset}: {error}") from error
            # the batches before it first; it comes again, at the front, with the next fetch
        return Chunk(
            target=each.target,
            wanted=each.offset,
            data=data,
            batches=batches,
            max_decompressed_bytes=self._settings.max_decompressed_bytes,
        )

    def _ask_for_more(self, each: _Fetching) -> None:
        """A broker that cuts off the first batch, as old ones do, must be asked for more bytes."""
        limit = self._settings.connection.max_response_bytes // 2
        if each.max_bytes >= limit:
            raise MessageTooLargeError(f"{each.target} at offset {each.offset}: a batch of more than {limit} bytes")
        each.max_bytes = min(2 * each.max_bytes, limit)

    def _note_trouble(self, each: _Fetching, error: GomqError) -> None:
        """Have a partition tried again after a pause, or raise what will not pass."""
        is_unknown = isinstance(error, BrokerError) and error.code == UNKNOWN_TOPIC
        if not error.retriable and not is_unknown:
            raise error
        now = anyio.current_time()
        if each.failing_since is None:
            each.failing_since = now
        patience = _UNKNOWN_TOPIC_PATIENCE if is_unknown else self._settings.retry_timeout
        if now - each.failing_since >= patience:
            raise error
        each.retry_at = now + each.backoff.next()
