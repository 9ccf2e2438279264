"""Checkpoint files under power cuts and kills: old content or new, and a marker that is believed once."""

from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

from gomq_storage.checkpoint import Checkpoints, CleanEnd, LogCheckpoint
from gomq_storage.checkpoint_text import encode_offsets
from gomq_storage.layout import TopicPartition
from tests.support.memory_files import MemoryFiles

RECOVERY_POINTS = "recovery-point-offset-checkpoint"
LOG_STARTS = "log-start-offset-checkpoint"
FIRST_DIRTY = "cleaner-offset-checkpoint"
MARKER = ".kafka_cleanshutdown"
ORDERS = TopicPartition("orders", 0)
END = CleanEnd(1200, 1024, 65536)
OURS = b'{"version": 0, "brokerEpoch": -1, "logEnds": {"orders-0": [1200, 1024, 65536]}}'
SAVES: dict[str, Callable[[Checkpoints], None]] = {
    RECOVERY_POINTS: Checkpoints.save_recovery_points,
    LOG_STARTS: Checkpoints.save_log_starts,
    FIRST_DIRTY: Checkpoints.save_first_dirty,
    MARKER: lambda checkpoints: checkpoints.save_clean_shutdown({ORDERS: END}),
}
OLD = {name: encode_offsets({ORDERS: 5}) for name in (RECOVERY_POINTS, LOG_STARTS, FIRST_DIRTY)}
NEW = {name: encode_offsets({ORDERS: 6}) for name in OLD} | {MARKER: OURS}


def holding(files: dict[str, bytes]) -> MemoryFiles:
    memory = MemoryFiles()
    for name, content in files.items():
        memory.put(memory.root / name, content)
    return memory


def taken(files: MemoryFiles) -> Checkpoints:
    return Checkpoints.take(files, files.root)


def interrupted(start: dict[str, bytes], action: Callable[[MemoryFiles], object]) -> Iterator[tuple[MemoryFiles, bool]]:
    """Yield a directory for every call at which an action may be interrupted, and whether it was done by then."""
    calls = 0
    is_done = False
    while not is_done:
        files = holding(start)
        files.fail_call(calls, forever=True)
        with suppress(OSError):
            action(files)
            is_done = True
        files.fail_when(None)
        yield files, is_done
        calls += 1


def changed(files: MemoryFiles) -> Checkpoints:
    """Take a directory, and give each of its files something new to hold."""
    checkpoints = taken(files)
    checkpoints.set_recovery_point(ORDERS, 6)
    checkpoints.set_log_start(ORDERS, 6)
    checkpoints.set_first_dirty(ORDERS, 6)
    return checkpoints


@pytest.mark.parametrize("name", SAVES)
def test_a_power_cut_while_saving_leaves_the_old_content_or_the_new(name: str):
    found = set()
    for files, is_done in interrupted(OLD, lambda files: SAVES[name](changed(files))):
        for seed in range(12):
            content = files.crash(seed).snapshot(files.root).get(name)
            assert content in ({NEW[name]} if is_done else {OLD.get(name), NEW[name]})
            found.add(content)
    assert found == {OLD.get(name), NEW[name]}


def test_a_marker_is_never_believed_again_once_it_was_taken():
    for killed, is_done in interrupted(OLD | {MARKER: OURS}, taken):
        for seed in range(12):
            assert not is_done or not taken(killed.crash(seed)).was_clean
        first = taken(killed)  # the process was killed, not the machine, and a broker was started again
        assert not (is_done and first.was_clean)
        for seed in range(12):
            after = killed.crash(seed)
            assert not taken(after).was_clean
            assert MARKER not in after.snapshot(after.root)


def test_taking_changes_nothing_but_the_marker():
    for files, _ in interrupted(OLD | {MARKER: OURS}, taken):
        for seed in range(4):
            left = files.crash(seed).snapshot(files.root)
            left.pop(MARKER, None)
            assert left == OLD


def test_a_marker_is_only_there_when_everything_saved_before_it_is():
    def stop(files: MemoryFiles) -> None:
        checkpoints = changed(files)
        for save in SAVES.values():
            save(checkpoints)

    for files, _ in interrupted(OLD, stop):
        for seed in range(6):
            checkpoints = taken(files.crash(seed))
            if checkpoints.was_clean:
                assert checkpoints.of(ORDERS) == LogCheckpoint(6, 6, 6, END)
