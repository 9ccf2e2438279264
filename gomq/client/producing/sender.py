"""Sends what the accumulator holds: batches to the leaders of their partitions, again where that may help.

``kick`` sends whatever can be sent at once, without waiting: a publisher calls it, and so does every answer. Only what
has to be waited for - a connection, a leader, a producer id, a pause, linger - is the business of tasks.
"""

from collections.abc import Iterable
from math import inf

import anyio
from anyio.abc import TaskGroup

from gomq.client.cluster.cluster import Cluster
from gomq.client.cluster.connection import Connection
from gomq.client.producing.accumulator import Accumulator
from gomq.client.producing.dispatch import BatchLane, Dispatch
from gomq.client.producing.errands import Errands
from gomq.client.producing.settings import ProducerSettings
from gomq.client.producing.trouble import Trouble
from gomq.net.own_time import let_others_read
from gomq_storage.layout import TopicPartition


class Sender:
    """The producer's engine.

    Args:
        cluster: the brokers.
        settings: batching and delivery.
        accumulator: what to send.
        group: where connections and leaders are waited for.
        may_create: whether brokers may create topics that are not there.
    """

    def __init__(
        self,
        cluster: Cluster,
        settings: ProducerSettings,
        accumulator: Accumulator,
        group: TaskGroup,
        *,
        may_create: bool = True,
    ) -> None:
        self._settings = settings
        self._accumulator = accumulator
        self._trouble = Trouble()
        self._errands = Errands(
            cluster, accumulator, group, trouble=self._trouble, on_done=self.kick, may_create=may_create
        )
        self._dispatch = Dispatch(
            cluster=cluster,
            settings=settings,
            accumulator=accumulator,
            trouble=self._trouble,
            on_answer=self.kick,
            on_refusal=self._errands.find_leaders,
        )
        self._flushing = 0
        self._changed = anyio.Event()
        self._asleep_until = -inf

    async def run(self) -> None:
        """Send in time what is not sent at once, and give up what takes too long."""
        while True:
            next_deadline = await self._expire()
            self._changed = anyio.Event()
            self._asleep_until = min(next_deadline, self._send_due(self._accumulator.busy()))
            with anyio.CancelScope(deadline=self._asleep_until):
                await self._changed.wait()

    def kick(self, target: TopicPartition | None = None) -> None:
        """Send what can be sent now, to one partition or to all."""
        lanes = self._accumulator.busy() if target is None else (self._accumulator.lane(target),)
        if self._send_due(lanes) < self._asleep_until:
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

    def _send_due(self, lanes: Iterable[BatchLane]) -> float:
        """Send each batch that is due to a leader with an open connection; return when to look again."""
        now = anyio.current_time()
        linger = 0.0 if self._flushing else self._settings.linger
        look_again = inf
        for_connection: dict[Connection, list[BatchLane]] = {}
        for lane in lanes:
            due = lane.due_at(linger=linger)
            if due == inf:
                continue
            first = lane.travelling[0] if lane.travelling else lane.waiting[0]
            look_again = min(look_again, first.deadline)
            if due > now:
                look_again = min(look_again, due)
            elif (connection := self._errands.connection_for(lane)) is not None and self._errands.is_numbered(lane):
                for_connection.setdefault(connection, []).append(lane)
        for connection, due_lanes in for_connection.items():
            self._send_over(connection, due_lanes, now=now, linger=linger)
        return look_again

    def _send_over(self, connection: Connection, lanes: list[BatchLane], *, now: float, linger: float) -> None:
        """Send one batch of each partition in a request, and as many requests as are taken."""
        while lanes and self._dispatch.has_room(connection):
            self._dispatch.send(connection, lanes)
            lanes = [lane for lane in lanes if lane.due_at(linger=linger) <= now and not lane.needs_identity]

    async def _expire(self) -> float:
        """Give up the batches that are overdue, and return when the next one will be."""
        next_deadline = self._next_deadline()
        if next_deadline > anyio.current_time():
            return next_deadline
        await let_others_read()  # their answers may be here
        now = anyio.current_time()
        for batch in self._accumulator.unfinished():
            if batch.deadline <= now and not batch.is_done:
                self._accumulator.give_up(batch, self._trouble.cause_of_delay(batch), gave_up=True)
        return self._next_deadline()

    def _next_deadline(self) -> float:
        return min((batch.deadline for batch in self._accumulator.unfinished()), default=inf)
