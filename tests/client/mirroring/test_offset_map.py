"""Which offset is which on both sides: against a plain dictionary of every message."""

import pytest
from hypothesis import given, strategies as st

from gomq.client.mirroring.offset_map import MOST_POINTS, OffsetMap, Point

RUNS = st.lists(st.tuples(st.integers(0, 3), st.integers(1, 5)), max_size=40)
"""How many offsets are missing in front of a run, and how many messages are in it."""


def built(runs: list[tuple[int, int]], *, first: int = 0) -> tuple[OffsetMap, dict[int, int]]:
    """Make a map, and the same as a dictionary."""
    offsets = OffsetMap(Point(first, 0))
    naive: dict[int, int] = {}
    source, target = first, 0
    for gap, count in runs:
        source += gap
        offsets.add(source, count)
        naive.update((source + number, target + number) for number in range(count))
        source, target = source + count, target + count
    return offsets, naive


def naive_translation(naive: dict[int, int], offset: int) -> int:
    """Count the messages in front of an offset."""
    return sum(source < offset for source in naive)


@given(RUNS, st.integers(0, 5))
def test_every_offset_is_translated_as_counting_would(runs: list[tuple[int, int]], first: int):
    offsets, naive = built(runs, first=first)

    for offset in range(offsets.end.source + 3):
        assert offsets.translate(offset).target == naive_translation(naive, offset)


@given(RUNS)
def test_a_map_outlives_being_written_down(runs: list[tuple[int, int]]):
    offsets, naive = built(runs)

    again = OffsetMap.from_json(offsets.to_json())

    assert again is not None
    assert again.end == offsets.end
    assert [again.translate(each).target for each in naive] == list(naive.values())
    assert again.keeps_offsets == all(source == target for source, target in naive.items())


@given(RUNS, st.integers(0, 250))
def test_a_map_that_is_cut_ends_at_or_in_front_of_the_target_and_is_right(runs: list[tuple[int, int]], target: int):
    offsets, naive = built(runs)

    end = offsets.cut(target)

    assert end == offsets.end
    assert end.target <= max(target, 0)
    assert naive_translation(naive, end.source) == end.target


@given(RUNS, st.integers(0, 3), st.integers(1, 5))
def test_a_place_that_is_reached_without_a_gap_is_mapped_as_its_messages_are(
    runs: list[tuple[int, int]], gap: int, count: int
):
    offsets, naive = built([*runs, (gap, count)])
    reached, _ = built(runs)
    reached.skip_to(reached.end.source + gap)

    reached.reach(offsets.end)

    assert [reached.translate(each).target for each in range(offsets.end.source + 3)] == [
        naive_translation(naive, each) for each in range(offsets.end.source + 3)
    ]
    assert reached.keeps_offsets == offsets.keeps_offsets


@given(RUNS, st.integers(1, 20), st.integers(1, 5))
def test_of_a_place_behind_gaps_that_are_not_known_no_offset_in_between_is_told(
    runs: list[tuple[int, int]], gaps: int, count: int
):
    offsets, naive = built(runs)
    before = offsets.end

    offsets.reach(Point(before.source + count + gaps, before.target + count))

    assert not offsets.keeps_offsets
    for each in range(offsets.end.source):
        anchor, target = offsets.translate(each)
        assert target in ({None, naive_translation(naive, each)} if each <= before.source else {None})
        assert naive_translation(naive, anchor.source) == anchor.target


def test_a_map_of_many_gaps_stays_small_and_says_where_it_does_not_know():
    runs = [(1 + number % 3, 1 + number % 2) for number in range(3 * MOST_POINTS)]
    offsets, naive = built(runs)

    assert len(offsets.points) <= MOST_POINTS + 1
    assert offsets.is_thinned
    for offset in range(0, offsets.end.source, 37):
        anchor, target = offsets.translate(offset)
        assert naive_translation(naive, anchor.source) == anchor.target
        assert target in {None, naive_translation(naive, offset)}


@pytest.mark.parametrize(
    "fields",
    [
        None,
        [],
        {},
        {"version": 2, "points": [[0, 0], [1, 1]]},
        {"version": 1},
        {"version": 1, "points": [[0, 0]]},
        {"version": 1, "points": [[0, 0], [1]]},
        {"version": 1, "points": [[0, 0], [-1, 0]]},
        {"version": 1, "points": [[0, 0], [1 << 63, 0]]},
        {"version": 1, "points": [[0, 0]] * 1000},
        {"version": 1, "points": [[5, 3], [4, 4]]},
        {"version": 1, "points": [[5, 3], [6, 2]]},
        {"version": 1, "points": [[5, True], [6, 2]]},
    ],
)
def test_what_is_no_map_is_not_taken_for_one(fields: object):
    assert OffsetMap.from_json(fields) is None
