"""The async face of one partition's log: what consumers may see, and who waits for more.

Everything here runs on the event loop and returns at once, but what is asynchronous.
"""

from collections.abc import Callable, Collection, Iterable
from pathlib import Path

import anyio
from anyio import to_thread
from kio.schema.errors import ErrorCode

from gomq.broker.logs import get_logger
from gomq_storage.batch import NO_LEADER_EPOCH, NO_TIMESTAMP, BatchHeader, Buffer
from gomq_storage.errors import LogOfflineError, OffsetOutOfRangeError, StorageError
from gomq_storage.layout import TopicPartition
from gomq_storage.log import Log
from gomq_storage.log_values import AppendResult, LogPosition
from gomq_storage.transactions import Transactions

_log = get_logger("gomq.broker")


class Partition:
    """One partition: its log, its high watermark, the events of those who wait for it to rise.

    Args:
        name: which partition.
        log: its log, all of it synced; None when it cannot be used.
        leader_epoch: what is stamped into batches; it rises with every start after an unclean stop.
        problem: why it cannot be used.
    """

    def __init__(
        self, name: TopicPartition, log: Log | None, *, leader_epoch: int = 0, problem: str | None = None
    ) -> None:
        self.name = name
        self.leader_epoch = leader_epoch
        self.problem = problem
        """Why the partition takes no messages, or None while it does."""
        self.is_deleted: bool = False
        """Whether its topic is gone: whoever still holds the partition answers as if it had never been."""
        self._log = log
        self._transactions = Transactions(log) if log is not None else None
        self._is_refused = False
        self._is_unreadable = False
        self._visible = log.end if log is not None else LogPosition(0, 0, 0)
        self.first_end: int = self._visible.offset
        """Where the log ended when it was opened: what is behind that came in since."""
        self.bytes_in: int = 0
        """Bytes of batches appended since then."""
        self.bytes_out = 0
        """Bytes sent to consumers since then."""
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
    def transactions(self) -> Transactions:
        """What of the log was committed, and what was aborted.

        Raises:
            LogOfflineError: the partition has no log that can be used.
        """
        if self._transactions is None or self._log is None:
            raise LogOfflineError(Path(str(self.name)), self.problem or "closed")
        return self._transactions

    @property
    def high_watermark(self) -> int:
        """The first offset that consumers may not see yet."""
        return self._visible.offset

    @property
    def visible(self) -> LogPosition:
        """The place of the high watermark."""
        return self._visible

    def epoch_problem(self, epoch: int) -> ErrorCode:
        """Say what is wrong with the leader epoch that a client believes in; -1 asks for no check (KIP-320)."""
        if epoch in {NO_LEADER_EPOCH, self.leader_epoch}:
            return ErrorCode.none
        return ErrorCode.fenced_leader_epoch if epoch < self.leader_epoch else ErrorCode.unknown_leader_epoch

    def append(self, batch: Buffer, header: BatchHeader) -> AppendResult:
        """Append a checked batch to the page cache; it is not visible yet. Errors are those of the log."""
        if self.problem is not None:
            raise LogOfflineError(Path(str(self.name)), self.problem)
        try:
            result = self.log.append_checked(batch, header, leader_epoch=self.leader_epoch)
        except OSError as error:
            if not self._is_refused:  # a full disk is told once, not for each message that finds it full
                _log.error("partition.write_failed", partition=str(self.name), error=str(error))
            self._is_refused = True
            raise
        if not result.is_duplicate:
            self.bytes_in += len(batch)
        if self._is_refused:
            _log.info("partition.writes_again", partition=str(self.name))
            self._is_refused = False
        return result

    def timestamp_of_duplicate(self, header: BatchHeader) -> int:
        """Say which largest timestamp a batch has that was there already; -1 where it is forgotten by now."""
        earlier = self.log.producers.check(header)
        return NO_TIMESTAMP if earlier is None else earlier.timestamp

    async def delete_records(self, offset: int) -> int:
        """Let go of the records before an offset, for good, and return the log's start.

        Raises:
            OffsetOutOfRangeError: the offset is behind what consumers may see.
            StorageError: the log cannot be used, or it could not be written down.
        """
        log = self.log
        if offset > self.high_watermark:
            raise OffsetOutOfRangeError(offset, log_start=log.log_start, log_end=self.high_watermark)
        try:
            with anyio.CancelScope(shield=True):
                log_start = await to_thread.run_sync(log.delete_records, offset)
        except OSError as error:
            raise StorageError(f"the start of {self.name} cannot be written down: {error.strerror}") from error
        self._wake()  # those who wait for what is gone now
        return log_start

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
    """Wait until a condition holds, as ``until`` does, but not for longer than some seconds.

    Returns:
        whether it holds; False when the time is up.
    """
    with anyio.move_on_after(seconds):
        await until(ready, tuple(partitions))
        return True
    return ready()


async def until(ready: Callable[[], bool], partitions: Collection[Partition]) -> None:
    """Wait until a condition holds, looking again whenever one of the partitions changes."""
    while not ready():
        event = anyio.Event()
        for partition in partitions:
            partition.waiters.add(event)
        try:
            await event.wait()
        finally:
            for partition in partitions:
                partition.waiters.discard(event)
