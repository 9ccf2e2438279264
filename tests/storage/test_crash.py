"""What a crash leaves is opened again: everything flushed is there, and what is there is a prefix of what was appended.

Exhaustive where it can be: every byte at which a file may be cut, every call after which the power may go.
"""

import errno
import random
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest

from gomq_storage.config import LogConfig
from gomq_storage.errors import DamagedLogError, LogOfflineError
from gomq_storage.layout import CLEAN_SHUTDOWN_FILE_NAME
from gomq_storage.log import Log
from gomq_storage.recovery import RecoveryReport
from tests.support.log_batches import numbered, values_in, values_of, write_log
from tests.support.memory_files import MemoryFiles

SIZE = len(numbered(1))
CONFIG = LogConfig(segment_bytes=4 * SIZE, index_interval_bytes=SIZE)
LAST = "00000000000000000012.log"


def opened(files: MemoryFiles) -> Log:
    return Log.open(files.root, CONFIG, files=files)


def two_segments() -> MemoryFiles:
    """Make a log of four and three batches, closed."""
    files = MemoryFiles()
    write_log(files.root, [numbered(number) for number in range(7)], CONFIG, files=files)
    return files


SOUND = two_segments().snapshot(MemoryFiles().root)


def ending_in(last: bytes) -> MemoryFiles:
    files = MemoryFiles()
    for name, content in (SOUND | {LAST: last}).items():
        files.put(files.root / name, content)
    return files


def assert_holds(files: MemoryFiles, count: int) -> None:
    """Open the log twice: it holds so many batches, takes the next, and has nothing to repair the second time."""
    log = opened(files)
    assert values_in(log) == values_of(*map(numbered, range(count)))
    assert log.append(numbered(count)).base_offset == 3 * count
    log.abandon()
    again = opened(files)
    assert again.recovery == RecoveryReport()
    assert values_in(again) == values_of(*map(numbered, range(count + 1)))
    again.abandon()


def test_the_last_segment_may_be_cut_at_every_byte():
    for size in range(3 * SIZE + 1):
        assert_holds(ending_in(SOUND[LAST][:size]), 4 + size // SIZE)


@pytest.mark.parametrize("zeros", [*range(1, 70), 511, 512, 513, 4096, 8192])
def test_the_last_segment_may_end_in_zeros(zeros: int):
    assert_holds(ending_in(SOUND[LAST] + bytes(zeros)), 7)


@pytest.mark.parametrize("seed", range(40))
def test_the_last_segment_may_end_in_anything_that_is_no_batch(seed: int):
    rng = random.Random(seed)

    assert_holds(ending_in(SOUND[LAST] + rng.randbytes(rng.choice((1, 16, 17, 61, 200, 5000)))), 7)


def test_the_last_batch_may_be_zeros_from_any_byte_on():
    for hole in range(2 * SIZE, 3 * SIZE):
        last = SOUND[LAST][:hole] + bytes(3 * SIZE - hole)
        assert_holds(ending_in(last), 7 if last == SOUND[LAST] else 6)


WORKLOAD = [numbered(number, records=1 + number % 3, size=(20, 90, 300)[number % 3]) for number in range(12)]
"""Batches of 100 to 1000 bytes, for segments of 1500: a roll behind every third, most within a sector."""
WORKLOAD_CONFIG = LogConfig(segment_bytes=1500, index_interval_bytes=200)


class Outcome:
    """What became of the workload.

    Attributes:
        appended: the batches that the log took.
        flushed: how many of them a flush has promised to keep.
        is_offline: whether the log said that it takes no more.
        failures: how many operations failed.
    """

    def __init__(self) -> None:
        self.appended: list[bytes] = []
        self.flushed = 0
        self.is_offline = False
        self.failures = 0

    def attempt(self, action: Callable[[], object]) -> bool:
        """Do something that may fail; say whether it did not."""
        try:
            action()
        except LogOfflineError:
            self.is_offline = True
        except OSError:
            pass
        else:
            return True
        self.failures += 1
        return False


def run_workload(files: MemoryFiles, *, flush_every: int) -> Outcome:
    """Open, append with a flush now and then, close; go on whatever fails."""
    outcome = Outcome()
    try:
        log = Log.open(files.root, WORKLOAD_CONFIG, files=files)
    except OSError:
        outcome.failures += 1
        return outcome
    for number, batch in enumerate(WORKLOAD, 1):
        if outcome.attempt(partial(log.append, batch)):
            outcome.appended.append(batch)
        if number % flush_every == 0 and outcome.attempt(log.flush):
            outcome.flushed = len(outcome.appended)
    if outcome.attempt(log.close):
        outcome.flushed = len(outcome.appended)
    return outcome


def calls_of_workload(flush_every: int) -> int:
    files = MemoryFiles()
    assert run_workload(files, flush_every=flush_every).failures == 0
    return files.calls


def assert_recovers(files: MemoryFiles, *, flushed: int, attempted: list[bytes]) -> None:
    """Everything flushed is there, it is a prefix of what was attempted, and the second opening says the same."""
    log = Log.open(files.root, WORKLOAD_CONFIG, files=files)
    found = values_in(log)
    log.abandon()
    assert found in [values_of(*attempted[:count]) for count in range(flushed, len(attempted) + 1)]
    again = Log.open(files.root, WORKLOAD_CONFIG, files=files)
    assert again.recovery == RecoveryReport()
    assert values_in(again) == found
    again.append(numbered(99))
    again.close()
    assert values_in(Log.open(files.root, WORKLOAD_CONFIG, files=files)) == found + values_of(numbered(99))


def logs_in(files: MemoryFiles) -> dict[str, bytes]:
    return {name: content for name, content in files.snapshot(files.root).items() if name.endswith(".log")}


flush_intervals = pytest.mark.parametrize("flush_every", [1, 4, 100])


@flush_intervals
def test_the_power_may_go_at_any_call(flush_every: int):
    for call in range(calls_of_workload(flush_every) + 1):
        files = MemoryFiles(seed=call)
        files.fail_call(call, forever=True)
        outcome = run_workload(files, flush_every=flush_every)
        attempted = WORKLOAD[: len(outcome.appended) + 1]  # of the one that failed everything may have been written
        for seed in range(4):
            assert_recovers(files.crash(seed), flushed=outcome.flushed, attempted=attempted)


def test_a_power_cut_that_wrote_a_file_out_of_order_is_recovered_or_refused_with_nothing_cut():
    """A batch that was never promised may follow a hole then, which looks like damage to one that was."""
    files = MemoryFiles()
    log = Log.open(files.root, LogConfig(), files=files)
    batches = [numbered(number) for number in range(30)]
    for number, batch in enumerate(batches):
        log.append(batch)
        if number == 9:
            log.flush()
    refused = 0
    for seed in range(60):
        crashed = files.crash(seed, reorder=True)
        before = crashed.snapshot(crashed.root)
        assert values_of(before["00000000000000000000.log"][: 10 * SIZE]) == values_of(*batches[:10])
        try:
            assert_recovers(crashed, flushed=10, attempted=batches)
        except DamagedLogError:
            refused += 1
            assert crashed.snapshot(crashed.root) == before
    assert 0 < refused < 60


@flush_intervals
def test_the_process_may_be_killed_at_any_call_and_loses_nothing_that_was_appended(flush_every: int):
    for call in range(calls_of_workload(flush_every) + 1):
        files = MemoryFiles(seed=call)
        files.fail_call(call, forever=True)
        outcome = run_workload(files, flush_every=flush_every)
        files.fail_when(None)
        count = len(outcome.appended)
        assert_recovers(files, flushed=count, attempted=WORKLOAD[: count + 1])


@flush_intervals
def test_the_power_may_go_again_at_any_call_of_the_recovery(flush_every: int):
    for seed in range(8):
        files = MemoryFiles(seed=seed)
        files.fail_call(seed * 7 + 25, forever=True)
        outcome = run_workload(files, flush_every=flush_every)
        call = 0
        while True:
            crashed = files.crash(seed)
            crashed.fail_call(call, forever=True)
            try:
                Log.open(crashed.root, WORKLOAD_CONFIG, files=crashed)
            except OSError:
                attempted = WORKLOAD[: len(outcome.appended) + 1]
                assert_recovers(crashed.crash(seed), flushed=outcome.flushed, attempted=attempted)
            else:
                break
            call += 1


@flush_intervals
@pytest.mark.parametrize("error", [errno.EIO, errno.ENOSPC])
def test_any_one_call_may_fail_and_no_promise_is_broken(flush_every: int, error: int):
    for call in range(calls_of_workload(flush_every)):
        files = MemoryFiles(seed=call)
        files.fail_call(call, error=error)
        outcome = run_workload(files, flush_every=flush_every)
        for seed in range(2):
            assert_recovers(files.crash(seed), flushed=outcome.flushed, attempted=outcome.appended)
        # Without a power cut nothing is missing that was appended, and nothing is there that was refused.
        assert_recovers(files, flushed=len(outcome.appended), attempted=outcome.appended)


@flush_intervals
def test_whichever_sync_fails_it_is_the_last_one_and_nothing_is_promised_behind_it(flush_every: int):
    syncs = {"sync", "sync_directory"}
    files = MemoryFiles()
    run_workload(files, flush_every=flush_every)
    for failing in [at for at, (name, path) in enumerate(files.history) if name == "sync" and path.suffix == ".log"]:
        files = MemoryFiles()
        files.fail_call(failing)
        outcome = run_workload(files, flush_every=flush_every)

        assert outcome.is_offline
        assert [name for name, _ in files.history[failing:] if name in syncs] == [files.history[failing][0]]
        assert outcome.flushed < len(WORKLOAD)


@flush_intervals
@pytest.mark.parametrize("is_clean", [True, False])
def test_whatever_fails_while_opening_no_log_is_changed_and_the_next_opening_finds_all(
    flush_every: int, is_clean: bool
):
    call, has_failed = 0, True
    while has_failed:
        files = MemoryFiles()
        run_workload(files, flush_every=flush_every)
        if not is_clean:
            files.remove(files.root / CLEAN_SHUTDOWN_FILE_NAME)
        before = logs_in(files)
        at = files.calls + call
        files.fail_call(at)
        with suppress(OSError):
            Log.open(files.root, WORKLOAD_CONFIG, files=files).abandon()
        has_failed = files.calls > at
        files.fail_when(None)
        assert logs_in(files) == before
        assert_recovers(files, flushed=len(WORKLOAD), attempted=WORKLOAD)
        call += 1
    assert call > 10


def test_a_torn_tail_whose_copy_cannot_be_written_is_not_cut():
    files = ending_in(SOUND[LAST] + b"torn")

    def no_space(_: int, name: str, path: Path) -> OSError | None:
        return OSError(errno.ENOSPC, "No space left on device") if ".torn" in path.name and name == "write" else None

    files.fail_when(no_space)
    with pytest.raises(OSError, match="No space left"):
        opened(files)

    assert files.content(files.root / LAST) == SOUND[LAST] + b"torn"
    files.fail_when(None)
    assert_holds(files, 7)
