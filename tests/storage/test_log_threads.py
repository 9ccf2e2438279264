"""What may run in other threads while one appends: syncing and looking for times."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from gomq_storage.config import LogConfig
from gomq_storage.layout import LEADER_EPOCH_FILE_NAME
from gomq_storage.log import Log
from tests.support.log_batches import NOW, numbered, values_in, values_of
from tests.support.memory_files import MemoryFiles

SIZE = len(numbered(1))
CONFIG = LogConfig(segment_bytes=4 * SIZE, index_interval_bytes=SIZE)


def during(files: MemoryFiles, call: str, action: Callable[[], object]) -> None:
    """Do something in the middle of the next call of that name."""

    def fault(_: int, name: str, __: Path) -> None:
        if name == call:
            files.fail_when(None)
            action()

    files.fail_when(fault)


def test_a_flush_promises_nothing_that_was_appended_after_it_started():
    files = MemoryFiles()
    log = Log.open(files.root, CONFIG, files=files)
    log.append(numbered(0))
    before = log.end

    during(files, "sync", lambda: log.append(numbered(1)))

    assert log.flush() == before
    assert not log.is_synced
    assert log.flush() == log.end


def test_a_flush_promises_no_segment_that_began_after_it_started():
    """The new segment's name is not on the device yet when the old one's sync returns."""
    files = MemoryFiles()
    log = Log.open(files.root, CONFIG, files=files)
    for number in range(4):
        log.append(numbered(number))
    with ThreadPoolExecutor(1) as appender:
        during(files, "sync_directory", lambda: appending.append(appender.submit(log.append, numbered(4))))
        appending: list[object] = []
        promised = log.flush()
    assert promised.offset == 12
    before = files.calls

    assert log.flush().offset == 15
    assert ("sync_directory", files.root) in files.history[before:]
    for seed in range(30):
        assert values_in(Log.open(files.root, CONFIG, files=files.crash(seed))) == values_of(*map(numbered, range(5)))


def test_closing_waits_for_a_flush_that_is_under_way():
    files = MemoryFiles()
    log = Log.open(files.root, CONFIG, files=files)
    log.append(numbered(0))
    abandoned = threading.Thread(target=log.abandon)

    during(files, "sync", abandoned.start)
    assert log.flush() == log.end
    abandoned.join()

    assert log.find_timestamp(0) is None


def test_a_slow_look_up_by_time_does_not_hold_up_a_flush():
    files = MemoryFiles()
    log = Log.open(files.root, CONFIG, files=files)
    log.append(numbered(0))
    flushed: list[object] = []

    def flush_elsewhere() -> None:
        with ThreadPoolExecutor(1) as worker:
            flushed.append(worker.submit(log.flush).result(timeout=10))

    during(files, "read", flush_elsewhere)

    assert log.find_timestamp(NOW) == (NOW, 0)
    assert flushed == [log.end]


class WatchedLock:
    """A lock that tells when somebody has to wait for it."""

    def __init__(self) -> None:
        self.awaited = threading.Event()
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        if not self._lock.acquire(blocking=False):
            self.awaited.set()
            self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()


def test_a_roll_waits_while_a_checkpoint_writes_the_leader_epochs():
    """Both write them to the same file and rename it: the one that is second would find it gone."""
    files = MemoryFiles()
    log = Log.open(files.root, CONFIG, files=files)
    log.append(numbered(0), leader_epoch=1)
    log._syncing = lock = WatchedLock()  # type: ignore[assignment]
    rolled: list[int] = []

    def roll() -> None:
        rolled.append(log.roll().base_offset)
        lock.awaited.set()  # it did not wait, and the checkpoint goes on all the same

    rolling = threading.Thread(target=roll)

    def roll_meanwhile(_: int, call: str, path: Path) -> None:
        if call == "sync" and path.name.startswith(LEADER_EPOCH_FILE_NAME):
            files.fail_when(None)
            rolling.start()
            assert lock.awaited.wait(timeout=10)

    files.fail_when(roll_meanwhile)
    assert log.checkpoint() == (3, 0, SIZE)
    rolling.join()

    assert rolled == [3]
    assert [entry.epoch for entry in Log.open(files.root, CONFIG, files=files.crash()).epochs.entries] == [1]


def test_appends_flushes_and_look_ups_go_on_side_by_side(tmp_path: Path):
    count = 400
    log = Log.open(tmp_path, CONFIG)
    done = threading.Event()

    def flush_all_the_time() -> list[int]:
        offsets = [0]
        while not done.is_set():
            offsets.append(log.flush().offset)
        return offsets

    def look_up_all_the_time() -> int:
        found = 0
        while not done.is_set():
            latest = log.largest_timestamp()
            if latest is not None:
                assert log.find_timestamp(latest.timestamp) == latest
                found += 1
        return found

    with ThreadPoolExecutor(2) as workers:
        flushes, look_ups = workers.submit(flush_all_the_time), workers.submit(look_up_all_the_time)
        try:
            for number in range(count):
                log.append(numbered(number))
        finally:
            done.set()

    offsets = flushes.result()
    assert offsets == sorted(offsets)
    assert offsets[-1] <= log.log_end
    assert look_ups.result() > 0
    log.close()
    again = Log.open(tmp_path, CONFIG)
    assert again.recovery.truncated_bytes == again.recovery.rebuilt_segments == 0
    assert values_in(again) == values_of(*map(numbered, range(count)))
    again.close()
