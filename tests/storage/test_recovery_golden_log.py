"""A small log with every codec, damaged in every way: opened with all its records, or refused with nothing changed."""

import random
from collections.abc import Callable

import pytest

from gomq_storage.batch import check_batch
from gomq_storage.compression import Codec
from gomq_storage.config import LogConfig
from gomq_storage.errors import CorruptBatchError, DamagedLogError
from gomq_storage.layout import CLEAN_SHUTDOWN_FILE_NAME, LOG_START_FILE_NAME, RECOVERY_POINT_FILE_NAME
from gomq_storage.log import Log
from gomq_storage.recovery import RecoveryReport
from tests.support.log_batches import numbered, values_of, whole_batches
from tests.support.memory_files import MemoryFiles
from tests.support.sound_log import put, segment, segments_of

CONFIG = LogConfig(index_interval_bytes=0)
CODECS = list(Codec)
BATCHES = [numbered(number, codec=CODECS[number % len(CODECS)]) for number in range(12)]
VALUES = values_of(*BATCHES)
LAST = segment(24)
ENDS = [sum(map(len, BATCHES[8 : 8 + count])) for count in range(5)]
"""Where the batches of the last segment end."""


def golden() -> dict[str, bytes]:
    """Make three segments of four batches, the first record deleted, and close them."""
    files = MemoryFiles()
    log = Log.open(files.root, CONFIG, files=files)
    for number, batch in enumerate(BATCHES):
        if number in {4, 8}:
            log.roll()
        log.append(batch)
    log.delete_records(1)
    log.close()
    return files.snapshot(files.root)


CLOSED = golden()
KILLED = {
    name: content
    for name, content in CLOSED.items()
    if name not in {CLEAN_SHUTDOWN_FILE_NAME, RECOVERY_POINT_FILE_NAME}
}
states = pytest.mark.parametrize("state", [CLOSED, KILLED], ids=["closed", "killed"])


def opened(files: MemoryFiles) -> Log:
    return Log.open(files.root, CONFIG, files=files)


def values_from_start(log: Log) -> list[bytes | None]:
    """Read a log as a consumer does who checks every CRC, and that no offset is missing."""
    values: list[bytes | None] = []
    following = log.log_start // 3 * 3
    for header, batch in whole_batches(log):
        check_batch(batch)
        if header.base_offset != following:
            raise CorruptBatchError(f"offset {header.base_offset} where {following} should follow")
        following = header.next_offset
        values += values_of(batch)
    return values[log.log_start % 3 :]


def flipped(content: bytes, bit: int) -> bytes:
    changed = bytearray(content)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


@states
def test_the_last_segment_may_be_cut_at_every_byte_and_keeps_the_batches_in_front(state: dict[str, bytes]):
    for size in range(ENDS[-1]):
        files = put(state | {LAST: state[LAST][:size]})
        log = opened(files)
        whole = max(count for count in range(5) if ENDS[count] <= size)
        assert values_from_start(log) == VALUES[1 : 24 + 3 * whole]
        assert log.recovery.truncated_bytes == size - ENDS[whole]
        assert not log.recovery.was_clean
        log.append(numbered(99))
        log.abandon()
        again = opened(files)
        assert again.recovery == RecoveryReport()
        assert values_from_start(again) == [*VALUES[1 : 24 + 3 * whole], *values_of(numbered(99))]
        again.abandon()


@pytest.mark.parametrize(("state", "step"), [(CLOSED, 3), (KILLED, 1)], ids=["closed", "killed"])
def test_no_flipped_bit_of_the_last_segment_changes_a_record_or_goes_unnoticed(state: dict[str, bytes], step: int):
    """Of a log that was closed only the last batch is looked at when it is opened; who reads the others sees it."""
    noticed = dict.fromkeys(("refused", "cut", "read"), 0)
    for bit in range(0, 8 * ENDS[-1], step):
        damaged = flipped(state[LAST], bit)
        files = put(state | {LAST: damaged})
        try:
            log = opened(files)
        except DamagedLogError:
            noticed["refused"] += 1
            assert files.content(files.root / LAST) == damaged
            continue
        try:
            values = values_from_start(log)
        except CorruptBatchError:
            noticed["read"] += 1
            assert (state, log.recovery.was_clean) == (CLOSED, True)
            assert bit // 8 < ENDS[3]
            continue
        finally:
            log.abandon()
        in_epoch = any(0 <= bit // 8 - end - 12 < 4 for end in ENDS)
        if values != VALUES[1:]:
            noticed["cut"] += 1
            assert values == VALUES[1:-3]
            assert files.content(files.root / f"{LAST}.torn-{ENDS[3]}") == damaged[ENDS[3] :]
        else:
            assert in_epoch, "the CRC leaves out the leader epoch, and nothing else"
    assert (noticed["refused"] > 100) == (state is KILLED)
    assert noticed["cut"] > 50
    assert (noticed["read"] > 100) == (state is CLOSED)


Fault = Callable[[str, bytes], bytes | None]
FAULTS: dict[str, Fault] = {
    "missing": lambda _, __: None,
    "empty": lambda _, __: b"",
    "odd": lambda _, content: content[:-1],
    "zeroed": lambda _, content: bytes(len(content)),
    "random": lambda _, content: random.Random(5).randbytes(len(content)),
    "of another segment": lambda name, content: next(
        (CLOSED[other] for other in CLOSED if other != name and other[20:] == name[20:] and name[0] == "0"), content
    ),
}
BESIDE = sorted(name for name in CLOSED if not name.endswith(".log"))


@states
@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
@pytest.mark.parametrize("name", BESIDE)
def test_every_file_beside_the_logs_is_disposable(name: str, fault: Fault, state: dict[str, bytes]):
    if name not in state:
        return
    files = put(state | {name: fault(name, state[name])})
    log = opened(files)

    assert log.log_start in ({0, 1} if name == LOG_START_FILE_NAME else {1})
    assert values_from_start(log) == VALUES[log.log_start :]
    for number, batch in enumerate(BATCHES):
        assert (found := log.find_timestamp(int.from_bytes(batch[27:35], "big"))) is not None
        assert found.offset == max(3 * number, log.log_start)
    log.close()
    assert segments_of(files) == segments_of(put(CLOSED))
    again = opened(files)
    assert (again.recovery, again.recovery.was_clean) == (RecoveryReport(), True)
    assert values_from_start(again) == VALUES[again.log_start :]
    again.abandon()


@states
def test_all_files_beside_the_logs_may_be_missing(state: dict[str, bytes]):
    files = put({name: content for name, content in state.items() if name.endswith(".log")})
    log = opened(files)

    assert values_from_start(log) == VALUES
    log.close()
    assert segments_of(files) == segments_of(put(CLOSED))


@pytest.mark.parametrize("name", [segment(0), segment(12)])
def test_a_sealed_segment_that_was_cut_is_refused_after_a_kill_and_found_out_when_read_after_a_stop(name: str):
    for size in range(0, len(CLOSED[name]), 7):
        killed, closed = put(KILLED | {name: CLOSED[name][:size]}), put(CLOSED | {name: CLOSED[name][:size]})
        with pytest.raises(DamagedLogError):
            opened(killed)
        assert killed.snapshot(killed.root) == KILLED | {name: CLOSED[name][:size]}
        log = opened(closed)
        with pytest.raises((DamagedLogError, CorruptBatchError)):
            values_from_start(log)
        assert closed.content(closed.root / name) == CLOSED[name][:size]
        log.abandon()


def test_a_marker_is_not_believed_where_the_last_segment_is_another():
    for changes in ({LAST: CLOSED[LAST] + b"\0"}, {LAST: CLOSED[LAST] + BATCHES[0]}, {LAST: CLOSED[LAST][:-1]}):
        log = opened(put(CLOSED | changes))
        assert not log.recovery.was_clean
        log.abandon()
