"""Sizes and moments in buckets, and bars that fit."""

from hypothesis import given, strategies as st

from gomq_dump.summing.histogram import Moments, Sizes, draw


def sizes_of(*lists: list[int]) -> Sizes:
    sizes = Sizes()
    for each in lists:
        sizes.add(each)
    return sizes


@given(st.lists(st.lists(st.integers(0, 1 << 40))))
def test_each_size_is_counted_in_the_bucket_that_holds_it(lists: list[list[int]]):
    sizes, every = sizes_of(*lists), [size for each in lists for size in each]

    assert (sizes.count, sizes.total) == (len(every), sum(every))
    assert sizes.largest == max(every, default=0)
    assert sizes.smallest == min(every, default=0)
    for start, end, number in sizes.buckets:
        assert number == sum(start <= size <= end for size in every)
    assert sum(bucket.number for bucket in sizes.buckets) == len(every)


@given(st.lists(st.integers(0, 1 << 40)), st.lists(st.integers(0, 1 << 40)))
def test_merged_sizes_are_those_of_both(first: list[int], second: list[int]):
    merged, both = sizes_of(first), sizes_of(first, second)
    merged.merge(sizes_of(second))

    assert (merged.buckets, merged.smallest, merged.largest) == (both.buckets, both.smallest, both.largest)


@given(st.lists(st.tuples(st.integers(0, 1 << 62), st.integers(1, 100))))
def test_moments_take_few_buckets_whatever_they_span(moments: list[tuple[int, int]]):
    counted = Moments()
    for timestamp, count in moments:
        counted.add(timestamp, count)

    buckets = counted.buckets
    assert len(buckets) <= 49
    for start, end, number in buckets:
        assert end - start + 1 == counted.width_ms
        assert number == sum(count for timestamp, count in moments if start <= timestamp <= end)


@given(st.lists(st.integers(0, 10**7)), st.lists(st.integers(10**9, 10**12)))
def test_merged_moments_lose_none(first: list[int], second: list[int]):
    merged, other = Moments(), Moments()
    for timestamp in first:
        merged.add(timestamp, 1)
    for timestamp in second:
        other.add(timestamp, 1)
    merged.merge(other)

    assert sum(bucket.number for bucket in merged.buckets) == len(first) + len(second)


def test_the_largest_bar_fills_the_line_and_the_smallest_is_still_seen():
    assert draw([("one", 1), ("many", 1000), ("none", 0)], width=30) == [
        "   one      1  #",
        "  many  1,000  " + "#" * 15,
        "  none      0",
    ]


@given(st.lists(st.tuples(st.text("abc ", max_size=20), st.integers(0, 10**9))), st.integers(60, 200))
def test_no_line_is_wider_than_the_terminal(bars: list[tuple[str, int]], width: int):
    assert all(len(line) <= width for line in draw(bars, width=width))
