"""The offset index answers with the last entry at or below an offset."""

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
