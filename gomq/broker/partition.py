"""The async face of one partition's log: what consumers may see, and who waits for more.

Everything here runs on the event loop and returns at once.
"""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

import anyio

from gomq.broker.logs import get_logger
from gomq_storage.batch import BatchHeader, Buffer
from gomq_storage.errors import LogOfflineError
from gomq_storage.layout import TopicPartition
from gomq_storage.log import AppendResult, Log, LogPosition, LogSlice

_log = get_logger("gomq.broker")

LEADER_EPOCH: Final = 0
"""The only epoch there is as long as nothing raises it."""


class Partition:
    """One partition: its log, its high watermark, the events of those who wait for it to rise.

    Args:
        name: which partition.
        log: its log, all of it synced; None when it cannot be used.
        problem: why not.
    """

    def __init__(self, name: TopicPartition, log: Log | None, *, problem: str | None = None) -> None:
        self.name = name
        self.problem = problem
        """Why the partition takes no messages, or None while it does."""
        self.is_deleted = False
        """Whether its topic is gone: whoever still holds the partition answers as if it had never been."""
        self._log = log
        self._is_refused = False
        self._is_unreadable = False
        self._visible = log.end if log is not None else LogPosition(0, 0, 0)
        self.waiters: set[anyio.Event] = set()
        """Set and forgotten at the next change; ``wait_until`` fills it."""

    @property
    def log(self) -> Log:
        """The log.

        Raises:
            LogOfflineError: the partition has none that can be used.
        """
        if self._log is None:
            raise LogOfflineError(Path(str(self.name)), self.problem or "closed")
        return self._log

    @property
    def is_offline(self) -> bool:
        """Whether there is no log to read from."""
        return self._log is None

    @property
    def high_watermark(self) -> int:
        """The first offset that consumers may not see yet."""
        return self._visible.offset

    def append(self, batch: Buffer, header: BatchHeader) -> AppendResult:
        """Append a checked batch to the page cache; it is not visible yet. Errors are those of the log."""
        if self.problem is not None:
            raise LogOfflineError(Path(str(self.name)), self.problem)
        try:
            result = self.log.append_checked(batch, header, leader_epoch=LEADER_EPOCH)
        except OSError as error:
            if not self._is_refused:  # a full disk is told once, not for each message that finds it full
                _log.error("partition.write_failed", partition=str(self.name), error=str(error))
            self._is_refused = True
            raise
        if self._is_refused:
            _log.info("partition.writes_again", partition=str(self.name))
            self._is_refused = False
        return result

    def read(self, offset: int, *, max_bytes: int, at_least_one_batch: bool) -> LogSlice | None:
        """Find visible bytes from an offset on, as ``Log.read`` does."""
        return self.log.read(offset, max_bytes=max_bytes, upto=self._visible, at_least_one_batch=at_least_one_batch)

    def report_unreadable(self, error: Exception) -> None:
        """Log that reading failed; the first time only, as consumers ask again and again."""
        if not self._is_unreadable and self.problem is None:
            _log.error("partition.read_failed", partition=str(self.name), error=str(error))
            self._is_unreadable = True

    def show(self, upto: LogPosition) -> None:
        """Let consumers see everything before a place, and wake those who wait."""
        if upto.offset > self._visible.offset:
            self._visible = upto
            self._wake()

    def fail(self, reason: str) -> None:
        """Take no more messages, and wake those who wait so that they see it."""
        self.problem = self.problem or reason
        self._wake()

    def delete(self) -> Log | None:
        """Give up the log because the topic is gone."""
        self.is_deleted = True
        return self.take_log()

    def take_log(self) -> Log | None:
        """Give up the log, so that the caller can close it."""
        log, self._log = self._log, None
        self.fail("closed")
        return log

    def _wake(self) -> None:
        waiters, self.waiters = self.waiters, set()
        for event in waiters:
            event.set()


async def wait_until(ready: Callable[[], bool], partitions: Iterable[Partition], *, seconds: float) -> bool:
    """Wait until a condition holds, looking again whenever one of the partitions changes.

    Returns:
        whether it holds; False when the time is up.
    """
    partitions = tuple(partitions)
    with anyio.move_on_after(seconds):
        while not ready():
            event = anyio.Event()
            for partition in partitions:
                partition.waiters.add(event)
            try:
                await event.wait()
            finally:
                for partition in partitions:
                    partition.waiters.discard(event)
        return True
    return ready()
