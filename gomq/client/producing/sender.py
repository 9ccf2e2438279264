"""Sends what the accumulator holds: batches to the leaders of their partitions, again where that may help.

``kick`` sends whatever can be sent at once, without waiting: a publisher calls it, and so does every answer. Only what
has to be waited for - a connection, a leader, a pause, linger - is the business of tasks.
"""

from collections.abc import Awaitable, Callable, Iterable
from math import inf
from typing import Any, Final

import anyio
from anyio.abc import TaskGroup

from gomq.client.cluster.backoff import Backoff
from gomq.client.cluster.cluster import UNKNOWN_TOPIC, Cluster, Purpose, topic_error
from gomq.client.cluster.connection import Connection
from gomq.client.message import to_milliseconds
from gomq.client.producing.accumulator import Accumulator, OutgoingBatch, PartitionQueue
from gomq.client.producing.settings import ProducerSettings
from gomq.errors import BrokerError, BrokerTimeoutError, GomqError, ProtocolError, UnsupportedVersionError, error_for
from gomq.net.channel import Request
from gomq.protocol import produce
from gomq.protocol.api import Api
from gomq_storage.compression import Codec
from gomq_storage.layout import TopicPartition

_MAX_REQUEST_BYTES: Final = 16 << 20
_MAX_REQUESTS_IN_FLIGHT: Final = 5
"""On one connection, each with batches of other partitions."""
_ZSTD_SINCE: Final = 7


class Sender:
    """The producer's engine.

    Args:
        cluster: the brokers.
        settings: batching and delivery.
        accumulator: what to send.
        group: where connections and leaders are waited for.
    """

    def __init__(
        self, cluster: Cluster, settings: ProducerSettings, accumulator: Accumulator, group: TaskGroup
    ) -> None:
        self._cluster = cluster
        self._settings = settings
        self._accumulator = accumulator
        self._group = group
        self._flushing = 0
        self._changed = anyio.Event()
        self._asleep_until = -inf
        self._under_way: set[int | str] = set()
        self._in_flight: dict[Connection, int] = {}
        self._backoffs: dict[TopicPartition | int, Backoff] = {}
        self._last_trouble: tuple[float, GomqError] | None = None

    async def run(self) -> None:
        """Send in time what is not sent at once, and give up what takes too long."""
        while True:
            self._changed = anyio.Event()
            self._asleep_until = min(self._expire(), self._send_due(self._accumulator.busy()))
            with anyio.CancelScope(deadline=self._asleep_until):
                await self._changed.wait()

    def kick(self, target: TopicPartition | None = None) -> None:
        """Send what can be sent now, to one partition or to all."""
        queues = self._accumulator.busy() if target is None else [self._accumulator.queue(target)]
        if self._send_due(queues) < self._asleep_until:
            self._changed.set()

    async def flush(self) -> None:
        """Wait until all that is here is acknowledged or given up; meanwhile nothing lingers."""
        self._flushing += 1
        try:
            self.kick()
            for batch in self._accumulator.unfinished():
                await batch.done.wait()
        finally:
            self._flushing -= 1

    def _send_due(self, queues: Iterable[PartitionQueue]) -> float:
        """Send each batch that is due to a leader with an open connection; return when to look again."""
        now = anyio.current_time()
        linger = 0.0 if self._flushing else self._settings.linger
        look_again = inf
        for_connection: dict[Connection, list[PartitionQueue]] = {}
        for queue in queues:
            due = queue.due_at(linger=linger)
            if due == inf:
                continue
            look_again = min(look_again, queue.batches[0].deadline)
            if due > now:
                look_again = min(look_again, due)
            elif (connection := self._connection_for(queue)) is not None:
                for_connection.setdefault(connection, []).append(queue)
        for connection, due_queues in for_connection.items():
            # with enough on its way, those that become due until an answer comes share the next request
            if self._in_flight.get(connection, 0) < _MAX_REQUESTS_IN_FLIGHT:
                self._send(connection, due_queues)
        return look_again

    def _connection_for(self, queue: PartitionQueue) -> Connection | None:
        """Return the open connection to a partition's leader, or see to it that there will be one."""
        topic, partition = queue.target
        leader = self._cluster.leader(topic, partition)
        if leader is None:
            self._start_once(topic, self._find_leaders, topic)
            return None
        connection = self._cluster.open_connection(leader)
        if connection is None:
            self._start_once(leader, self._connect, leader, topic)
        return connection

    def _start_once(self, key: int | str, work: Callable[..., Awaitable[None]], *arguments: int | str) -> None:
        if key not in self._under_way:
            self._under_way.add(key)
            self._group.start_soon(self._do_once, key, work, *arguments)

    async def _do_once(self, key: int | str, work: Callable[..., Awaitable[None]], *arguments: int | str) -> None:
        try:
            await work(*arguments)
        finally:
            self._under_way.discard(key)
        self.kick()

    async def _connect(self, node: int, topic: str) -> None:
        try:
            await self._cluster.connect(node, Purpose.DATA)
        except GomqError as error:
            self._note_trouble(error)
            await anyio.sleep(self._backoffs.setdefault(node, self._cluster.new_backoff()).next())
            await self._find_leaders(topic)
        else:
            self._backoffs.pop(node, None)

    async def _find_leaders(self, topic: str) -> None:
        """Ask who leads a topic's partitions until that is known, or nobody waits for it any more."""
        backoff = self._cluster.new_backoff()
        while waiting := [queue for queue in self._accumulator.busy() if queue.target.topic == topic]:
            try:
                found = (await self._cluster.refresh([topic], may_create=True)).topics.get(topic)
                if found is not None and found.error_code:
                    raise topic_error(found)
            except GomqError as error:
                self._note_trouble(error)
                if not _may_pass(error):
                    self._give_up_topic(topic, error)
            else:
                if all(self._cluster.leader(*queue.target) is not None for queue in waiting):
                    return
                self.kick()
            await anyio.sleep(backoff.next())

    def _give_up_topic(self, topic: str, error: GomqError) -> None:
        for queue in self._accumulator.busy():
            if queue.target.topic == topic:
                for batch in list(queue.batches):
                    self._accumulator.give_up(batch, error, gave_up=False)

    def _send(self, connection: Connection, queues: list[PartitionQueue]) -> None:
        """Send the first batch of each queue, in as few requests as their size allows."""
        try:
            version = self._produce_version(connection)
        except UnsupportedVersionError as error:
            for queue in queues:
                self._accumulator.take(queue)
                self._accumulator.fail(queue, error, gave_up=False)
            return
        together: list[PartitionQueue] = []
        size = 0
        for queue in queues:
            together.append(queue)
            size += self._accumulator.take(queue).size
            if size >= _MAX_REQUEST_BYTES:
                self._post(connection, version, together)
                together, size = [], 0
        if together:
            self._post(connection, version, together)

    def _produce_version(self, connection: Connection) -> int:
        version = connection.version_of(Api.PRODUCE)
        if self._settings.codec is Codec.ZSTD and version < _ZSTD_SINCE:
            raise UnsupportedVersionError(f"{connection.address} is too old for zstd: choose another codec")
        return version

    def _post(self, connection: Connection, version: int, queues: list[PartitionQueue]) -> None:
        settings = self._settings
        batches: dict[str, dict[int, bytes]] = {}
        for queue in queues:
            assert queue.in_flight is not None
            topic, partition = queue.target
            batches.setdefault(topic, {})[partition] = queue.in_flight.encode(settings.codec)

        def encode(correlation_id: int) -> list[bytes]:
            return produce.encode_request(
                version,
                correlation_id,
                settings.connection.client_id,
                batches,
                acks=settings.acks,
                timeout_ms=round(settings.connection.request_timeout * 1000),
            )

        request = Request(
            api=Api.PRODUCE,
            version=version,
            encode=encode,
            timeout=settings.connection.request_timeout,
            is_answered=settings.acks != 0,
        )

        def on_reply(response: Any, error: GomqError | None) -> None:  # noqa: ANN401 - one class a version
            self._count_in_flight(connection, -1)
            self._settle(queues, response, error)
            self.kick()

        try:
            connection.post(request, on_reply)
        except GomqError as error:
            for queue in queues:
                self._retry(queue, error)
        else:
            self._count_in_flight(connection, 1)

    def _count_in_flight(self, connection: Connection, change: int) -> None:
        count = self._in_flight.get(connection, 0) + change
        if count:
            self._in_flight[connection] = count
        else:
            self._in_flight.pop(connection, None)

    def _settle(self, queues: list[PartitionQueue], response: Any, error: GomqError | None) -> None:  # noqa: ANN401
        """Take note of what became of the batches of a request."""
        results = _results(response) if response is not None else {}
        for queue in queues:
            if error is not None:
                self._retry(queue, error)
            elif response is None:  # acks=0
                self._accumulator.succeed(queue, base_offset=-1, log_append_time=None)
            elif (result := results.get(queue.target)) is None:
                self._retry(queue, ProtocolError(f"the answer to a Produce request does not mention {queue.target}"))
            elif result.error_code:
                why = getattr(result, "error_message", None) or result.error_code.name.replace("_", " ")
                self._retry(queue, error_for(int(result.error_code), f"{queue.target}: {why}"))
            else:
                self._backoffs.pop(queue.target, None)
                stamp = to_milliseconds(result.log_append_time) if result.log_append_time else None
                self._accumulator.succeed(queue, base_offset=int(result.base_offset), log_append_time=stamp)

    def _retry(self, queue: PartitionQueue, error: GomqError) -> None:
        """Have the batch in flight sent again after a pause, or give up where that would not help."""
        batch = queue.in_flight
        assert batch is not None
        if not _may_pass(error):
            self._accumulator.fail(queue, error, gave_up=False)
            return
        backoff = self._backoffs.setdefault(queue.target, self._cluster.new_backoff())
        retry_at = anyio.current_time() + backoff.next()
        self._note_trouble(error)
        if retry_at >= batch.deadline:
            self._accumulator.fail(queue, error, gave_up=True)
            return
        self._accumulator.put_back(queue, retry_at=retry_at)
        if isinstance(error, BrokerError):  # perhaps another broker leads the partition now
            self._start_once(queue.target.topic, self._find_leaders, queue.target.topic)

    def _expire(self) -> float:
        """Give up the batches that are overdue, and return when the next one will be."""
        now = anyio.current_time()
        next_deadline = inf
        for queue in self._accumulator.busy():
            for batch in [batch for batch in queue.unfinished if batch.deadline <= now]:
                self._accumulator.give_up(batch, self._cause_of_delay(batch), gave_up=True)
            next_deadline = min((next_deadline, *(batch.deadline for batch in queue.unfinished)))
        return next_deadline

    def _note_trouble(self, error: GomqError) -> None:
        self._last_trouble = (anyio.current_time(), error)

    def _cause_of_delay(self, batch: OutgoingBatch) -> GomqError:
        """Say why a batch is overdue: the last trouble met, if that was in the batch's time."""
        if self._last_trouble is not None and self._last_trouble[0] >= batch.created_at:
            return self._last_trouble[1]
        return BrokerTimeoutError(f"{batch.target}: no answer came in time")


def _may_pass(error: GomqError) -> bool:
    """Whether time may help; a topic may be unknown to one broker while another has just made it."""
    return error.retriable or (isinstance(error, BrokerError) and error.code == UNKNOWN_TOPIC)


def _results(response: Any) -> dict[TopicPartition, Any]:  # noqa: ANN401 - one class a version
    return {
        TopicPartition(topic.name, int(partition.index)): partition
        for topic in response.responses
        for partition in topic.partition_responses
    }
