"""Indexes are disposable: whatever is in them, every answer is the same, and opening puts them right."""

import random
from collections.abc import Callable

import pytest
from hypothesis import given, settings, strategies as st

from gomq_storage.config import LogConfig
from gomq_storage.recovery import RecoveryReport
from tests.support.log_batches import NOW, batch_of, records_in, values_in, values_of, write_log
from tests.support.memory_files import MemoryFiles
from tests.support.sound_log import (
    BASES,
    BATCHES,
    CLEAN,
    CONFIG,
    COUNT,
    SIZE,
    SOUND,
    holding,
    killed,
    opened,
    segment,
    segments_of,
    stamped,
)

INDEXES = [segment(base, suffix) for base in BASES for suffix in (".index", ".timeindex")]
FAULTS: dict[str, Callable[[bytes, str], bytes | None]] = {
    "missing": lambda _, __: None,
    "empty": lambda _, __: b"",
    "odd": lambda content, _: content[:-3],
    "one entry short": lambda content, name: content[: -(8 if name.endswith(".index") else 12)],
    "first entry only": lambda content, name: content[: (8 if name.endswith(".index") else 12)],
    "zeros": lambda content, _: bytes(len(content)),
    "zeros behind": lambda content, _: content + bytes(240),
    "random": lambda content, _: random.Random(1).randbytes(len(content)),
    "beyond the log": lambda content, _: b"\x7f" * len(content),
    "zeros in the last entry": lambda content, _: content[:-8] + bytes(4) + content[-4:],
    "reversed": lambda content, _: content[::-1],
    "of another segment": lambda _, name: SOUND[
        segment(36 if int(name[:20]) < 36 else 0, name[20:])
    ],
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
@pytest.mark.parametrize("name", INDEXES)
def test_an_index_in_whatever_state_gives_the_same_reads_and_is_rebuilt(
    name: str, fault: Callable[[bytes, str], bytes | None]
):
    files = holding(**{name: fault(SOUND[name], name)})
    log = opened(files)

    for offset in range(log.log_end):
        found = log.read(offset, max_bytes=1)
        assert found is not None
        assert found.read() == stamped(offset // 3 * 3, batch=BATCHES[offset // 3])
    for number in range(COUNT):
        assert log.find_timestamp(NOW + 1000 * number) == (NOW + 1000 * number, 3 * number)
    assert log.find_timestamp(NOW + 1000 * COUNT) is None
    assert log.largest_timestamp() == (NOW + 1000 * (COUNT - 1) + 2, 3 * COUNT - 1)
    log.close()
    assert segments_of(files) == SOUND


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.sampled_from(INDEXES), st.integers(0, 47), st.integers(1, 255)), min_size=1, max_size=4))
def test_a_changed_byte_in_an_index_changes_no_answer(changes: list[tuple[str, int, int]]):
    indexes = {name: bytearray(SOUND[name]) for name in INDEXES}
    for name, position, flip in changes:
        indexes[name][position % len(indexes[name])] ^= flip
    log = opened(holding(**{name: bytes(content) for name, content in indexes.items()}))

    assert values_in(log) == values_of(*BATCHES)
    for number in range(COUNT):
        assert log.find_timestamp(NOW + 1000 * number) == (NOW + 1000 * number, 3 * number)
        assert log.read(3 * number + 1, max_bytes=1) is not None


def test_all_indexes_may_be_missing():
    log = opened(holding(**dict.fromkeys(INDEXES)))

    assert log.recovery == RecoveryReport(rebuilt_segments=2)
    assert values_in(log) == values_of(*BATCHES)


def test_a_smaller_index_interval_is_brought_about_by_rebuilding():
    files = MemoryFiles()
    write_log(files.root, BATCHES, LogConfig(segment_bytes=6 * SIZE, index_interval_bytes=10**9), files=files)
    files = killed(files)
    log = opened(files)
    log.close()

    assert log.recovery == RecoveryReport(rebuilt_segments=2)
    assert segments_of(files) == SOUND


def test_records_without_timestamps_need_no_time_index():
    files = MemoryFiles()
    batches = [batch_of(b"x" * 40, timestamp=-1) for _ in range(20)]
    write_log(files.root, batches, CONFIG, files=files)
    log = opened(files)

    assert log.recovery == CLEAN
    assert [record.timestamp for record in records_in(log)] == [-1] * 20
    assert log.find_timestamp(0) is None
