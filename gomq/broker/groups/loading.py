"""The groups brought back at a start: each partition of ``__consumer_offsets`` read in a worker thread.

The broker begins to serve before a long one is read: its groups are told to come again meanwhile. One that is damaged
is not served, and all others are. Kafka: ``CoordinatorLoaderImpl``.
"""

import threading
from typing import Final

import anyio
from anyio import to_thread

from gomq.broker.groups.coordinator import GroupCoordinator
from gomq.broker.groups.group_log import GroupLog
from gomq.broker.groups.offsets import GroupOffsets
from gomq.broker.groups.replay import Replayed, replay_groups
from gomq.broker.logs import get_logger
from gomq.broker.partition import Partition
from gomq_storage.errors import StorageError

_log = get_logger("gomq.broker")
PATIENCE_SECONDS: Final = 1.0
"""For how long a start waits for the groups: mostly they are there then, and no client is sent away."""
_AT_ONCE: Final = 1000
"""Groups that are taken over before others have their turn."""


class Loading:
    """Reads what the groups of a broker were.

    Args:
        group_log: where that is.
        groups: told who was in each.
        offsets: told how far each got.
    """

    def __init__(self, group_log: GroupLog, groups: GroupCoordinator, offsets: GroupOffsets) -> None:
        self._group_log = group_log
        self._groups = groups
        self._offsets = offsets
        self._is_over = anyio.Event()
        self._stopping = threading.Event()

    async def wait(self) -> None:
        """Return once all is read, or it takes too long to wait for."""
        with anyio.move_on_after(PATIENCE_SECONDS):
            await self._is_over.wait()

    async def run(self) -> None:
        """Read all partitions, one after the other."""
        try:
            for partition in self._group_log.partitions():
                if not partition.is_offline:
                    await self._load(partition)
        finally:
            self._stopping.set()  # a thread that is still at it notices
            self._is_over.set()

    async def _load(self, partition: Partition) -> None:
        name = str(partition.name)
        try:
            found = await to_thread.run_sync(self._read, partition, abandon_on_cancel=True)
            await self._take_over(found)
        except (OSError, StorageError) as error:
            self._group_log.unreadable(partition)
            _log.error("groups.unreadable", partition=name, error=str(error), consequence="its groups are not served")
            return
        except Exception:  # noqa: BLE001 - a fault of ours must not keep the broker from serving all else
            self._group_log.unreadable(partition)
            _log.exception("groups.unreadable", partition=name, consequence="its groups are not served")
            return
        self._group_log.opened(partition)
        if found.unreadable:
            _log.warning("groups.records_unreadable", partition=name, records=found.unreadable)
        if found.groups or found.offsets:
            _log.info("groups.loaded", partition=name, groups=len({*found.groups, *found.offsets}))

    def _read(self, partition: Partition) -> Replayed:
        return replay_groups(partition.log, should_stop=self._stopping.is_set)

    async def _take_over(self, found: Replayed) -> None:
        for number, group_id in enumerate({**found.groups, **found.offsets}):
            if group_id in found.groups:
                self._groups.load(group_id, found.groups[group_id])
            if group_id in found.offsets:
                self._offsets.load(group_id, found.offsets[group_id])
            if number % _AT_ONCE == _AT_ONCE - 1:
                await anyio.lowlevel.checkpoint()
