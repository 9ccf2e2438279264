"""Where a mirror goes on: against every place at which one can have been killed."""

from hypothesis import given, strategies as st

from gomq.client.mirroring.offset_map import OffsetMap, Point
from gomq.client.mirroring.resuming import (
    COMPARED,
    Bounds,
    Row,
    already_there,
    look_back,
    starting_point,
    why_not_the_same,
)
from gomq_storage.record_fields import Columns


def rows_of(*numbers: int) -> list[Row]:
    """Make messages that are told by a number."""
    return [Row(number, None, b"%d" % number, ()) for number in numbers]


def columns_of(first: int, *values: bytes) -> Columns:
    """Make messages of consecutive offsets."""
    count = len(values)
    offsets = list(range(first, first + count))
    return Columns(offsets, [5] * count, [None] * count, list(values), [()] * count)


@given(st.lists(st.integers(0, 3), max_size=30), st.integers(0, 30))
def test_as_many_messages_are_there_as_were_written_behind_the_checkpoint(numbers: list[int], written: int):
    source = rows_of(*numbers)
    written = min(written, len(source))

    assert already_there(source, source[:written], expected=written) == written


@given(st.lists(st.integers(), min_size=1, max_size=30, unique=True), st.data())
def test_what_compaction_has_removed_since_changes_nothing(numbers: list[int], data: st.DataObject):
    """Of the source some are gone, of the target too, but never its last one."""
    written = data.draw(st.integers(1, len(numbers)))
    kept = [number for number in numbers if data.draw(st.booleans())]
    target = [number for number in numbers[: written - 1] if data.draw(st.booleans())] + [numbers[written - 1]]

    found = already_there(rows_of(*kept[:written]), rows_of(*target), expected=written)

    missing = [number for number in numbers[written:] if number in kept]
    assert found is not None or len(kept) >= written
    assert kept[found or 0 :][-len(missing) :] == missing or not missing  # nothing is left out


def test_messages_that_the_source_does_not_have_are_somebody_elses():
    assert already_there(rows_of(1, 2, 3), rows_of(7, 8), expected=2) is None


@given(st.integers(0, 50), st.integers(0, 50))
def test_an_empty_target_begins_with_what_the_source_has(beginning: int, count: int):
    assert look_back(Bounds(0, 0), None) is None
    assert starting_point(Bounds(beginning, beginning + count), Bounds(0, 0), None) == (beginning, 0)


def test_without_a_checkpoint_the_last_offsets_are_compared():
    tail = look_back(Bounds(0, 5000), None)

    assert tail is not None
    assert tail.point == (5000 - COMPARED, 5000 - COMPARED)
    assert not tail.is_checkpoint


def test_behind_a_checkpoint_what_was_added_is_compared():
    known = OffsetMap(Point(10, 0))
    known.add(10, 20)

    tail = look_back(Bounds(0, 25), known)

    assert tail is not None
    assert tail.point == (30, 20)
    assert tail.is_checkpoint
    assert look_back(Bounds(0, 20), known) is None
    assert starting_point(Bounds(10, 90), Bounds(0, 20), known) == (30, 20)


def test_a_target_that_has_lost_its_end_goes_on_from_an_older_point():
    known = OffsetMap(Point(10, 0))
    known.add(10, 20)
    known.add(35, 10)

    tail = look_back(Bounds(0, 25), known)

    assert tail is not None
    assert tail.point == (35, 20)


def test_the_same_offsets_are_told_by_their_messages():
    both = columns_of(0, b"a", b"b", b"c")

    assert why_not_the_same(both, both, is_timed=True) is None
    assert why_not_the_same(columns_of(1, b"b", b"c"), both, is_timed=True) is None
    assert "offset 2" in str(why_not_the_same(both, columns_of(0, b"a", b"b", b"x"), is_timed=True))
    assert "no checkpoint" in str(why_not_the_same(columns_of(7, b"a"), both, is_timed=True))


def test_timestamps_are_left_out_where_the_target_sets_them():
    source = columns_of(0, b"a")
    target = source._replace(timestamps=[99])

    assert why_not_the_same(source, target, is_timed=False) is None
    assert why_not_the_same(source, target, is_timed=True) is not None
