"""Group commit: one trip to a worker thread syncs everything that was appended before it started.

Under ``always`` a partition's high watermark follows its syncs, so no consumer sees what a power cut can take back.
Under ``interval`` and ``never`` it follows the appends. A sync that failed is never tried again (the kernel may have
dropped the pages and would report success): the broker takes no more messages until it is restarted.
"""

from collections.abc import Callable
from time import perf_counter

import anyio
from anyio import CapacityLimiter, to_thread

from gomq.broker.config import BrokerConfig, FlushMode
from gomq.broker.monitoring.counts import FlushCounts
from gomq.broker.partition import Partition
from gomq_storage.errors import LogOfflineError
from gomq_storage.log import Log
from gomq_storage.log_values import LogPosition


class Flusher:
    """Syncs what partitions have appended, in the background.

    Args:
        mode: when to.
        interval: seconds between syncs under ``interval``.
        on_failure: told, on the event loop, that the device failed.
    """

    def __init__(self, mode: FlushMode, *, interval: float, on_failure: Callable[[LogOfflineError], None]) -> None:
        self._mode = mode
        self._interval = interval
        self._on_failure = on_failure
        self._dirty: set[Partition] = set()
        self._work = anyio.Event()
        self._disk = CapacityLimiter(1)
        self._batches = 0
        self.counts: FlushCounts = FlushCounts()
        """What it has done so far."""

    def configure(self, config: BrokerConfig) -> None:
        """Go by another interval from the next sync on."""
        self._interval = config.flush_interval

    def appended(self, partition: Partition) -> None:
        """Take note of an append: show it, or see that it is synced and shown then."""
        self._batches += 1
        if self._mode is not FlushMode.ALWAYS:
            partition.show(partition.log.end)
        if self._mode is not FlushMode.NEVER or partition.log.should_sync_before_rolling:
            self._dirty.add(partition)
            self._work.set()

    async def run(self) -> None:
        """Sync until cancelled."""
        while True:
            await self._work.wait()
            if self._mode is FlushMode.INTERVAL:
                await anyio.sleep(self._interval)
            self._work = anyio.Event()
            dirty, self._dirty = self._dirty, set()
            await self._flush(dirty)

    async def _flush(self, dirty: set[Partition]) -> None:
        logs = {partition: partition.log for partition in dirty if partition.problem is None}
        batches, self._batches = self._batches, 0
        results, seconds = await to_thread.run_sync(_flush_all, logs, limiter=self._disk)
        self.counts.note(batches, seconds)
        for partition, result in results.items():
            if isinstance(result, LogPosition):
                partition.show(result)
            elif partition.problem is None:  # otherwise it was closed meanwhile
                self._on_failure(result)


def _flush_all(logs: dict[Partition, Log]) -> tuple[dict[Partition, LogPosition | LogOfflineError], list[float]]:
    """Sync each log; what became of it, and how many seconds each took."""
    results: dict[Partition, LogPosition | LogOfflineError] = {}
    seconds: list[float] = []
    for partition, log in logs.items():
        started = perf_counter()
        try:
            results[partition] = log.flush()
        except LogOfflineError as error:
            results[partition] = error
        seconds.append(perf_counter() - started)
    return results, seconds
