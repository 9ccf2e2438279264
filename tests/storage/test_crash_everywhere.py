"""Every operation of a log and of its directory, interrupted after each file call, and with each call failing once.

Whatever is left is opened, holds what was promised and nothing that was never appended, and needs no repair again.
"""

import errno
import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

from gomq_storage.checkpoint import Checkpoints
from gomq_storage.config import LogConfig
from gomq_storage.directory import LogDirectory
from gomq_storage.errors import StorageError
from gomq_storage.identity import DirectoryIdentity
from gomq_storage.layout import TopicPartition
from gomq_storage.log import Log
from gomq_storage.recovery import RecoveryReport
from gomq_storage.upkeep import Failed, Upkeep
from tests.support.log_batches import numbered, records_in, values_of
from tests.support.memory_files import MemoryFiles

SIZE = len(numbered(1))
CONFIG = LogConfig(segment_bytes=4 * SIZE, index_interval_bytes=SIZE, retention_bytes=5 * SIZE)
ORDERS, BILLS = TopicPartition("orders", 0), TopicPartition("bills", 3)
TOPIC_ID = uuid.UUID(int=7)
COUNT = 11
"""Batches of three records, in segments of four, four and three; all but the last were synced."""
RECORDS = dict(enumerate(values_of(*map(numbered, range(COUNT + 3)))))


class Disk:
    """A data directory with the log ``orders-0``."""

    def __init__(self, files: MemoryFiles) -> None:
        self.files = files
        checkpoints = Checkpoints.take(files, files.root)
        identity = DirectoryIdentity(cluster_id="A" * 22, node_id=1, directory_id=None)
        lock = os.open(os.devnull, os.O_RDWR)
        self.directory = LogDirectory(files.root, lock=lock, identity=identity, checkpoints=checkpoints, files=files)
        self.directory._finish_removals()
        self.upkeep = Upkeep(checkpoints)

    def open(self) -> Log:
        self.log = self.directory.open_log(ORDERS, config=CONFIG)
        return self.log

    def fill(self) -> None:
        self.log = self.directory.create_log(ORDERS, topic_id=TOPIC_ID, config=CONFIG)
        for number in range(COUNT):
            if number == COUNT - 1:
                self.log.checkpoint()
                self.directory.save_checkpoints()
            self.log.append(numbered(number))

    def abandon(self) -> None:
        self.log.abandon()
        with suppress(OSError):  # an operation may have closed it
            os.close(self.directory._lock)
            self.directory._lock = -1


def append(disk: Disk) -> None:
    disk.log.append(numbered(disk.log.log_end // 3))


def append_to_a_new_segment(disk: Disk) -> None:
    append(disk)
    append(disk)


def roll(disk: Disk) -> None:
    disk.log.roll()


def flush(disk: Disk) -> None:
    disk.log.flush()


def checkpoint(disk: Disk) -> None:
    disk.log.checkpoint()
    disk.directory.save_checkpoints()


def close(disk: Disk) -> None:
    end = disk.log.close()
    disk.directory.save_checkpoints()
    if end is not None:
        disk.directory.checkpoints.save_clean_shutdown({ORDERS: end})


def truncate_to_another_segment(disk: Disk) -> None:
    disk.log.truncate(10)


def truncate_the_last_segment(disk: Disk) -> None:
    disk.log.truncate(27)


def delete_records(disk: Disk) -> None:
    disk.log.delete_records(14)


def enforce_retention(disk: Disk) -> None:
    disk.log.delete_records(13)
    results = disk.upkeep.enforce_retention([disk.log], now_ms=0) + disk.upkeep.remove_due(everything=True)
    for result in results:
        if isinstance(result, Failed):
            raise result.error


def create_another(disk: Disk) -> None:
    disk.directory.create_log(BILLS, topic_id=TOPIC_ID, config=CONFIG).close()


def reopen(disk: Disk) -> None:
    disk.log.abandon()
    again = Disk(disk.files)
    try:
        again.open()
    finally:
        os.close(again.directory._lock)


Operation = Callable[[Disk], None]
OPERATIONS: list[Operation] = [
    append, append_to_a_new_segment, roll, flush, checkpoint, close, truncate_to_another_segment,
    truncate_the_last_segment, delete_records, enforce_retention, create_another, reopen,
]  # fmt: skip
LOWEST: dict[Operation, int] = {truncate_to_another_segment: 9, truncate_the_last_segment: 27}
"""Where the log may end, if not behind all that was promised."""
STARTS: dict[Operation, set[int]] = {delete_records: {0, 14}, enforce_retention: {0, 13, 24}}
operations = pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.__name__)


def interrupted(operation: Operation, *, error: int = errno.EIO, forever: bool) -> Iterator[tuple[Disk, bool]]:
    """Yield the directory for each call of an operation that may fail, and whether the operation said so."""
    call, was_reached = 0, True
    while was_reached:
        disk = Disk(MemoryFiles(seed=call))
        disk.fill()
        at = disk.files.calls + call
        disk.files.fail_call(at, error=error, forever=forever)
        has_failed = True
        with suppress(OSError, StorageError):
            operation(disk)
            has_failed = False
        was_reached = disk.files.calls > at
        disk.files.fail_when(None)
        yield disk, has_failed
        disk.abandon()
        call += 1


def assert_opens(files: MemoryFiles, operation: Operation, *, lowest: int) -> None:
    disk = Disk(files)
    log = disk.open()
    end, start = log.log_end, log.log_start
    assert min(lowest, LOWEST.get(operation, lowest)) <= end <= 3 * (COUNT + 3)
    assert start in STARTS.get(operation, {0})
    found = {record.offset: record.value for record in records_in(log)}
    assert found == {offset: RECORDS[offset] for offset in range(start // 3 * 3, end)}
    log.abandon()
    again = disk.open()
    assert (again.recovery, again.log_start, again.log_end) == (RecoveryReport(), start, end)
    assert again.append(numbered(99)).base_offset == end
    disk.abandon()
    if files.exists(files.root / "bills-3"):
        bills = Log.open(files.root / "bills-3", CONFIG, files=files)
        assert bills.log_end == 0
        bills.abandon()


@operations
def test_the_process_may_be_killed_at_any_call(operation: Operation):
    for disk, _ in interrupted(operation, forever=True):
        disk.abandon()
        assert_opens(disk.files, operation, lowest=3 * COUNT)


@operations
def test_the_power_may_go_at_any_call(operation: Operation):
    for disk, has_failed in interrupted(operation, forever=True):
        disk.abandon()
        is_synced = not has_failed and operation in {roll, flush, checkpoint, close}
        for seed in range(4):
            assert_opens(disk.files.crash(seed), operation, lowest=3 * (COUNT if is_synced else COUNT - 1))


@operations
@pytest.mark.parametrize("error", [errno.EIO, errno.ENOSPC])
def test_any_one_call_may_fail_and_what_failed_may_be_done_again(operation: Operation, error: int):
    for disk, has_failed in interrupted(operation, error=error, forever=False):
        if has_failed:
            with suppress(OSError, StorageError):
                operation(disk)
        disk.abandon()
        assert_opens(disk.files, operation, lowest=3 * COUNT)


def remove(disk: Disk) -> None:
    disk.log.close()
    disk.directory.remove_log(ORDERS)


@pytest.mark.parametrize("forever", [True, False])
def test_a_log_is_removed_as_a_whole_or_not_at_all(forever: bool):
    for disk, has_failed in interrupted(remove, forever=forever):
        disk.abandon()
        for files in (disk.files, *(disk.files.crash(seed) for seed in range(4))):
            if files.exists(files.root / "orders-0"):
                assert has_failed
                assert_opens(files, remove, lowest=3 * (COUNT - 1))
            else:
                again = Disk(files)
                assert not [name for name in files.names(files.root) if name.startswith("orders-0")]
                os.close(again.directory._lock)


def test_a_log_of_which_nothing_was_promised_is_opened_whatever_order_its_bytes_were_written_in():
    """All behind the first hole is cut and kept aside, but nothing that a flush had brought to the device."""
    torn = 0
    for seed in range(40):
        files = MemoryFiles()
        log = Log.open(files.root, LogConfig(), files=files)
        for number in range(30):
            if number == 10:
                log.flush()
            log.append(numbered(number))
        log.abandon()
        crashed = files.crash(seed, reorder=True)
        again = Log.open(crashed.root, LogConfig(), files=crashed, is_promised=False)
        assert again.log_end >= 30
        assert [record.value for record in records_in(again)] == values_of(*map(numbered, range(again.log_end // 3)))
        torn += again.recovery.kept_aside is not None
        again.abandon()
    assert torn > 5
