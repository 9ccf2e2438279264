"""Where to begin and where to end, as people write it."""

from datetime import UTC, datetime

import pytest
from hypothesis import given, strategies as st

from gomq.cli.places import Bounds, Kind, Place, PlaceError, offset_at, parse_place

NOW_MS = 1_764_151_200_000


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("earliest", Place(Kind.EARLIEST)),
        ("beginning", Place(Kind.EARLIEST)),
        ("latest", Place(Kind.LATEST)),
        ("end", Place(Kind.LATEST)),
        ("0", Place(Kind.OFFSET, 0)),
        ("9223372036854775807", Place(Kind.OFFSET, (1 << 63) - 1)),
        ("-10", Place(Kind.FROM_END, 10)),
        ("@1764151200000", Place(Kind.TIME, NOW_MS)),
        ("s@1764151200000", Place(Kind.TIME, NOW_MS)),
        ("e@1764151200000", Place(Kind.TIME, NOW_MS)),
        ("2025-11-26T10:00:00Z", Place(Kind.TIME, NOW_MS)),
        ("2025-11-26 11:00:00+01:00", Place(Kind.TIME, NOW_MS)),
        ("2025-11-26T10:00:00", Place(Kind.TIME, NOW_MS)),
        ("15m", Place(Kind.TIME, NOW_MS - 900_000)),
        ("-15m", Place(Kind.TIME, NOW_MS - 900_000)),
        ("s@1767225600000", Place(Kind.TIME, 1_767_225_600_000)),
    ],
)
def test_every_spelling_is_understood(text: str, place: Place):
    assert parse_place(text, now_ms=NOW_MS) == place


@pytest.mark.parametrize("text", ["", "-", "--1", "+1", "s@", "soon", "s@soon", "9223372036854775808", "1" * 5000, "²"])
def test_what_is_no_place_is_told_with_all_that_would_be(text: str):
    with pytest.raises(PlaceError, match="earliest, latest, an offset, -N for the last N"):
        parse_place(text, now_ms=NOW_MS)


def test_times_that_no_calendar_has_are_the_nearest_that_one_has():
    assert Place(Kind.TIME, -5).time == datetime(1970, 1, 1, tzinfo=UTC)
    assert Place(Kind.TIME, 10**18).time.year == 9999


places = st.builds(Place, st.sampled_from(Kind), st.integers(0, 1 << 62))
bounds = st.tuples(st.integers(0, 1000), st.integers(0, 1000)).map(lambda pair: Bounds(min(pair), max(pair)))


@given(places, bounds, st.data())
def test_a_place_is_always_one_that_the_partition_has_or_its_end(place: Place, held: Bounds, data: st.DataObject):
    at_time = data.draw(st.none() | st.integers(*held))

    assert held.first <= offset_at(place, held, at_time=at_time) <= held.end


def test_places_are_offsets_of_each_partition():
    held = Bounds(10, 42)

    assert offset_at(Place(Kind.EARLIEST), held) == 10
    assert offset_at(Place(Kind.LATEST), held) == 42
    assert offset_at(Place(Kind.OFFSET, 20), held) == 20
    assert offset_at(Place(Kind.OFFSET, 9), held) == 10
    assert offset_at(Place(Kind.FROM_END, 2), held) == 40
    assert offset_at(Place(Kind.FROM_END, 99), held) == 10
    assert offset_at(Place(Kind.TIME, NOW_MS), held, at_time=33) == 33
    assert offset_at(Place(Kind.TIME, NOW_MS), held, at_time=None) == 42
