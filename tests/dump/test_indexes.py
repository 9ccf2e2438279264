"""Walking index files, without a log to compare them with."""

from itertools import pairwise

from hypothesis import given, settings, strategies as st

from gomq_dump.findings import Finding
from gomq_dump.reading.indexes import OffsetEntry, TimeEntry
from gomq_storage import offset_index, time_index
from tests.support.dumping import findings_in, problems, walk_index, walk_times


def offset_entries(*entries: tuple[int, int]) -> bytes:
    return b"".join(offset_index.ENTRY.pack(*entry) for entry in entries)


def time_entries(*entries: tuple[int, int]) -> bytes:
    return b"".join(time_index.ENTRY.pack(*entry) for entry in entries)


def pairs(items: list[OffsetEntry | Finding]) -> list[tuple[int, int]]:
    return [(item.offset, item.log_position) for item in items if isinstance(item, OffsetEntry)]


def times(items: list[TimeEntry | Finding]) -> list[tuple[int, int]]:
    return [(item.timestamp, item.offset) for item in items if isinstance(item, TimeEntry)]


def test_entries_come_out_with_the_segments_base_offset_added():
    assert pairs(walk_index(offset_entries((4, 500), (9, 1100)), base_offset=100)) == [(104, 500), (109, 1100)]
    assert times(walk_times(time_entries((1000, 4), (1001, 9)), base_offset=100)) == [(1000, 104), (1001, 109)]


def test_an_index_without_entries_is_sound():
    assert walk_index(b"") == []
    assert walk_times(b"") == []


def test_the_zeros_that_a_broker_fills_an_index_with_are_no_entries():
    items = walk_index(offset_entries((4, 500)) + bytes(8 * 100_000))

    assert pairs(items) == [(4, 500)]
    assert problems(items) == []


def test_of_an_index_of_zeros_only_the_first_entry_is_shown_as_kafkas_tool_does():
    (entry,) = walk_index(bytes(8 * 20_000))
    (time_entry,) = walk_times(bytes(12 * 20_000))

    assert isinstance(entry, OffsetEntry)
    assert isinstance(time_entry, TimeEntry)
    assert entry.is_zero
    assert time_entry.is_zero


def test_part_of_an_entry_at_the_end_is_reported():
    (finding,) = findings_in(walk_index(offset_entries((4, 500)) + b"abc"))

    assert (finding.problem, finding.position, finding.found) == ("index-length", 8, 11)
    assert finding.expected == "a multiple of 8"


def test_offsets_and_positions_that_do_not_ascend_are_reported_at_their_entry():
    items = walk_index(offset_entries((4, 500), (4, 600), (9, 600), (8, 550)))

    found = [(finding.problem, finding.position, finding.found) for finding in findings_in(items)]
    assert found == [("index-order", 8, 4), ("index-order", 16, 600), ("index-order", 24, 8), ("index-order", 24, 550)]


def test_timestamps_and_offsets_that_do_not_ascend_are_reported_at_their_entry():
    items = walk_times(time_entries((1000, 4), (1000, 5), (999, 6), (1001, 3)))

    found = [(finding.problem, finding.position, finding.found) for finding in findings_in(items)]
    assert found == [("index-order", 12, 1000), ("index-order", 24, 999), ("index-order", 36, 3)]


def test_zeros_between_entries_are_one_finding():
    items = walk_index(offset_entries((4, 500)) + bytes(8 * 20_000) + offset_entries((9, 1100)))

    (finding,) = findings_in(items)
    assert (finding.problem, finding.position, finding.size) == ("index-order", 8, 160_000)
    assert pairs(items) == [(4, 500), (9, 1100)]


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_arbitrary_bytes_raise_nothing_and_an_odd_length_is_always_reported(data: bytes):
    assert ("index-length" in problems(walk_index(data))) == (len(data) % 8 != 0)
    assert ("index-length" in problems(walk_times(data))) == (len(data) % 12 != 0)


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(1, 2**31), st.integers(0, 2**31)), unique=True))
def test_ascending_entries_come_back_and_others_are_reported(entries: list[tuple[int, int]]):
    items = walk_index(offset_entries(*entries))

    assert pairs(items) == entries
    ascends = all(a[0] < b[0] and a[1] < b[1] for a, b in pairwise(entries))
    assert (problems(items) == []) == ascends
