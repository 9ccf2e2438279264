"""The offset index answers with the last entry at or below an offset."""

import pytest
from hypothesis import given, strategies as st

from gomq_storage.offset_index import ENTRY, MAX_RELATIVE_OFFSET, OffsetIndex, OffsetPosition
from tests.support.memory_files import MemoryFiles

pairs = st.tuples(st.integers(0, MAX_RELATIVE_OFFSET), st.integers(0, 2**31 - 1))
ascending = st.lists(pairs, max_size=30, unique_by=(lambda pair: pair[0], lambda pair: pair[1])).map(
    lambda found: list(zip(sorted(pair[0] for pair in found), sorted(pair[1] for pair in found), strict=True))
)


def opened(files: MemoryFiles, base_offset: int) -> OffsetIndex:
    return OffsetIndex(files.open(files.root / "index", create=True), base_offset)


def filled(base_offset: int, entries: list[tuple[int, int]]) -> tuple[MemoryFiles, OffsetIndex]:
    files = MemoryFiles()
    index = opened(files, base_offset)
    for relative, position in entries:
        index.append(base_offset + relative, position)
    return files, index


@given(st.integers(0, 2**62), ascending, st.data())
def test_a_look_up_is_a_linear_search(base_offset: int, entries: list[tuple[int, int]], data: st.DataObject):
    _, index = filled(base_offset, entries)
    near = [relative + step for relative, _ in entries for step in (-1, 0, 1)] or [0]
    relative = data.draw(st.sampled_from(near) | st.integers(0, 2**32), label="relative offset")

    below = [entry for entry in [(0, 0), *entries] if entry[0] <= relative] or [(0, 0)]
    expected = below[-1]

    assert index.look_up(base_offset + relative) == OffsetPosition(base_offset + expected[0], expected[1])


@given(st.integers(0, 2**62), ascending)
def test_its_bytes_are_kafkas_and_are_read_back(base_offset: int, entries: list[tuple[int, int]]):
    files, index = filled(base_offset, entries)
    index.flush()

    assert files.content(files.root / "index") == b"".join(
        relative.to_bytes(4, "big") + position.to_bytes(4, "big") for relative, position in entries
    )
    again = opened(files, base_offset)
    assert len(again) == len(index) == len(entries)
    assert again.last == index.last


def test_an_empty_index_answers_with_the_segments_start():
    _, index = filled(7, [])

    assert index.last == index.look_up(7) == index.look_up(10**9) == OffsetPosition(7, 0)


def test_an_offset_before_the_segment_leads_to_its_start():
    _, index = filled(100, [(5, 50)])

    assert index.look_up(3) == OffsetPosition(100, 0)


def test_an_entry_is_eight_bytes():
    assert ENTRY.size == 8


@given(st.integers(0, 2**62), ascending, st.data())
def test_an_index_that_was_cut_knows_only_what_comes_before(
    base_offset: int, entries: list[tuple[int, int]], data: st.DataObject
):
    files, index = filled(base_offset, entries)
    near = [relative + step for relative, _ in entries for step in (-1, 0, 1)] or [0]
    relative = data.draw(st.sampled_from(near) | st.integers(-9, 2**32), label="relative offset")

    index.cut(base_offset + relative)

    kept = [entry for entry in entries if entry[0] < relative]
    assert len(index) == len(kept)
    index.append(base_offset + MAX_RELATIVE_OFFSET, 2**31 - 1)
    index.flush()
    assert files.content(files.root / "index") == b"".join(
        ENTRY.pack(*entry) for entry in [*kept, (MAX_RELATIVE_OFFSET, 2**31 - 1)]
    )


def test_an_index_is_not_looked_at_before_it_is_used():
    files = MemoryFiles()
    files.put(files.root / "index", ENTRY.pack(1, 10) + ENTRY.pack(2, 20))
    index = OffsetIndex(files.open(files.root / "index"), 100)
    assert files.calls == 0

    assert index.look_up(101) == OffsetPosition(101, 10)


def test_an_index_is_synced_renamed_and_closed_with_its_file():
    files, index = filled(0, [(1, 10)])
    index.flush()
    index.sync()
    index.rename(files.root / "renamed")
    index.close()

    assert index.path == files.root / "renamed"
    assert [name for name, _ in files.history][-2:] == ["sync", "rename"]
    with pytest.raises(OSError, match="Bad file descriptor"):
        index.look_up(1)


def test_rebuilding_starts_from_nothing():
    files, index = filled(0, [(5, 1), (9, 2)])

    index.begin_rebuilding()
    index.append(3, 7)
    assert index.last == OffsetPosition(3, 7)
    index.finish_rebuilding()

    assert files.content(files.root / "index") == ENTRY.pack(3, 7)
