"""What the broker does to its logs now and then, each in a worker thread.

    every checkpoint_interval       sync logs with their indexes, write down how far: the next start need not scan that
    every retention_check_interval  let go of expired segments, forget silent producers
    every compaction_interval       compact the log that needs it most; unlink the files of segments that are gone
    every offsets_retention_check_interval  forget expired offsets and empty groups; on the event loop, this one

What goes wrong with one log is logged and does not keep the others from their turn; a failed sync is told to the
broker, which takes no more messages.
"""

import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Final

import anyio
from anyio import CapacityLimiter, to_thread

from gomq.broker.config import BrokerConfig
from gomq.broker.groups.offsets import GroupOffsets
from gomq.broker.logs import get_logger
from gomq.broker.monitoring.counts import UpkeepCounts
from gomq.broker.topics import Topics
from gomq_storage.cleaner import Cleaner, Compacted
from gomq_storage.compaction import CompactionStoppedError
from gomq_storage.directory import LogDirectory
from gomq_storage.errors import LogOfflineError, StorageError
from gomq_storage.log import Log
from gomq_storage.upkeep import Failed, Removed, Upkeep

_log = get_logger("gomq.broker")
_MOST_COMPLAINTS: Final = 1000
_AT_ONCE: Final = 16
"""Logs that are looked at in one trip to a thread."""


class Housekeeping:
    """Keeps the logs in order until cancelled.

    Args:
        topics: whose logs.
        directory: where they are.
        config: how often, and how much.
        offsets: those of the groups.
    """

    def __init__(self, topics: Topics, directory: LogDirectory, config: BrokerConfig, offsets: GroupOffsets) -> None:
        self._topics = topics
        self._directory = directory
        self._config = config
        self._offsets = offsets
        self._upkeep = Upkeep(directory.checkpoints)
        self._cleaner = Cleaner(
            directory.checkpoints,
            self._upkeep,
            key_map_bytes=config.compaction_memory_bytes,
            max_bytes_per_second=config.compaction_max_bytes_per_second,
        )
        self._stopping = threading.Event()
        self._complained: set[str] = set()
        self._disk = CapacityLimiter(1)
        self._compacting = CapacityLimiter(1)
        self.counts: UpkeepCounts = UpkeepCounts()
        """What it has done so far."""

    def configure(self, config: BrokerConfig) -> None:
        """Go by other intervals, each once the present one is over, and compact at another pace from then on."""
        self._config = config
        self._cleaner.configure(
            key_map_bytes=config.compaction_memory_bytes,
            max_bytes_per_second=config.compaction_max_bytes_per_second,
        )

    async def run(self) -> None:
        """Do it all, again and again, until cancelled."""
        async with anyio.create_task_group() as group:
            group.start_soon(_every, lambda: self._config.checkpoint_interval, self.checkpoint)
            group.start_soon(_every, lambda: self._config.retention_check_interval, self.enforce_retention)
            group.start_soon(_every, lambda: self._config.compaction_interval, self.compact)
            group.start_soon(_every, lambda: self._config.offsets_retention_check_interval, self.expire_offsets)
            try:
                await anyio.sleep_forever()
            finally:
                self._stopping.set()  # a compaction looks at it all the time

    async def checkpoint(self) -> None:
        """Move the recovery points of all logs to where they are on the device, and write them down."""
        logs = self._topics.logs()
        for start in range(0, len(logs), _AT_ONCE):
            for error in await to_thread.run_sync(_checkpoint, logs[start : start + _AT_ONCE], limiter=self._disk):
                if isinstance(error.error, LogOfflineError):
                    self._topics.fail(error.error)
                self._complain("checkpoint", error)
        await self._attempt("checkpoint", self._directory.save_checkpoints)

    async def enforce_retention(self) -> None:
        """Let go of what has expired."""
        await self._attempt("retention", partial(self._enforce_retention, self._topics.logs()))

    async def expire_offsets(self) -> None:
        """Forget what groups committed too long ago, and groups of which nothing is left."""
        await self._offsets.expire(now_ms=_now_ms())

    async def compact(self) -> None:
        """Compact logs as long as there is one that needs it; then unlink what is due."""
        tried: set[Log] = set()
        while True:
            logs = [log for log in self._topics.logs() if log not in tried]
            log = await to_thread.run_sync(self._most_due, logs, limiter=self._compacting)
            if log is None:
                break
            tried.add(log)
            upto = self._topics.visible_upto(log)
            try:
                done = await to_thread.run_sync(self._compact, log, upto, limiter=self._compacting)
            except CompactionStoppedError:
                if self._stopping.is_set():
                    return
                continue  # the topic was deleted
            except (OSError, StorageError) as error:
                self._fail(log, error)
                self._complain("compaction", Failed(log.directory, error))
                continue
            if done is not None:
                self.counts.compactions += 1
                self.counts.bytes_compacted += done.bytes_before - done.bytes_after
                _log.info(
                    "partition.compacted",
                    partition=done.directory.name,
                    upto=done.upto,
                    segments=f"{done.segments_before}->{done.segments_after}",
                    bytes=f"{done.bytes_before}->{done.bytes_after}",
                )
        for failed in await to_thread.run_sync(self._upkeep.remove_due, limiter=self._disk):
            self._complain("removal", failed)

    def _most_due(self, logs: list[Log]) -> Log | None:
        try:
            return self._cleaner.most_due([log for log in logs if not log.is_closed], now_ms=_now_ms())
        except (OSError, StorageError):
            return None  # a log is just being deleted

    def _compact(self, log: Log, upto: int) -> Compacted | None:
        return self._cleaner.compact(log, now_ms=_now_ms(), upto=upto, should_stop=self._stopping.is_set)

    def _enforce_retention(self, logs: list[Log]) -> None:
        now_ms = _now_ms()
        for result in self._upkeep.enforce_retention(logs, now_ms=now_ms):
            if isinstance(result, Removed):
                self.counts.segments_removed += result.segments
                self.counts.bytes_removed += result.bytes
                _log.info(
                    "partition.segments_removed",
                    partition=result.directory.name,
                    segments=result.segments,
                    bytes=result.bytes,
                    log_start=result.log_start,
                )
            else:
                self._complain("retention", result)
        for log in logs:
            log.expire_producers(now_ms=now_ms, expiration_ms=self._config.producer_id_expiration_ms)

    async def _attempt(self, what: str, action: Callable[[], None]) -> None:
        try:
            await to_thread.run_sync(action, limiter=self._disk)
        except (OSError, StorageError) as error:
            self._complain(what, Failed(self._directory.path, error))

    def _fail(self, log: Log, error: Exception) -> None:
        """Let the broker take no more messages if it was a sync that failed, and not that the log was closed."""
        if isinstance(error, LogOfflineError) and not log.is_closed:
            self._topics.fail(error)

    def _complain(self, what: str, failed: Failed) -> None:
        """Log a failure, once for each log and reason: the work is tried again and again."""
        self.counts.failures += 1
        text = f"{what} {failed.directory} {failed.error}"
        if text not in self._complained and len(self._complained) < _MOST_COMPLAINTS:
            self._complained.add(text)
            _log.error("housekeeping.failed", what=what, directory=str(failed.directory), error=str(failed.error))


async def _every(seconds: Callable[[], float], action: Callable[[], Awaitable[None]]) -> None:
    while True:
        await anyio.sleep(seconds())
        try:
            await action()
        except Exception:  # noqa: BLE001 - a fault of ours must not keep the broker from serving
            _log.exception("housekeeping.fault", action=action.__name__)


def _checkpoint(logs: Sequence[Log]) -> list[Failed]:
    failed = []
    for log in logs:
        try:
            if not log.is_closed:
                log.checkpoint()
        except (OSError, StorageError) as error:
            if not log.is_closed:
                failed.append(Failed(log.directory, error))
    return failed


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
