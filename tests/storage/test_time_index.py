"""The time index keeps the largest timestamp so far, and answers with the last entry at or below one."""

import pytest
from hypothesis import given, strategies as st

from gomq_storage.batch import NO_TIMESTAMP
from gomq_storage.time_index import ENTRY, TimeIndex, TimestampOffset
from tests.support.memory_files import MemoryFiles

entry_lists = st.lists(st.tuples(st.integers(-1, 200) | st.integers(-(2**63), 2**63 - 1), st.integers(0, 2**31 - 1)))


def opened(files: MemoryFiles, base_offset: int) -> TimeIndex:
    return TimeIndex(files.open(files.root / "timeindex", create=True), base_offset)


def filled(base_offset: int, entries: list[tuple[int, int]]) -> tuple[MemoryFiles, TimeIndex]:
    files = MemoryFiles()
    index = opened(files, base_offset)
    for timestamp, relative in entries:
        index.append_if_larger(TimestampOffset(timestamp, base_offset + relative))
    return files, index


def kept(entries: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Say which entries are larger than all before them, and than no timestamp."""
    found: list[tuple[int, int]] = []
    for entry in entries:
        if entry[0] > (found[-1][0] if found else NO_TIMESTAMP):
            found.append(entry)
    return found


@given(st.integers(0, 2**62), entry_lists)
def test_only_a_larger_timestamp_adds_an_entry_and_its_bytes_are_kafkas(
    base_offset: int, entries: list[tuple[int, int]]
):
    files, index = filled(base_offset, entries)
    index.flush()

    assert files.content(files.root / "timeindex") == b"".join(
        timestamp.to_bytes(8, "big") + relative.to_bytes(4, "big") for timestamp, relative in kept(entries)
    )
    assert len(index) == len(kept(entries))
    assert opened(files, base_offset).last == index.last


@given(st.integers(0, 2**62), entry_lists, st.data())
def test_a_look_up_is_a_linear_search(base_offset: int, entries: list[tuple[int, int]], data: st.DataObject):
    _, index = filled(base_offset, entries)
    near = [timestamp + step for timestamp, _ in entries for step in (-1, 0, 1)] or [0]
    timestamp = data.draw(st.sampled_from(near), label="timestamp")

    below = [entry for entry in kept(entries) if entry[0] <= timestamp]
    expected = below[-1] if below else (NO_TIMESTAMP, 0)

    assert index.look_up(timestamp) == TimestampOffset(expected[0], base_offset + expected[1])


def test_an_empty_index_answers_with_no_timestamp_at_the_segments_start():
    _, index = filled(9, [])

    assert index.last == index.look_up(0) == TimestampOffset(NO_TIMESTAMP, 9)


def test_an_entry_is_twelve_bytes():
    assert ENTRY.size == 12


def test_rebuilding_starts_from_nothing():
    files, index = filled(0, [(5, 1), (9, 2)])

    index.begin_rebuilding()
    index.append_if_larger(TimestampOffset(3, 7))
    index.finish_rebuilding()

    assert files.content(files.root / "timeindex") == ENTRY.pack(3, 7)
    assert opened(files, 0).last == index.last == TimestampOffset(3, 7)


@given(st.integers(0, 2**62), st.lists(st.integers(0, 2**31 - 1), unique=True), st.data())
def test_an_index_that_was_cut_knows_only_what_comes_before(base_offset: int, offsets: list[int], data: st.DataObject):
    entries = [(10 * number, relative) for number, relative in enumerate(sorted(offsets))]
    files, index = filled(base_offset, entries)
    near = [relative + step for relative in offsets for step in (-1, 0, 1)] or [0]
    relative = data.draw(st.sampled_from(near), label="relative offset")

    index.cut(base_offset + relative)

    kept = [entry for entry in entries if entry[1] < relative]
    assert len(index) == len(kept)
    index.flush()
    assert index.last == opened(files, base_offset).last
    index.append_if_larger(TimestampOffset((kept[-1][0] if kept else NO_TIMESTAMP) + 1, base_offset + relative + 1))
    index.flush()
    assert len(index) == len(opened(files, base_offset)) == len(kept) + 1


def test_an_index_is_not_looked_at_before_it_is_used_or_rebuilt():
    files = MemoryFiles()
    files.put(files.root / "timeindex", ENTRY.pack(10, 1) + ENTRY.pack(20, 2))
    index, rebuilt = (TimeIndex(files.open(files.root / "timeindex"), 100) for _ in range(2))
    rebuilt.begin_rebuilding()
    assert files.calls == 0

    assert rebuilt.last == TimestampOffset(NO_TIMESTAMP, 100)
    assert index.last == index.look_up(99) == TimestampOffset(20, 102)
    index.append_if_larger(TimestampOffset(15, 103))
    assert len(index) == 2


def test_an_index_is_synced_renamed_and_closed_with_its_file():
    files, index = filled(0, [(5, 1)])
    index.flush()
    index.sync()
    index.rename(files.root / "renamed")
    index.close()

    assert index.path == files.root / "renamed"
    assert [name for name, _ in files.history][-2:] == ["sync", "rename"]
    with pytest.raises(OSError, match="Bad file descriptor"):
        index.look_up(1)
