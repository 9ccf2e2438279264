"""Writes batches to partitions as they are, in their order, each once. What the producer's engine does otherwise.

A batch that was sent by a mirror which was killed may still be under way: the broker may store it after the next
mirror has looked where the log ends. So the next one goes on under the same producer id and with the next sequence
number, which brokers tell (DescribeProducers, KIP-664): of two batches with one number a broker stores one (KIP-98).
The first message then goes alone, as a ``_Probe``: if its number is refused, the log's end is not what it was.
"""

from collections.abc import Iterable
from typing import Final, NamedTuple

import anyio
from anyio.abc import TaskGroup

from gomq.client.cluster.cluster import Cluster
from gomq.client.mirroring.carrying import Carried
from gomq.client.producing.accumulator import Accumulator
from gomq.client.producing.batch import OutgoingBatch
from gomq.client.producing.identity import NO_SEQUENCE, Identity, sequence_behind
from gomq.client.producing.sender import Sender
from gomq.client.producing.settings import ProducerSettings
from gomq.net.scope import Scope
from gomq_storage.batch import HEADER_SIZE
from gomq_storage.layout import TopicPartition

_BUFFER_BYTES: Final = 16 << 20


class LastWriter(NamedTuple):
    """Who wrote to a partition, if it was only one, and up to which number."""

    identity: Identity
    last_sequence: int


class _Probe(OutgoingBatch):
    """A batch that is never sent again under other numbers: they say that nothing was stored since the last look."""

    __slots__ = ()

    def number(self, identity: Identity, sequence: int) -> None:
        """Take numbers; from now on it may be stored, as far as anybody knows."""
        super().number(identity, sequence)
        self.may_be_stored = sequence != NO_SEQUENCE


class Target(Scope):
    """The partitions of a cluster that are written to.

    Args:
        address: the cluster.
        topics: what is written to; they must exist, and are not created again where they are deleted.
        settings: how to reach it, and for how long a batch is tried.
    """

    def __init__(self, address: str, topics: Iterable[str], settings: ProducerSettings) -> None:
        super().__init__()
        self._address = address
        self._topics = set(topics)
        self._settings = settings
        self._accumulator = Accumulator(
            max_batch_bytes=settings.max_batch_bytes, buffer_bytes=_BUFFER_BYTES, is_idempotent=True
        )
        self._cluster: Cluster | None = None
        self._sender: Sender | None = None

    async def _open(self, group: TaskGroup) -> None:
        self._cluster = cluster = Cluster(self._address, self._settings.connection, group, owner="mirror")
        await cluster.refresh(self._topics)
        self._sender = Sender(cluster, self._settings, self._accumulator, group, may_create=False)
        group.start_soon(self._sender.run)
        group.start_soon(cluster.keep_fresh, lambda: self._topics)

    def _close(self) -> None:
        self._accumulator.close()
        if self._cluster is not None:
            self._cluster.close()

    def continue_as(self, target: TopicPartition, writer: LastWriter) -> None:
        """Number what is written to a partition as the next of another producer's batches."""
        lane = self._accumulator.lane(target)
        lane.begin(writer.identity)
        lane.next_sequence = sequence_behind(writer.last_sequence, 1)

    @property
    def has_room(self) -> bool:
        """Whether more should be sent; ``wait_for_change`` otherwise."""
        return self._accumulator.has_room

    async def wait_for_change(self) -> None:
        """Wait until a batch is stored, or is given up."""
        await self._accumulator.wait_for_change()

    def send(self, target: TopicPartition, carried: Carried, *, is_probe: bool = False) -> OutgoingBatch:
        """Have a batch stored behind all that were sent to its partition before; its event tells when it is.

        Args:
            target: the partition.
            carried: what is in it.
            is_probe: whether it must not be sent under any other number than its first.
        """
        assert self._sender is not None  # it is open
        now = anyio.current_time()
        kind = _Probe if is_probe else OutgoingBatch
        batch = kind(target, now=now, deadline=now + self._settings.delivery_timeout, owner=self)
        batch.body, batch.codec, batch.timestamps = carried.body, carried.codec, carried.timestamps
        batch.count, batch.size = carried.message_count, HEADER_SIZE + len(carried.body)
        self._accumulator.add_batch(batch)
        self._sender.kick(target)
        return batch
