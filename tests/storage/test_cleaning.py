"""What may be compacted, when it is worth it, and which segments become one."""

import pytest
from hypothesis import given, strategies as st

from gomq_storage.cleaning import MAX_INDEX_BYTES, Cleanable, SealedSegment, cleanable, group_segments
from gomq_storage.config import LogConfig
from gomq_storage.offset_index import MAX_RELATIVE_OFFSET

NOW = 1_700_000_000_000
HOUR = 3_600_000


def sealed(*ages_in_hours: int, size: int = 100) -> list[SealedSegment]:
    """Make segments of ten offsets each, whose first batch is an hour older than their last."""
    return [
        SealedSegment(10 * number, size, NOW - age * HOUR, NOW - (age + 1) * HOUR)
        for number, age in enumerate(ages_in_hours)
    ]


def decided(segments: list[SealedSegment], *, first_dirty: int | None, config: LogConfig | None = None) -> Cleanable:
    return cleanable(
        segments,
        active_base_offset=10 * len(segments),
        first_dirty=first_dirty,
        config=config or LogConfig(),
        now_ms=NOW,
    )


def test_a_log_never_compacted_is_dirty_up_to_the_active_segment():
    found = decided(sealed(3, 2, 1), first_dirty=None)

    assert (found.first_dirty, found.first_uncleanable, found.dirty_bytes) == (0, 30, 300)
    assert (found.ratio, found.is_due) == (1.0, True)


def test_it_is_due_once_more_than_the_ratio_is_dirty():
    half = decided(sealed(4, 3, 2, 1), first_dirty=20)
    most = decided(sealed(4, 3, 2, 1), first_dirty=10)

    assert (half.ratio, half.is_due) == (0.5, False)
    assert (most.ratio, most.is_due) == (0.75, True)


def test_a_segment_that_was_compacted_in_part_counts_as_both():
    found = decided(sealed(3, 2, 1), first_dirty=15)

    assert (found.first_dirty, found.dirty_bytes, found.ratio) == (15, 200, 0.5)


@pytest.mark.parametrize("first_dirty", [-1, 31, 10**6])
def test_an_offset_outside_of_the_sealed_segments_is_not_believed(first_dirty: int):
    assert decided(sealed(3, 2, 1), first_dirty=first_dirty).first_dirty == 0


def test_what_retention_removed_since_is_not_dirty():
    found = decided(sealed(3, 2, 1)[2:], first_dirty=5)

    assert found.first_dirty == 20


def test_nothing_is_due_where_all_is_clean():
    found = decided(sealed(3, 2, 1), first_dirty=30, config=LogConfig(max_compaction_lag_ms=1))

    assert (found.first_dirty, found.first_uncleanable, found.dirty_bytes) == (30, 30, 0)
    assert (found.ratio, found.must_clean, found.is_due) == (0.0, False, False)


def test_a_log_with_an_active_segment_only_has_nothing_to_compact():
    found = cleanable([], active_base_offset=7, first_dirty=None, config=LogConfig(), now_ms=NOW)

    assert (found.first_dirty, found.first_uncleanable, found.is_due) == (7, 7, False)


def test_messages_younger_than_the_least_lag_stay_and_all_behind_them():
    found = decided(sealed(3, 1, 5), first_dirty=None, config=LogConfig(min_compaction_lag_ms=2 * HOUR))

    assert (found.first_uncleanable, found.dirty_bytes) == (10, 100)


def test_where_the_first_dirty_segment_is_too_young_nothing_may_be_compacted():
    config = LogConfig(min_compaction_lag_ms=2 * HOUR, max_compaction_lag_ms=2 * HOUR)
    found = decided(sealed(3, 1), first_dirty=15, config=config)

    assert (found.first_dirty, found.first_uncleanable, found.is_due) == (15, 15, False)


def test_messages_older_than_the_largest_lag_are_due_whatever_the_ratio():
    config = LogConfig(max_compaction_lag_ms=2 * HOUR, min_cleanable_dirty_ratio=1.0)

    late = decided(sealed(9, 9, 9, 2), first_dirty=30, config=config)
    early = decided(sealed(9, 9, 9, 1), first_dirty=30, config=config)

    assert (late.must_clean, late.is_due) == (True, True)
    assert (early.must_clean, early.is_due) == (False, False)


def test_messages_without_a_time_are_never_overdue():
    segments = [SealedSegment(0, 100)]

    assert not decided(segments, first_dirty=None, config=LogConfig(max_compaction_lag_ms=1)).must_clean


def test_neighbours_are_merged_up_to_the_size_of_a_segment():
    segments = [SealedSegment(10 * number, size) for number, size in enumerate([40, 60, 1, 99, 100, 300, 0, 0])]

    groups = group_segments(segments, upto=80, config=LogConfig(segment_bytes=100))

    assert groups == [range(2), range(2, 4), range(4, 5), range(5, 6), range(6, 8)]


def test_nothing_to_compact_makes_no_group():
    assert group_segments([], upto=0, config=LogConfig()) == []


def test_indexes_are_merged_up_to_their_own_size():
    segments = [SealedSegment(10 * number, 1, index_bytes=MAX_INDEX_BYTES // 2) for number in range(3)]

    assert group_segments(segments, upto=30, config=LogConfig()) == [range(2), range(2, 3)]


@pytest.mark.parametrize(("beyond", "count"), [(0, 1), (1, 2)])
def test_a_segment_holds_no_offset_that_its_index_cannot(beyond: int, count: int):
    segments = [SealedSegment(5, 1), SealedSegment(1000, 1)]

    groups = group_segments(segments, upto=5 + MAX_RELATIVE_OFFSET + 1 + beyond, config=LogConfig())

    assert len(groups) == count


def test_a_segment_with_aborted_transactions_stays_alone():
    flags = [False, True, False, False, True, True]
    segments = [SealedSegment(10 * number, 1, has_aborted=flag) for number, flag in enumerate(flags)]

    groups = group_segments(segments, upto=60, config=LogConfig())

    assert groups == [range(1), range(1, 2), range(2, 4), range(4, 5), range(5, 6)]


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), max_size=12), st.integers(14, 150))
def test_groups_are_all_segments_in_order_and_as_few_as_first_fit_makes(sizes: list[tuple[int, int]], limit: int):
    segments = [SealedSegment(number, size, index_bytes=index) for number, (size, index) in enumerate(sizes)]

    groups = group_segments(segments, upto=len(sizes), config=LogConfig(segment_bytes=limit))

    assert [number for group in groups for number in group] == list(range(len(sizes)))
    totals = [sum(segments[number].size for number in group) for group in groups]
    assert all(total <= limit or len(group) == 1 for total, group in zip(totals, groups, strict=True))
    for total, following in zip(totals, groups[1:], strict=False):
        assert total + segments[following.start].size > limit
