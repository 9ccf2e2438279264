"""How far each group got: in memory what is durable, and on its way there what is not.

Offsets are changed by records of ``__consumer_offsets``; memory follows once these count (``group_log.py``). Kafka:
``OffsetMetadataManager``.
"""

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from itertools import chain
from types import MappingProxyType
from typing import Final

import anyio

from gomq.broker.configs.running_config import RunningConfig
from gomq.broker.groups.commits import lay_out_commit
from gomq.broker.groups.coordinator import GroupCoordinator
from gomq.broker.groups.expiry import expired
from gomq.broker.groups.group_log import GroupLog, GroupLogError, Write
from gomq.broker.groups.records import OffsetCommitKey, OffsetCommitValue, encode_key
from gomq.broker.logs import get_logger
from gomq_storage.layout import TopicPartition

_log = get_logger("gomq.broker")
_NONE: Final[Mapping[TopicPartition, OffsetCommitValue]] = MappingProxyType({})
_BATCH_BYTES: Final = 256 << 10
"""Of keys that are taken back with one batch."""
_AT_ONCE: Final = 100
"""Groups that are looked at before others have their turn."""


class GroupOffsets:
    """The offsets that groups have committed.

    Args:
        group_log: where they are written down.
        groups: who is in the groups.
        running: for how long offsets are kept.
    """

    def __init__(self, group_log: GroupLog, groups: GroupCoordinator, running: RunningConfig) -> None:
        self._group_log = group_log
        self._groups = groups
        self._running = running
        self._committed: dict[str, dict[TopicPartition, OffsetCommitValue]] = {}
        self._coming: dict[str, deque[Iterable[TopicPartition]]] = {}
        """What is in commits that do not count yet, in their order."""

    def load(self, group_id: str, offsets: Mapping[TopicPartition, OffsetCommitValue]) -> None:
        """Take over what the log says of a group."""
        self._committed[group_id] = dict(offsets)
        self._groups.note_offsets(group_id)

    def group_ids(self) -> Iterable[str]:
        """List the groups that have offsets."""
        return list(self._committed)

    def has_offsets(self, group_id: str) -> bool:
        """Say whether a group has offsets, or will have once a commit counts that is on its way."""
        return group_id in self._committed or group_id in self._coming

    def committed(self, group_id: str) -> Mapping[TopicPartition, OffsetCommitValue]:
        """Say how far a group got, as far as that is durable."""
        self._group_log.settle(group_id)
        return self._committed.get(group_id, _NONE)

    async def stable(self, group_id: str) -> Mapping[TopicPartition, OffsetCommitValue]:
        """Say the same once everything counts that is on its way now; errors are those of ``GroupLog.wait``."""
        await self._group_log.catch_up(group_id)
        return self.committed(group_id)

    def commit(
        self, group_id: str, offsets: Mapping[TopicPartition, OffsetCommitValue], *, batch: bytes | None = None
    ) -> Write:
        """Write down how far a group got; errors are those of ``GroupLog.append``.

        Args:
            group_id: which group.
            offsets: one at least.
            batch: what ``lay_out_commit`` made of them, where it has.
        """
        if batch is None:
            batch = lay_out_commit(group_id, offsets, now_ms=time.time_ns() // 1_000_000)
        self._coming.setdefault(group_id, deque()).append(offsets)
        try:
            return self._group_log.append_batch(group_id, batch, then=partial(self._keep, group_id, offsets))
        except GroupLogError:
            self._take_coming(group_id, deque.pop)
            raise

    def delete(self, group_id: str, partitions: Iterable[TopicPartition]) -> Write | None:
        """Forget how far a group got in some partitions; None where nothing is known of them."""
        known = self._known(group_id)
        doomed = [where for where in dict.fromkeys(partitions) if where in known]
        return self._forget(group_id, doomed) if doomed else None

    async def forget_group(self, group_id: str) -> None:
        """Forget a group without members, and all its offsets; errors are those of ``GroupLog``."""
        if known := self._known(group_id):
            self._forget(group_id, known)
        then = partial(self._groups.forget, group_id)  # in the log's order: a commit behind it makes the group anew
        await self._group_log.wait(self._group_log.append_group(group_id, None, then=then))

    async def forget_topic(self, topic: str) -> None:
        """Forget how far all groups got in a topic that is gone. Kafka: ``onPartitionsDeleted``.

        That it could not be written down is logged: the topic is gone all the same.
        """
        writes: list[Write] = []
        with _logged("groups.offsets_kept", topic=topic):
            for group_id in {*self._committed, *self._coming}:  # all before the first wait: the topic may come back
                doomed = [where for where in self._known(group_id) if where.topic == topic]
                if doomed and not self._group_log.refusal(group_id):
                    writes.append(self._forget(group_id, doomed))
            await self._wait_for(writes)

    async def expire(self, *, now_ms: int) -> None:
        """Forget offsets that are too old, then groups that have neither members nor offsets.

        Kafka: ``GroupCoordinatorShard.cleanupGroupMetadata``.
        """
        with _logged("groups.expiry_failed"):
            await self._expire_offsets(now_ms)
            for number, group_id in enumerate(self._groups.group_ids()):
                if not self.has_offsets(group_id) and not self._group_log.refusal(group_id):
                    await self._groups.forget_if_empty(group_id)
                if number % _AT_ONCE == 0:
                    await anyio.lowlevel.checkpoint()

    async def _expire_offsets(self, now_ms: int) -> None:
        writes: list[Write] = []
        count = 0
        for number, group_id in enumerate(self.group_ids()):
            if doomed := self._expired(group_id, now_ms):
                writes.append(self._forget(group_id, doomed))
                count += len(doomed)
            if number % _AT_ONCE == 0:
                await anyio.lowlevel.checkpoint()
        await self._wait_for(writes)
        if count:
            _log.info("groups.offsets_expired", groups=len(writes), offsets=count)

    def _expired(self, group_id: str, now_ms: int) -> list[TopicPartition]:
        groups = self._groups
        protocol_type = groups.protocol_type(group_id)
        is_idle_or_stable = not groups.is_active(group_id) or (
            groups.is_stable(group_id) and protocol_type == "consumer"
        )
        if not is_idle_or_stable or group_id in self._coming or self._group_log.refusal(group_id):
            return []
        return expired(
            self.committed(group_id),
            now_ms=now_ms,
            retention_ms=self._running.current.offsets_retention_ms,
            empty_since_ms=groups.empty_since_ms(group_id) if protocol_type else None,
            is_subscribed=partial(groups.is_subscribed, group_id),
        )

    async def _wait_for(self, writes: Iterable[Write]) -> None:
        for write in writes:
            await self._group_log.wait(write)

    def _known(self, group_id: str) -> set[TopicPartition]:
        """What a group has committed, durable or not."""
        return {*self.committed(group_id), *chain.from_iterable(self._coming.get(group_id, ()))}

    def _forget(self, group_id: str, partitions: Iterable[TopicPartition]) -> Write:
        """Append the records that take offsets back, in as many batches as it takes; return the last."""
        write: Write | None = None
        for batch in _batches(group_id, partitions):
            then = partial(self._drop, group_id, list(batch.values()))
            write = self._group_log.append(group_id, [(key, None) for key in batch], then=then)
        assert write is not None
        return write

    def _keep(self, group_id: str, offsets: Mapping[TopicPartition, OffsetCommitValue]) -> None:
        self._take_coming(group_id, deque.popleft)  # all of a group count in the order in which they were appended
        self._committed.setdefault(group_id, {}).update(offsets)
        self._groups.note_offsets(group_id)

    def _take_coming(self, group_id: str, take: Callable[[deque[Iterable[TopicPartition]]], object]) -> None:
        take(self._coming[group_id])
        if not self._coming[group_id]:
            del self._coming[group_id]

    def _drop(self, group_id: str, partitions: Iterable[TopicPartition]) -> None:
        committed = self._committed.get(group_id, {})
        for where in partitions:
            committed.pop(where, None)
        if not committed:
            self._committed.pop(group_id, None)


@contextmanager
def _logged(event: str, **fields: str) -> Iterator[None]:
    """Log what could not be written down instead of raising it."""
    try:
        yield
    except GroupLogError as error:
        _log.error(event, error=str(error), **fields)


def _batches(group_id: str, partitions: Iterable[TopicPartition]) -> Iterator[dict[bytes, TopicPartition]]:
    """Lay out keys, as many together as one batch has room for."""
    batch: dict[bytes, TopicPartition] = {}
    size = 0
    for where in partitions:
        key = _key(group_id, where)
        size += len(key)
        if batch and size > _BATCH_BYTES:
            yield batch
            batch, size = {}, len(key)
        batch[key] = where
    yield batch


def _key(group_id: str, where: TopicPartition) -> bytes:
    return encode_key(OffsetCommitKey(group=group_id, topic=where.topic, partition=where.partition))
