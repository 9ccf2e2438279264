"""A disk without any room gets it back by retention, and by records that are deleted; the power may go at any time."""

import errno
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from gomq_storage.config import LogConfig
from gomq_storage.errors import StorageError
from gomq_storage.log import Log
from gomq_storage.recovery import RecoveryReport
from gomq_storage.upkeep import Failed, Removed, Upkeep
from tests.support.log_batches import NOW, numbered, values_in, values_of
from tests.support.memory_files import MemoryFiles
from tests.support.small_log import SIZE, SMALL, filled, log_files, opened

Fault = Callable[[int, str, Path], OSError | None]
COUNT = 18
"""Batches of three records, four in a segment: the segments begin at 0, 12, 24, 36 and 48."""
FEW = replace(SMALL, retention_bytes=5 * SIZE)


def full(call: int, name: str, path: Path) -> OSError | None:  # noqa: ARG001
    """Have no room for another byte."""
    return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path)) if name == "write" else None


def full_when(failing: str) -> Fault:
    """Have no room for a new file, or find out late."""

    def fault(call: int, name: str, path: Path) -> OSError | None:
        return full(call, "write", path) if name == failing and path.suffix == ".tmp" else full(call, name, path)

    return fault


def saved(config: LogConfig = FEW) -> tuple[MemoryFiles, Log]:
    """Make a log of which everything is on the device, and known to be."""
    files, log = filled(COUNT, config)
    log.checkpoint()
    log.notes.checkpoints.save_recovery_points()
    return files, log


def assert_is_whole(files: MemoryFiles, starts: set[int], *, lowest: int = 3 * COUNT) -> int:
    """Open what is left: nothing is missing behind its start, or to be repaired again; return the start."""
    again = opened(files)
    start, end = again.log_start, again.log_end
    assert start in starts
    assert lowest <= end <= 3 * COUNT
    assert values_in(again) == values_of(*map(numbered, range(start // 3, end // 3)))
    again.abandon()
    again = opened(files)
    assert (again.recovery, again.log_start, again.log_end) == (RecoveryReport(), start, end)
    again.abandon()
    return start


def all_expired() -> tuple[MemoryFiles, Log]:
    """Make a log of one segment, which goes once an empty one is there."""
    return saved(LogConfig(retention_ms=1000))


def unsynced() -> tuple[MemoryFiles, Log]:
    """Make a log whose active segment is not on the device yet, not even its name, and all in front of it expired."""
    files, log = filled(16, replace(SMALL, retention_bytes=2 * SIZE))
    log.checkpoint()
    log.notes.checkpoints.save_recovery_points()
    for number in range(16, COUNT):
        log.append(numbered(number))
    return files, log


@pytest.mark.parametrize("failing", ["write", "open", "sync"])
def test_retention_frees_a_full_disk(failing: str):
    files, log = saved()
    upkeep = Upkeep(log.notes.checkpoints)
    files.fail_when(full_when(failing))

    told, removed = upkeep.enforce_retention([log], now_ms=NOW)

    assert isinstance(told, Failed)
    assert (told.directory, getattr(told.error, "errno", None)) == (files.root, errno.ENOSPC)
    assert removed == Removed(directory=log.directory, segments=3, bytes=12 * SIZE, log_start=36)
    assert upkeep.remove_due(everything=True) == []
    assert log_files(files) == [36, 48]
    assert not [name for name in files.snapshot(files.root) if name.endswith((".deleted", ".tmp"))]
    assert values_in(log) == values_of(*map(numbered, range(12, COUNT)))
    for seed in range(20):
        assert_is_whole(files.crash(seed), {36})


@pytest.mark.parametrize(
    ("made", "starts", "lowest"),
    [(saved, {0, 12, 24, 36}, 54), (all_expired, {0, 54}, 54), (unsynced, {0, 12, 24, 36, 48}, 48)],
)
def test_the_power_may_go_at_any_call_while_a_full_disk_is_freed(
    made: Callable[[], tuple[MemoryFiles, Log]], starts: set[int], lowest: int
):
    """Any of the renames since the last sync may be undone: the log may start anywhere, but it has no hole."""
    found: set[int] = set()
    number, was_reached = 0, True
    while was_reached:
        files, log = made()
        first = files.calls

        def gone(call: int, name: str, path: Path, *, limit: int = first + number) -> OSError | None:
            return OSError(errno.EIO, "the power is gone") if call >= limit else full(call, name, path)

        files.fail_when(gone)
        upkeep = Upkeep(log.notes.checkpoints)
        with suppress(OSError, StorageError):
            upkeep.enforce_retention([log], now_ms=NOW + 1_000_000)
            upkeep.remove_due(everything=True)
        was_reached = files.calls > first + number
        seeds = range(12 * number, 12 * number + 12)  # others each time, or the same names would be lost
        found.update(assert_is_whole(files.crash(seed), starts, lowest=lowest) for seed in seeds)
        number += 1
    assert found == starts


def test_records_that_are_deleted_give_a_full_disk_room_though_the_answer_is_that_it_is_not_written_down():
    files, log = saved(SMALL)
    upkeep = Upkeep(log.notes.checkpoints)
    files.fail_when(full)

    with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
        log.delete_records(26)

    assert log.log_start == 26
    removed = [each for each in upkeep.enforce_retention([log], now_ms=NOW) if isinstance(each, Removed)]
    assert [each.segments for each in removed] == [2]
    assert upkeep.remove_due(everything=True) == []
    assert log_files(files) == [24, 36, 48]
    for seed in range(8):
        assert_is_whole(files.crash(seed), {24})

    files.fail_when(None)
    assert upkeep.enforce_retention([log], now_ms=NOW) == []
    for seed in range(8):
        assert opened(files.crash(seed)).log_start == 26


def test_what_lies_in_front_of_the_active_segment_goes_though_there_is_no_room_for_another():
    files, log = saved(replace(SMALL, retention_ms=1000))
    upkeep = Upkeep(log.notes.checkpoints)
    log.begin_epoch(7)  # to be written down before a segment is begun

    files.fail_when(full)
    results = upkeep.enforce_retention([log], now_ms=NOW + 1_000_000)

    assert [each.segments for each in results if isinstance(each, Removed)] == [4]
    assert [each.directory for each in results if isinstance(each, Failed)] == [log.directory, files.root]
    assert (log.log_start, log.log_end) == (48, 3 * COUNT)
    files.fail_when(None)
    (removed,) = upkeep.enforce_retention([log], now_ms=NOW + 1_000_000)
    assert isinstance(removed, Removed)
    assert removed.log_start == 3 * COUNT


def test_a_start_that_cannot_be_written_down_though_there_is_room_keeps_the_segments():
    files, log = saved()
    before = log_files(files)
    files.fail_when(lambda _, __, path: OSError(errno.EIO, "broken") if path.suffix == ".tmp" else None)

    with pytest.raises(OSError, match="broken"):
        Upkeep(log.notes.checkpoints).enforce_retention([log], now_ms=NOW)

    assert log_files(files) == before
    assert len(log.segments) == len(before)


def test_a_log_is_opened_without_room_for_its_indexes_and_used_and_freed():
    files, log = filled(COUNT, FEW)
    log.abandon()
    for name in files.snapshot(files.root):
        if name.endswith((".index", ".timeindex")):
            files.put(files.root / name, b"")
    files.fail_when(lambda call, name, path: full(call, name, path) if path.suffix != ".log" else None)

    log = opened(files, FEW)

    assert values_in(log) == values_of(*map(numbered, range(COUNT)))
    assert log.append(numbered(COUNT)).base_offset == 3 * COUNT
    assert log.find_timestamp(0) is not None
    upkeep = Upkeep(log.notes.checkpoints)
    assert [each.segments for each in upkeep.enforce_retention([log], now_ms=NOW) if isinstance(each, Removed)] == [3]
    with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
        log.checkpoint()  # or the indexes would pass for written
    files.fail_when(None)
    log.checkpoint()
    log.notes.checkpoints.save_recovery_points()
    log.abandon()
    again = opened(files, FEW)
    assert (again.recovery.rebuilt_segments, again.log_start, again.log_end) == (0, 36, 3 * COUNT + 3)
    assert values_in(again) == values_of(*map(numbered, range(12, COUNT + 1)))


def test_an_index_that_cannot_be_written_though_there_is_room_keeps_a_log_from_being_opened():
    files, log = filled(COUNT)
    log.abandon()
    files.fail_when(lambda _, name, __: OSError(errno.EIO, "broken") if name == "write" else None)
    with pytest.raises(OSError, match="broken"):
        opened(files)
