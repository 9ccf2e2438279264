"""What one thread does to a log while another is in the middle of something else: nothing is lost, nobody is fooled."""

import uuid
from pathlib import Path

import pytest

from gomq_storage.batch import walk
from gomq_storage.checkpoint import Checkpoints
from gomq_storage.cleaner import Cleaner
from gomq_storage.config import CleanupPolicy, LogConfig
from gomq_storage.directory import LogDirectory
from gomq_storage.errors import DamagedLogError, LogOfflineError
from gomq_storage.layout import TopicPartition, segment_file_name
from gomq_storage.log import Log
from gomq_storage.record import NewRecord, encode_batch
from gomq_storage.upkeep import Removed, Upkeep
from tests.support.log_batches import NOW, batch_of, numbered, records_in, values_in, values_of
from tests.support.memory_files import MemoryFiles
from tests.support.small_log import filled, opened as opened_small

COMPACTED = LogConfig(
    cleanup_policy=CleanupPolicy.COMPACT, segment_bytes=600, min_cleanable_dirty_ratio=0, delete_retention_ms=0
)
ORDERS = TopicPartition("orders", 0)


def opened(files: MemoryFiles, config: LogConfig) -> tuple[Log, Upkeep, Cleaner]:
    """Open the log that is in the file system's root, as a part of a directory, with what keeps it in order."""
    checkpoints = Checkpoints.take(files, files.root)
    log = Log.open(files.root, config, files=files, checkpoints=(checkpoints, ORDERS))
    upkeep = Upkeep(checkpoints)
    return log, upkeep, Cleaner(checkpoints, upkeep, share=1)


def fill(log: Log, *, key: bytes = b"k") -> None:
    """Append until a new segment is begun."""
    count = len(log.segments)
    while len(log.segments) == count:
        log.append(batch_of(b"v" * 50, key=key))


def test_what_is_appended_while_retention_looks_at_the_log_stays():
    files = MemoryFiles()
    config = LogConfig(retention_ms=1000)
    log = Log.open(files.root, config, files=files)
    log.append(batch_of(b"old", timestamp=NOW))
    log.close()
    log = Log.open(files.root, config, files=files)
    appended = []

    def append_meanwhile(_: int, name: str, path: Path) -> None:
        if name == "read" and path.suffix == ".timeindex":
            files.fail_when(None)
            appended.append(log.append(batch_of(b"fresh", timestamp=NOW + 5000)))

    files.fail_when(append_meanwhile)
    Upkeep(log.notes.checkpoints).enforce_retention([log], now_ms=NOW + 5000)

    assert appended
    assert b"fresh" in [record.value for record in records_in(log)]


def test_segments_go_only_as_far_as_the_logs_start_is_written_down():
    """Else the power may take some of them and not those in front, and the log has a hole."""
    files, log = filled(14)
    log.checkpoint()
    log.notes.checkpoints.save_recovery_points()
    log.advance_start(15)

    def delete_more_meanwhile(_: int, name: str, __: Path) -> None:
        if name == "sync_directory":  # the starts are on the device; that of who deletes now is not yet
            files.fail_when(None)
            log.advance_start(36)

    files.fail_when(delete_more_meanwhile)
    (removed,) = Upkeep(log.notes.checkpoints).enforce_retention([log], now_ms=NOW)

    assert isinstance(removed, Removed)
    assert (removed.segments, log.log_start) == (1, 36)
    for seed in range(20):
        again = opened_small(files.crash(seed))
        assert again.log_start == 15
        assert values_in(again) == values_of(*map(numbered, range(5, 14)))


def test_a_fetch_up_to_a_place_in_a_segment_that_was_compacted_since_ends_with_the_file():
    files = MemoryFiles()
    log, _, cleaner = opened(files, COMPACTED)
    size = len(batch_of(b"v" * 50, key=b"k"))
    while log.end.position + size <= COMPACTED.segment_bytes:
        log.append(batch_of(b"v" * 50, key=b"k"))
    visible = log.flush()
    fill(log)
    assert cleaner.compact(log, now_ms=NOW) is not None

    found = log.read(0, max_bytes=10_000, upto=visible)

    assert found is not None
    assert found.position + found.size <= found.segment.size
    assert len(found.read()) == found.size


def test_a_key_that_was_deleted_after_truncation_stays_deleted():
    files = MemoryFiles()
    log, _, cleaner = opened(files, COMPACTED)
    log.append(batch_of(b"secret", key=b"K"))
    fill(log)
    cut_at = log.end.segment_base_offset + 1
    fill(log, key=b"x")
    fill(log, key=b"y")
    assert cleaner.compact(log, now_ms=NOW) is not None
    log.truncate(cut_at)
    log.append(encode_batch([NewRecord(None, b"K", (), NOW)], now_ms=NOW))
    for now_ms in (NOW + 1, NOW + 10, NOW + 20):
        fill(log)
        cleaner.compact(log, now_ms=now_ms)

    assert [record.value for record in records_in(log) if record.key == b"K" and record.value] == []


def test_a_damaged_segments_error_does_not_grow_with_every_reader():
    files = MemoryFiles()
    config = LogConfig(segment_bytes=600)
    log = Log.open(files.root, config, files=files)
    fill(log)
    fill(log)
    log.close()
    log = Log.open(files.root, config, files=files)
    name = files.root / segment_file_name(0)
    content = bytearray(files.content(name))
    content[len(content) // 2 :] = bytes(len(content) - len(content) // 2)
    files.put(name, bytes(content))
    lengths = []
    for _ in range(5):
        with pytest.raises(DamagedLogError) as raised:
            log.checked_segments()
        lengths.append(len(raised.traceback))

    assert lengths[1:] == lengths[1:2] * 4


def test_segments_that_are_replaced_twice_before_their_files_are_unlinked_are_unlinked_once():
    files = MemoryFiles()
    log, upkeep, cleaner = opened(files, COMPACTED)
    for round_ in range(3):
        fill(log, key=b"%d" % round_)
        fill(log)
        assert cleaner.compact(log, now_ms=NOW + round_) is not None
    before = [(record.offset, record.key) for record in records_in(log)]

    assert upkeep.remove_due(everything=True) == []

    assert [name for name in files.snapshot(files.root) if name.endswith(".deleted")] == []
    assert [(record.offset, record.key) for record in records_in(log)] == before
    data = log.read(log.log_start, max_bytes=1 << 20)
    assert data is not None
    assert list(walk(data.read()))


def test_a_log_is_known_for_compacted_before_its_first_segment_is_and_how_far_afterwards():
    """Else, once its policy is another, gaps would be taken for damage; and what is clean would be compacted again."""
    files = MemoryFiles()
    log, _, cleaner = opened(files, COMPACTED)
    for _ in range(3):
        fill(log)
    log.flush()
    before = set[int | None]()

    def noted() -> set[int | None]:
        return {Checkpoints.take(files.crash(seed), files.root).of(ORDERS).first_dirty for seed in range(10)}

    def look(_: int, name: str, path: Path) -> None:
        if name == "rename" and path.name.endswith(".cleaned"):
            before.update(noted())

    files.fail_when(look)
    compacted = cleaner.compact(log, now_ms=NOW)

    assert compacted is not None
    assert before == {0}
    assert noted() == {compacted.upto}


@pytest.mark.parametrize("action", ["roll", "checkpoint", "advance_start"])
def test_a_log_that_was_deleted_leaves_the_new_one_of_its_name_alone(tmp_path: Path, action: str):
    directory = LogDirectory.open(tmp_path / "data")
    old = directory.create_log(ORDERS, topic_id=uuid.uuid4(), config=LogConfig())
    for _ in range(10):
        old.append(batch_of(b"old"))
    old.flush()
    old.abandon()
    directory.remove_log(ORDERS)
    new = directory.create_log(ORDERS, topic_id=uuid.uuid4(), config=LogConfig())
    for _ in range(5):
        new.append(batch_of(b"new"))
    new.flush()

    with pytest.raises(LogOfflineError, match="closed"):
        old.advance_start(8) if action == "advance_start" else getattr(old, action)()

    directory.save_checkpoints()
    new.abandon()
    directory.close()
    directory = LogDirectory.open(tmp_path / "data")
    again = directory.open_log(ORDERS, config=LogConfig())
    assert (again.log_start, again.log_end) == (0, 5)
    again.close()
    directory.close()
