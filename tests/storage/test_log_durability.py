"""What a log promises when it is flushed, and what is left of it when the disk fails."""

import errno
from pathlib import Path

import pytest

from gomq_storage.errors import LogOfflineError
from gomq_storage.log_values import LogPosition
from tests.support.log_batches import NOW, batch_of, numbered, records_in, values_in, values_of
from tests.support.small_log import SIZE, filled, log_files, opened


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
