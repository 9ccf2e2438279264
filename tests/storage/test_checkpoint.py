"""The checkpoint files of a directory: what is kept in them, what counts as empty, and which marker is believed."""

import errno
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from gomq_storage.checkpoint import MAX_FILE_BYTES, Checkpoints, CleanEnd, LogCheckpoint
from gomq_storage.checkpoint_text import decode_offsets, encode_offsets
from gomq_storage.files import OsFiles
from gomq_storage.layout import MAX_OFFSET, MAX_PARTITION, TopicPartition
from tests.support.memory_files import MemoryFiles

RECOVERY_POINTS = "recovery-point-offset-checkpoint"
LOG_STARTS = "log-start-offset-checkpoint"
FIRST_DIRTY = "cleaner-offset-checkpoint"
MARKER = ".kafka_cleanshutdown"
ORDERS = TopicPartition("orders", 0)
REFUNDS = TopicPartition("refunds.v2", 11)
END = CleanEnd(1200, 1024, 65536)
KAFKAS_MARKER = b'{"version":0,"brokerEpoch":19}'
OURS = b'{"version": 0, "brokerEpoch": -1, "logEnds": {"orders-0": [1200, 1024, 65536]}}'

partitions = st.builds(
    TopicPartition, st.from_regex(r"[a-zA-Z0-9_-][a-zA-Z0-9._-]{0,248}", fullmatch=True), st.integers(0, MAX_PARTITION)
)
offsets = st.integers(0, MAX_OFFSET)


def holding(files: dict[str, bytes]) -> MemoryFiles:
    memory = MemoryFiles()
    for name, content in files.items():
        memory.put(memory.root / name, content)
    return memory


def taken(files: MemoryFiles) -> Checkpoints:
    return Checkpoints.take(files, files.root)


@pytest.mark.parametrize(
    ("partition", "offset"),
    [
        (TopicPartition("two words", 0), 1),
        (TopicPartition("", 0), 1),
        (TopicPartition("orders", -1), 1),
        (TopicPartition("orders", MAX_PARTITION + 1), 1),
        (ORDERS, -1),
        (ORDERS, MAX_OFFSET + 1),
    ],
)
def test_what_could_not_be_read_back_is_not_kept(partition: TopicPartition, offset: int):
    checkpoints = taken(MemoryFiles())

    with pytest.raises(ValueError, match=r"topic|partition|offset"):
        checkpoints.set_recovery_point(partition, offset)
    with pytest.raises(ValueError, match=r"topic|partition|offset"):
        encode_offsets({partition: offset})
    assert checkpoints.of(partition) == LogCheckpoint()


def test_an_empty_directory_knows_nothing_and_is_not_changed():
    files = MemoryFiles()
    checkpoints = taken(files)

    assert checkpoints.of(ORDERS) == LogCheckpoint(0, 0, None, None)
    assert not checkpoints.was_clean
    assert checkpoints.unreadable == []
    assert {name for name, _ in files.history} == {"open"}


def test_what_kafka_wrote_is_known():
    files = holding(
        {
            RECOVERY_POINTS: b"0\n2\norders 0 1200\nrefunds.v2 11 7\n",
            LOG_STARTS: b"0\n1\norders 0 300\n",
            FIRST_DIRTY: b"",
            MARKER: KAFKAS_MARKER,
        }
    )
    checkpoints = taken(files)

    assert checkpoints.was_clean
    assert checkpoints.of(ORDERS) == LogCheckpoint(recovery_point=1200, log_start=300)
    assert checkpoints.of(REFUNDS) == LogCheckpoint(recovery_point=7)
    assert checkpoints.unreadable == []


@pytest.mark.parametrize("name", [RECOVERY_POINTS, LOG_STARTS, FIRST_DIRTY])
@pytest.mark.parametrize("content", [b"0\n1\norders 0 12", b"1\n0\n", b"\0" * 40, b"0\n" * (MAX_FILE_BYTES // 2 + 1)])
def test_a_file_that_is_not_what_it_should_be_counts_as_empty(name: str, content: bytes):
    checkpoints = taken(holding({name: content}))

    assert checkpoints.unreadable == [name]
    assert checkpoints.of(ORDERS) == LogCheckpoint()


def test_a_file_that_cannot_be_read_counts_as_empty(tmp_path: Path):
    (tmp_path / LOG_STARTS).mkdir()

    assert Checkpoints.take(OsFiles(), tmp_path).unreadable == [LOG_STARTS]


def test_everything_that_is_saved_is_known_the_next_time(tmp_path: Path):
    checkpoints = Checkpoints.take(OsFiles(), tmp_path)
    checkpoints.set_recovery_point(ORDERS, 1200)
    checkpoints.set_log_start(ORDERS, 300)
    checkpoints.set_first_dirty(ORDERS, 0)
    checkpoints.set_recovery_point(REFUNDS, 0)
    checkpoints.set_log_start(REFUNDS, 0)
    checkpoints.save_recovery_points()
    checkpoints.save_log_starts()
    checkpoints.save_first_dirty()
    checkpoints.save_clean_shutdown({ORDERS: END})

    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {
        RECOVERY_POINTS: b"0\n2\norders 0 1200\nrefunds.v2 11 0\n",
        LOG_STARTS: b"0\n1\norders 0 300\n",
        FIRST_DIRTY: b"0\n1\norders 0 0\n",
        MARKER: OURS,
    }
    again = Checkpoints.take(OsFiles(), tmp_path)
    assert again.was_clean
    assert again.of(ORDERS) == LogCheckpoint(1200, 300, 0, END)
    assert again.of(REFUNDS) == LogCheckpoint()
    assert not (tmp_path / MARKER).exists()


def test_a_file_is_only_written_when_it_has_changed():
    files = holding({RECOVERY_POINTS: encode_offsets({ORDERS: 5})})
    checkpoints = taken(files)
    before = files.calls

    checkpoints.save_recovery_points()
    checkpoints.set_recovery_point(ORDERS, 5)
    checkpoints.forget(REFUNDS)
    checkpoints.set_log_start(ORDERS, 0)
    checkpoints.save_recovery_points()
    checkpoints.save_log_starts()
    checkpoints.save_first_dirty()

    assert files.calls == before


def test_a_save_that_failed_is_tried_again():
    files = MemoryFiles()
    checkpoints = taken(files)
    checkpoints.set_log_start(ORDERS, 9)
    files.fail_call(files.calls, error=errno.ENOSPC)
    with pytest.raises(OSError, match="No space left"):
        checkpoints.save_log_starts()

    checkpoints.save_log_starts()

    assert files.snapshot(files.root) == {LOG_STARTS: b"0\n1\norders 0 9\n"}


def test_of_a_partition_that_is_forgotten_nothing_stays():
    known = encode_offsets({ORDERS: 5, REFUNDS: 6})
    files = holding({RECOVERY_POINTS: known, LOG_STARTS: known, FIRST_DIRTY: known, MARKER: OURS})
    checkpoints = taken(files)

    checkpoints.forget(ORDERS)
    checkpoints.save_recovery_points()
    checkpoints.save_log_starts()
    checkpoints.save_first_dirty()

    assert checkpoints.of(ORDERS) == LogCheckpoint()
    assert set(files.snapshot(files.root).values()) == {encode_offsets({REFUNDS: 6})}


@pytest.mark.parametrize(
    "content",
    [
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"logEnds": []}',
        b'{"logEnds": {"orders": [1, 1, 1]}}',
        b'{"logEnds": {"orders-0": [1, 1]}}',
        b'{"logEnds": {"orders-0": 7}}',
        b'{"logEnds": {"orders-0": [1, 1, true]}}',
        b'{"logEnds": {"orders-0": [1, 1, -1]}}',
        b'{"logEnds": {"orders-0": [1, 1, 1.0]}}',
        b'{"logEnds": {"orders-0": [1, 1, %d]}}' % (MAX_OFFSET + 1),
        b'{"logEnds": {"orders-0": [1, 1, ' + b"1" * 5000 + b"]}}",
        KAFKAS_MARKER.ljust(MAX_FILE_BYTES + 1),
    ],
)
def test_a_marker_that_is_not_what_it_should_be_is_not_believed(content: bytes):
    files = holding({MARKER: content})
    checkpoints = taken(files)

    assert not checkpoints.was_clean
    assert checkpoints.of(ORDERS).clean_end is None
    assert checkpoints.unreadable == [MARKER]
    assert not files.exists(files.root / MARKER)


@given(st.binary(max_size=80))
def test_no_marker_keeps_a_directory_from_being_opened(content: bytes):
    files = holding({MARKER: content})

    taken(files)

    assert not files.exists(files.root / MARKER)


@given(st.dictionaries(partitions, st.builds(CleanEnd, offsets, offsets, offsets), max_size=8))
def test_the_ends_of_logs_come_back_from_a_marker_that_kafka_reads_too(ends: dict[TopicPartition, CleanEnd]):
    files = MemoryFiles()
    taken(files).save_clean_shutdown(ends)

    marker = json.loads(files.content(files.root / MARKER))
    assert (marker["version"], marker["brokerEpoch"]) == (0, -1)
    checkpoints = taken(files)
    assert checkpoints.was_clean
    assert {partition: checkpoints.of(partition).clean_end for partition in ends} == ends


@pytest.mark.parametrize("call", range(3, 9))
def test_a_marker_that_cannot_be_taken_away_is_an_error(call: int):
    files = holding({MARKER: OURS})
    taken(files)
    assert [name for name, _ in files.history[3:]] == ["open", "read", "truncate", "sync", "remove", "sync_directory"]
    files = holding({MARKER: OURS})
    files.fail_call(call)

    with pytest.raises(OSError, match="Input/output error"):
        taken(files)


def test_several_threads_may_set_and_save_at_once(tmp_path: Path):
    checkpoints = Checkpoints.take(OsFiles(), tmp_path)

    def work(index: int) -> None:
        for offset in range(1, 40):
            checkpoints.set_recovery_point(TopicPartition("orders", index), offset)
            checkpoints.save_recovery_points()
            decode_offsets((tmp_path / RECOVERY_POINTS).read_bytes())

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(work, range(6)))

    saved = decode_offsets((tmp_path / RECOVERY_POINTS).read_bytes())
    assert saved == {TopicPartition("orders", index): 39 for index in range(6)}
