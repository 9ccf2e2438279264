"""What a log knows of its producers outlives every end of a process, whatever becomes of the snapshots."""

import errno
import os
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from crc32c import crc32c

from gomq_storage.checkpoint import Checkpoints
from gomq_storage.config import LogConfig
from gomq_storage.errors import InvalidProducerEpochError, OutOfOrderSequenceError
from gomq_storage.layout import CLEAN_SHUTDOWN_FILE_NAME, RECOVERY_POINT_FILE_NAME, TopicPartition, segment_file_name
from gomq_storage.log import Log
from gomq_storage.log_values import AppendResult
from gomq_storage.upkeep import Removed, Upkeep
from tests.support.log_batches import NOW, batch_of, produced
from tests.support.memory_files import MemoryFiles
from tests.support.sound_log import put

PRODUCERS = (1, 2, 3)
EPOCH = 4
PER_SEGMENT = 4
COUNT = 11
"""Batches of two records, of each producer in turn."""


def sent(number: int, *, epoch: int = EPOCH) -> bytes:
    """Make the batch of that number."""
    records = [(NOW + number, f"{number:02}/{record}".encode()) for record in range(2)]
    producer, turn = number % 3, number // 3
    return produced(records, producer_id=PRODUCERS[producer], sequence=2 * turn, epoch=epoch)


CONFIG = LogConfig(segment_bytes=PER_SEGMENT * len(sent(0)), index_interval_bytes=0)


def written() -> dict[str, bytes]:
    files = MemoryFiles()
    log = Log.open(files.root, CONFIG, files=files)
    for number in range(COUNT):
        log.append(sent(number))
    log.close()
    return files.snapshot(files.root)


CLOSED = written()
SNAPSHOTS = sorted(name for name in CLOSED if name.endswith(".snapshot"))
NEWEST = segment_file_name(2 * COUNT, ".snapshot")


def opened(files: MemoryFiles) -> Log:
    return Log.open(files.root, CONFIG, files=files)


def changed(content: bytes) -> bytes:
    return content[:-1] + bytes([content[-1] ^ 1])


STATES: dict[str, Callable[[], dict[str, bytes | None]]] = {
    "as it was left": dict,
    "newest missing": lambda: {NEWEST: None},
    "all missing": lambda: dict.fromkeys(SNAPSHOTS),
    "newest corrupt": lambda: {NEWEST: changed(CLOSED[NEWEST])},
    "all corrupt": lambda: {name: changed(CLOSED[name]) for name in SNAPSHOTS},
    "all empty": lambda: dict.fromkeys(SNAPSHOTS, b""),
    "all torn": lambda: {name: CLOSED[name][:-20] for name in SNAPSHOTS},
    "older only": lambda: dict.fromkeys(SNAPSHOTS[1:]),
    "newer than the log's end": lambda: {NEWEST: None, segment_file_name(99, ".snapshot"): CLOSED[NEWEST]},
    "of an unknown version": lambda: {NEWEST: b"\0\7" + CLOSED[NEWEST][2:]},
    "of a length that lies": lambda: {NEWEST: with_count(CLOSED[NEWEST], 2**31 - 1)},
}


def with_count(content: bytes, count: int) -> bytes:
    """Let a snapshot say that it has so many entries, its CRC right."""
    body = struct.pack(">i", count) + content[10:]
    return content[:2] + struct.pack(">I", crc32c(body)) + body


def assert_knows_the_producers(log: Log) -> None:
    """The last batch of each is a duplicate, one too far is refused, and so is an older epoch; the next is taken."""
    for number in range(COUNT - 3, COUNT):
        assert log.append(sent(number)) == AppendResult(2 * number, 2 * number + 1, is_duplicate=True)
    assert log.log_end == 2 * COUNT
    with pytest.raises(OutOfOrderSequenceError):
        log.append(sent(COUNT + 3))
    with pytest.raises(InvalidProducerEpochError):
        log.append(sent(COUNT, epoch=EPOCH - 1))
    assert log.append(sent(COUNT)) == AppendResult(2 * COUNT, 2 * COUNT + 1)


@pytest.mark.parametrize("is_closed", [True, False])
@pytest.mark.parametrize("state", STATES.values(), ids=STATES)
def test_a_batch_sent_again_after_a_restart_is_known(state: Callable[[], dict[str, bytes | None]], *, is_closed: bool):
    lost = {} if is_closed else dict.fromkeys((CLEAN_SHUTDOWN_FILE_NAME, RECOVERY_POINT_FILE_NAME))
    log = opened(put({**CLOSED, **state(), **lost}))

    assert log.recovery.was_clean == is_closed
    assert_knows_the_producers(log)


def test_without_a_snapshot_the_last_five_batches_of_each_are_known():
    log = opened(put({**CLOSED, **dict.fromkeys(SNAPSHOTS)}))

    for number in range(COUNT):
        assert log.append(sent(number)).is_duplicate
    assert log.log_end == 2 * COUNT


def test_after_a_kill_what_was_appended_since_the_last_snapshot_is_known():
    files = MemoryFiles()
    log = opened(files)
    for number in range(COUNT):
        log.append(sent(number))
        log.abandon()
        log = opened(files)
        assert log.append(sent(number)) == AppendResult(2 * number, 2 * number + 1, is_duplicate=True)
    assert_knows_the_producers(log)


def test_a_snapshot_of_what_was_cut_off_is_not_believed_and_the_batch_may_come_again():
    for cut in range(1, COUNT):
        files = put(CLOSED)
        log = opened(files)
        log.truncate(2 * cut)
        for number in range(max(0, cut - 3), cut):
            assert log.append(sent(number)).is_duplicate
        assert log.append(sent(cut)) == AppendResult(2 * cut, 2 * cut + 1)
        log.abandon()
        assert opened(files).append(sent(cut)).is_duplicate


def test_a_torn_batch_may_be_sent_again():
    name = segment_file_name(4 * PER_SEGMENT)
    log = opened(put({**CLOSED, name: CLOSED[name][:-1]}))

    assert log.recovery.truncated_bytes == len(sent(0)) - 1
    assert log.append(sent(COUNT - 1)) == AppendResult(2 * COUNT - 2, 2 * COUNT - 1)
    assert log.append(sent(COUNT - 2)).is_duplicate


def test_a_producer_is_known_after_its_batches_were_deleted_as_long_as_a_snapshot_is_left():
    files = put(CLOSED)
    log = opened(files)
    log.append(sent(COUNT))
    log.delete_records(log.log_end)
    log.close()

    assert opened(files).append(sent(COUNT)).is_duplicate


def test_a_snapshot_is_left_for_each_segment_and_for_the_end():
    assert [segment_file_name(offset, ".snapshot") for offset in (8, 16, 22)] == SNAPSHOTS
    files = put(CLOSED)
    log = opened(files)
    log.append(sent(COUNT))
    log.close()

    left = sorted(name for name in files.snapshot(files.root) if name.endswith(".snapshot"))
    assert left == [segment_file_name(offset, ".snapshot") for offset in (8, 16, 24)]


def test_snapshots_of_what_the_log_does_not_reach_are_gone_for_good():
    """One that the power brought back would be believed once the log has grown to its offset again."""
    late = segment_file_name(2 * COUNT + 4, ".snapshot")
    files = put(CLOSED | {late: CLOSED[NEWEST]})

    log = opened(files)

    assert log.recovery.removed_files == 1
    for seed in range(20):
        assert late not in files.crash(seed).snapshot(files.root)


def append_of_old_producers(log: Log) -> None:
    """Append a batch of each producer and then others, until the first segment has two behind it."""
    for number in range(len(PRODUCERS)):
        log.append(sent(number))
    while len(log.segments) < 3:
        log.append(batch_of(b"of no producer", timestamp=NOW))
    log.flush()


def reopened(files: MemoryFiles) -> Log:
    checkpoints = Checkpoints.take(files, files.root)
    return Log.open(files.root, CONFIG, files=files, checkpoints=(checkpoints, TopicPartition("orders", 0)))


def assert_knows_the_old_producers(log: Log) -> None:
    for number in range(len(PRODUCERS)):
        with pytest.raises(OutOfOrderSequenceError):
            log.append(sent(number + 2 * len(PRODUCERS)))


def test_what_is_deleted_tells_of_its_producers_while_it_is_there():
    files = MemoryFiles()
    log = reopened(files)
    append_of_old_producers(log)
    log.advance_start(log.log_end)
    log.notes.checkpoints.save_log_starts()
    log.abandon()
    for name in files.snapshot(files.root):
        if name.endswith(".snapshot"):
            files.remove(files.root / name)

    log = reopened(files)

    assert log.log_start == log.log_end
    assert_knows_the_old_producers(log)


@pytest.mark.parametrize("has_room", [True, False])
@pytest.mark.parametrize("seed", range(5))
def test_segments_go_when_it_is_known_without_them_what_producers_wrote(seed: int, *, has_room: bool):
    """The power may go at once; and there may have been no room for a snapshot when a segment was begun."""

    def is_full(_: int, name: str, path: Path) -> OSError | None:
        full = name == "write" and path.suffix == ".snapshot"
        return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)) if full else None

    files = MemoryFiles()
    files.fail_when(None if has_room else is_full)
    log = reopened(files)
    append_of_old_producers(log)
    files.fail_when(None)
    log.advance_start(log.segments[-1].base_offset)
    (removed,) = Upkeep(log.notes.checkpoints).enforce_retention([log], now_ms=NOW)
    assert isinstance(removed, Removed)

    log = reopened(files.crash(seed))

    assert_knows_the_old_producers(log)
