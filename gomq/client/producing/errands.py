"""What has to be waited for before a batch can go: a connection, a leader, a producer id. Each is fetched once."""

from collections.abc import Awaitable, Callable
from typing import Final

import anyio
from anyio.abc import TaskGroup

from gomq.client.cluster.backoff import Backoff
from gomq.client.cluster.cluster import Cluster, Purpose
from gomq.client.cluster.connection import Connection
from gomq.client.cluster.metadata import TopicMetadata
from gomq.client.cluster.topic_errors import topic_error
from gomq.client.producing.accumulator import Accumulator
from gomq.client.producing.batch import OutgoingBatch
from gomq.client.producing.identity import MAX_EPOCH, Identity
from gomq.client.producing.lane import Lane
from gomq.client.producing.trouble import Trouble
from gomq.client.producing.verdict import CLUSTER_AUTHORIZATION_FAILED
from gomq.errors import GomqError, ProtocolError, UnknownTopicError, UnsupportedVersionError, error_for
from gomq.protocol.api import Api

_WITHOUT: Final = "Producer(..., idempotent=False) does without"
_UNKNOWN_TOPIC_PATIENCE: Final = 5.0
"""Seconds until a topic that a broker does not know any more is taken for deleted."""


class Errands:
    """Tasks that fetch what is missing, at most one for each thing.

    Args:
        cluster: the brokers.
        accumulator: who waits for them, and is told when they cannot be had.
        group: where the tasks run.
        trouble: is told what goes wrong.
        on_done: called when something was fetched.
        may_create: whether brokers may create topics that are not there.
    """

    def __init__(
        self,
        cluster: Cluster,
        accumulator: Accumulator,
        group: TaskGroup,
        *,
        trouble: Trouble,
        on_done: Callable[[], None],
        may_create: bool = True,
    ) -> None:
        self._cluster = cluster
        self._accumulator = accumulator
        self._group = group
        self._trouble = trouble
        self._on_done = on_done
        self._may_create = may_create
        self._under_way: set[tuple[str, int | str]] = set()
        self._backoffs: dict[int, Backoff] = {}
        self._identity: Identity | None = None

    def connection_for(self, lane: Lane[OutgoingBatch]) -> Connection | None:
        """Return the open connection to a partition's leader, or see to it that there will be one."""
        topic, partition = lane.target
        leader = self._cluster.leader(topic, partition)
        if leader is None:
            self.find_leaders(topic)
            return None
        connection = self._cluster.open_connection(leader)
        if connection is None:
            self._start_once(("node", leader), lambda: self._connect(leader, topic))
        return connection

    def is_numbered(self, lane: Lane[OutgoingBatch]) -> bool:
        """Whether a lane knows how to number its batches; else see to it that it will."""
        if not lane.needs_identity:
            return True
        if self._identity is None or self._identity.producer_id == lane.spent_id:
            self._start_once(("producer id", ""), self._find_identity)
            return False
        lane.begin(self._identity)
        return True

    def find_leaders(self, topic: str) -> None:
        """Ask who leads a topic's partitions."""
        self._start_once(("topic", topic), lambda: self._find_leaders(topic))

    def _start_once(self, key: tuple[str, int | str], work: Callable[[], Awaitable[None]]) -> None:
        if key not in self._under_way:
            self._under_way.add(key)
            self._group.start_soon(self._do_once, key, work)

    async def _do_once(self, key: tuple[str, int | str], work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        finally:
            self._under_way.discard(key)
        self._on_done()

    async def _connect(self, node: int, topic: str) -> None:
        try:
            await self._cluster.connect(node, Purpose.DATA)
        except GomqError as error:
            self._trouble.note(error)
            await anyio.sleep(self._backoffs.setdefault(node, self._cluster.new_backoff()).next())
            await self._find_leaders(topic)
        else:
            self._backoffs.pop(node, None)

    async def _find_leaders(self, topic: str) -> None:
        """Ask until all leaders are known, or nobody waits for the topic any more."""
        backoff = self._cluster.new_backoff()
        unknown_since: float | None = None
        while waiting := [lane for lane in self._accumulator.busy() if lane.target.topic == topic]:
            try:
                found = (await self._cluster.refresh([topic], may_create=self._may_create)).topics.get(topic)
                if found is not None and found.error_code:
                    raise topic_error(found)
                if found is not None and (gone := _without_partition(waiting, found)):
                    self._on_done()
                    waiting = gone
                    raise UnknownTopicError(f"{gone[0].target} is not there any more: the topic was made anew")
                unknown_since = None
            except GomqError as error:
                self._trouble.note(error)
                now = anyio.current_time()
                unknown_since = (unknown_since or now) if isinstance(error, UnknownTopicError) else None
                is_gone = unknown_since is not None and now >= unknown_since + _UNKNOWN_TOPIC_PATIENCE
                if not error.retriable or is_gone:
                    self._give_up(waiting, error)
            else:
                if all(self._cluster.leader(*lane.target) is not None for lane in waiting):
                    return
                self._on_done()
            await anyio.sleep(backoff.next())

    async def _find_identity(self) -> None:
        """Ask for a producer id until there is one, or nobody waits for it any more. Kafka: InitProducerId."""
        backoff = self._cluster.new_backoff()
        while waiting := [lane for lane in self._accumulator.busy() if lane.needs_identity]:
            try:
                self._identity = await self._new_identity()
            except GomqError as error:
                self._trouble.note(error)
                if not error.retriable:
                    self._give_up(waiting, error)
                await anyio.sleep(backoff.next())
            else:
                return

    async def _new_identity(self) -> Identity:
        values = {
            "transactional_id": None,
            "transaction_timeout": 0x7FFFFFFF,
            "producer_id": -1,
            "producer_epoch": -1,
        }
        try:
            answer = await self._cluster.ask(Api.INIT_PRODUCER_ID, values)
        except UnsupportedVersionError as error:
            raise UnsupportedVersionError(f"{error}: it is too old for idempotent producers; {_WITHOUT}") from error
        if answer.error_code:
            code = int(answer.error_code)
            hint = f"; grant IdempotentWrite, or {_WITHOUT}" if code == CLUSTER_AUTHORIZATION_FAILED else ""
            why = answer.error_code.name.replace("_", " ")
            raise error_for(code, f"no broker gives this producer an id: {why}{hint}")
        found = Identity(int(answer.producer_id), int(answer.producer_epoch))
        is_old = self._identity is not None and found.producer_id == self._identity.producer_id
        if is_old or found.producer_id < 0 or not 0 <= found.epoch <= MAX_EPOCH:
            raise ProtocolError(f"a broker gave producer id {found.producer_id} in epoch {found.epoch}")
        return found

    def _give_up(self, lanes: list[Lane[OutgoingBatch]], error: GomqError) -> None:
        for lane in lanes:
            for batch in lane.unfinished:
                if not batch.is_done and not batch.is_in_flight:
                    self._accumulator.give_up(batch, error, gave_up=False)


def _without_partition(lanes: list[Lane[OutgoingBatch]], topic: TopicMetadata) -> list[Lane[OutgoingBatch]]:
    """Pick the lanes of partitions that a topic does not have: those of one before it, which had more of them."""
    return [lane for lane in lanes if lane.target.partition >= len(topic.partitions)]
