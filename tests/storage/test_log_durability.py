"""What a log promises when it is flushed, and what is left of it when the disk fails."""

import errno
from dataclasses import replace
from pathlib import Path

import pytest

from gomq_storage.checkpoint import Checkpoints
from gomq_storage.errors import DamagedLogError, LogOfflineError
from gomq_storage.log_notes import ALONE
from gomq_storage.log_values import LogPosition
from gomq_storage.recovery import RecoveryReport
from gomq_storage.upkeep import Removed, Upkeep
from tests.support.log_batches import NOW, batch_of, numbered, records_in, values_in, values_of
from tests.support.memory_files import MemoryFiles
from tests.support.small_log import SIZE, SMALL, filled, log_files, opened


def test_what_was_appended_is_not_synced_until_it_is_flushed():
    files, log = filled(2)
    before = log.is_synced

    assert log.flush() == log.end == LogPosition(6, 0, 2 * SIZE)

    assert (before, log.is_synced) == (False, True)
    for seed in range(20):
        assert values_in(opened(files.crash(seed))) == values_of(numbered(0), numbered(1))


def test_a_flush_syncs_each_file_once_and_the_directory_only_for_new_names():
    files, log = filled(2)
    log.flush()
    before = files.calls
    log.append(numbered(2))
    log.flush()
    assert [name for name, _ in files.history[before:]] == ["write", "sync"]

    log.append(numbered(3))
    log.append(numbered(4))
    before = files.calls
    log.flush()

    assert [(name, path.name) for name, path in files.history[before:]] == [
        ("sync", "00000000000000000012.log"), ("sync_directory", "memory")
    ]  # fmt: skip


def test_the_old_segment_is_on_the_device_before_the_new_one_has_a_name():
    files, log = filled(4)
    before = files.calls

    log.append(numbered(4))

    made = [(name, path.name) for name, path in files.history[before:]]
    assert made.index(("sync", "00000000000000000000.log")) < made.index(("open", "00000000000000000012.log"))


def test_a_sync_that_failed_is_never_tried_again():
    files, log = filled(2)
    files.fail_when(lambda _, name, __: OSError(errno.EIO, "Input/output error") if name == "sync" else None)
    with pytest.raises(LogOfflineError, match="sync failed: Input/output error"):
        log.flush()
    files.fail_when(None)
    syncs = [name for name, _ in files.history].count("sync")

    for attempt in (log.flush, lambda: log.append(numbered(2)), log.close):
        with pytest.raises(LogOfflineError, match="sync failed"):
            attempt()

    assert [name for name, _ in files.history].count("sync") == syncs == 1


def test_a_log_whose_sync_failed_is_still_read():
    files, log = filled(6)
    files.fail_call(files.calls)
    with pytest.raises(LogOfflineError):
        log.flush()

    assert values_in(log) == values_of(*map(numbered, range(6)))


@pytest.mark.parametrize("forever", [False, True])
def test_a_full_disk_refuses_appends_and_leaves_the_log_as_it_was(forever: bool):
    files, log = filled(3)
    full = {"left": 10**6 if forever else 1}

    def no_space(_: int, name: str, path: Path) -> OSError | None:
        if name == "write" and path.suffix == ".log" and full["left"] > 0:
            full["left"] -= 1
            return OSError(errno.ENOSPC, "No space left on device")
        return None

    files.fail_when(no_space)
    for _ in range(5 if forever else 1):
        with pytest.raises(OSError, match="No space"):
            log.append(numbered(99))
        assert (log.log_end, log.size) == (9, 3 * SIZE)
        assert values_in(log) == values_of(*map(numbered, range(3)))
    full["left"] = 0
    log.append(numbered(3))
    log.close()

    assert values_in(opened(files)) == values_of(*map(numbered, range(4)))


@pytest.mark.parametrize("suffix", [".log", ".index", ".timeindex"])
def test_a_roll_that_failed_half_way_is_finished_by_the_next_append_however_small(suffix: str):
    files, log = filled(3)
    failing = files.root / f"{9:020d}{suffix}"
    files.fail_when(lambda _, name, path: OSError(errno.EMFILE, name) if (name, path) == ("open", failing) else None)
    with pytest.raises(OSError, match="open"):
        log.append(numbered(9, size=100))
    files.fail_when(None)
    log.append(batch_of(b"x"))
    log.close()

    again = opened(files)
    assert values_in(again) == [*values_of(*map(numbered, range(3))), b"x"]
    assert log_files(files) == [0, 9]


def test_closing_syncs_and_completes_the_time_index():
    files, log = filled(3)
    log.close()

    entries = files.snapshot(files.root)["00000000000000000000.timeindex"]
    assert entries[-12:] == (NOW + 2002).to_bytes(8, "big") + (8).to_bytes(4, "big")
    assert values_in(opened(files.crash(1))) == values_of(*map(numbered, range(3)))
    log.close()


def test_an_abandoned_log_is_closed_and_not_synced():
    files, log = filled(3)
    log.abandon()

    assert "sync" not in [name for name, _ in files.history]
    for attempt in (log.flush, lambda: log.append(numbered(3))):
        with pytest.raises(LogOfflineError, match="closed"):
            attempt()
    assert log.find_timestamp(0) is None


def test_an_index_that_cannot_be_completed_does_not_keep_a_log_from_closing():
    files, log = filled(3)
    log.flush()
    files.fail_when(lambda _, name, __: OSError(errno.ENOSPC, "full") if name == "write" else None)
    log.close()
    files.fail_when(None)

    assert [record.value for record in records_in(opened(files))] == values_of(*map(numbered, range(3)))


def test_deleted_records_do_not_come_back_and_what_was_not_yet_synced_can_be_deleted():
    files, log = filled(6)

    assert log.delete_records(8) == 8

    for seed in range(20):
        again = opened(files.crash(seed))
        assert (again.log_start, again.log_end >= 8) == (8, True)


def test_no_power_cut_leaves_a_hole_where_retention_let_segments_go():
    """Each of their files may be there again, or not: only the log's start, written down before, tells that all go."""
    files, log = filled(18, replace(SMALL, retention_bytes=5 * SIZE))
    log.checkpoint()
    log.notes.checkpoints.save_recovery_points()

    (removed,) = Upkeep(log.notes.checkpoints).enforce_retention([log], now_ms=NOW)

    assert isinstance(removed, Removed)
    assert (removed.segments, removed.log_start) == (3, 36)
    for seed in range(20):
        again = opened(files.crash(seed))
        assert again.log_start == 36
        assert values_in(again) == values_of(*map(numbered, range(12, 18)))


@pytest.mark.parametrize("suffix", [".index", ".timeindex"])
def test_indexes_of_what_is_in_front_of_a_checkpoint_need_not_be_made_anew_after_a_power_cut(suffix: str):
    files, log = filled(7)
    log.checkpoint()
    log.notes.checkpoints.save_recovery_points()
    before = {name: content for name, content in files.snapshot(files.root).items() if name.endswith(suffix)}
    assert all(before.values())

    for seed in range(20):
        again = files.crash(seed)
        assert {name: again.content(files.root / name) for name in before} == before
        assert opened(again).recovery == RecoveryReport()


def test_what_was_known_of_producers_behind_a_cut_is_gone_for_good():
    """A snapshot that the power brought back would be believed once the log has grown to its offset again."""
    files, log = filled(14)
    log.flush()
    assert snapshots(files) == {12, 24, 36}

    log.truncate(15)

    for seed in range(30):
        assert snapshots(files.crash(seed)) == {12}


def test_what_was_noted_of_more_than_a_cut_leaves_is_taken_back_for_good():
    """Else what is appended in its place would be believed unseen, or be taken for compacted."""
    files, log = filled(6)
    log.checkpoint()
    log.notes.checkpoints.set_first_dirty(ALONE, 12)
    for save in (log.notes.checkpoints.save_recovery_points, log.notes.checkpoints.save_first_dirty):
        save()

    log.truncate(7)

    for seed in range(20):
        noted = Checkpoints.take(files.crash(seed), files.root).of(ALONE)
        assert (noted.recovery_point, noted.first_dirty) == (6, 6)


def test_a_start_within_the_batch_that_is_cut_off_moves_with_the_end_for_good():
    files, log = filled(6)
    log.delete_records(7)

    log.truncate(7)

    assert (log.log_start, log.log_end) == (6, 6)
    for seed in range(20):
        again = opened(files.crash(seed))
        assert (again.log_start, again.log_end) == (6, 6)


def test_a_start_that_was_only_moved_in_memory_is_written_down_when_the_log_is_closed():
    files, log = filled(6)
    log.advance_start(7)
    log.close()

    assert opened(files).log_start == 7


def test_a_log_that_lost_more_than_was_deleted_of_it_is_not_opened():
    files, log = filled(3)
    log.delete_records(5)
    log.abandon()
    path = log.segments[0].path
    left = files.content(path)[:SIZE]
    files.put(path, left)

    with pytest.raises(DamagedLogError, match="ends at offset 3 and should start at 5"):
        opened(files)

    assert files.content(path) == left


def test_a_log_whose_only_file_is_gone_is_not_taken_for_a_new_one():
    files, log = filled(3)
    log.checkpoint()
    log.notes.checkpoints.save_recovery_points()
    log.abandon()
    files.remove(log.segments[0].path)

    with pytest.raises(DamagedLogError, match="there were messages up to offset 9"):
        opened(files)


def snapshots(files: MemoryFiles) -> set[int]:
    """The offsets for which there is a snapshot of the producers."""
    return {int(name.split(".")[0]) for name in files.snapshot(files.root) if name.endswith(".snapshot")}
