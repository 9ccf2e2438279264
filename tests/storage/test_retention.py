"""What of a log's old end may go: by size, by age, and what lies in front of its start."""

import pytest
from hypothesis import given, strategies as st

from gomq_storage.batch import NO_TIMESTAMP
from gomq_storage.config import CleanupPolicy, LogConfig
from gomq_storage.retention import Retention, SegmentAge, expired_upto

NOW = 1_700_000_000_000
HOUR = 3_600_000
SEALED = [SegmentAge(0, 100, NOW - 5 * HOUR), SegmentAge(10, 100, NOW - 4 * HOUR), SegmentAge(20, 100, NOW - 3 * HOUR)]
ACTIVE = SegmentAge(30, 50, NOW - 2 * HOUR)


def decided(
    config: LogConfig,
    *,
    sealed: list[SegmentAge] = SEALED,
    active: SegmentAge = ACTIVE,
    log_start: int = 0,
    now_ms: int = NOW,
) -> Retention:
    return expired_upto(sealed, active, config=config, now_ms=now_ms, log_start=log_start, log_end=40)


@pytest.mark.parametrize(
    ("retention_ms", "start", "rolls"),
    [(5 * HOUR, 0, False), (5 * HOUR - 1, 10, False), (3 * HOUR, 20, False), (2 * HOUR, 30, False), (HOUR, 40, True)],
)
def test_segments_go_once_their_newest_message_is_older_than_retention_ms(retention_ms: int, start: int, rolls: bool):
    assert decided(LogConfig(retention_ms=retention_ms)) == Retention(start, roll_active=rolls)


@pytest.mark.parametrize(
    ("retention_bytes", "start", "rolls"),
    [
        (1000, 0, False),
        (350, 0, False),
        (251, 0, False),
        (250, 10, False),
        (50, 30, False),
        (1, 30, False),
        (0, 40, True),
    ],
)
def test_segments_go_while_retention_bytes_are_left_without_them(retention_bytes: int, start: int, rolls: bool):
    assert decided(LogConfig(retention_bytes=retention_bytes)) == Retention(start, roll_active=rolls)


def test_size_and_age_may_each_take_a_part():
    config = LogConfig(retention_bytes=250, retention_ms=3 * HOUR + 1)

    assert decided(config).new_log_start == 20


@pytest.mark.parametrize(("log_start", "new"), [(0, 0), (9, 9), (10, 10), (35, 35), (40, 40)])
def test_the_logs_start_takes_what_lies_in_front_of_it_whatever_the_policy(log_start: int, new: int):
    config = LogConfig(cleanup_policy=CleanupPolicy.COMPACT, retention_ms=0, retention_bytes=0)

    assert decided(config, log_start=log_start) == Retention(new, roll_active=False)


def test_nothing_goes_unless_it_is_asked_for():
    assert decided(LogConfig()) == Retention(0, roll_active=False)


def test_bytes_in_front_of_the_logs_start_do_not_count():
    assert decided(LogConfig(retention_bytes=200), log_start=10).new_log_start == 10
    assert decided(LogConfig(retention_bytes=150), log_start=10).new_log_start == 20


def test_a_message_from_the_future_keeps_its_segment_and_all_behind_it():
    sealed = [SEALED[0], SegmentAge(10, 100, NOW + HOUR), SEALED[2]]
    config = LogConfig(retention_ms=HOUR)

    assert decided(config, sealed=sealed) == Retention(10, roll_active=False)
    assert decided(config, sealed=sealed, now_ms=NOW + 2 * HOUR + 1) == Retention(40, roll_active=True)


def test_a_clock_that_jumps_back_lets_nothing_expire():
    assert decided(LogConfig(retention_ms=0), now_ms=NOW - 6 * HOUR) == Retention(0, roll_active=False)


def test_segments_without_times_stay_those_without_messages_do_not():
    sealed = [SegmentAge(0, 0, NO_TIMESTAMP), SegmentAge(10, 100, NO_TIMESTAMP), SEALED[2]]

    assert decided(LogConfig(retention_ms=HOUR), sealed=sealed) == Retention(10, roll_active=False)


def test_an_empty_active_segment_stays():
    empty = SegmentAge(30, 0, NO_TIMESTAMP)

    assert decided(LogConfig(retention_ms=0, retention_bytes=0), active=empty) == Retention(30, roll_active=False)


@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(-1, 5)), min_size=1, max_size=6),
    st.none() | st.integers(0, 12),
    st.none() | st.integers(0, 6),
    st.integers(0, 60),
)
def test_no_segment_goes_that_no_rule_lets_go(
    shapes: list[tuple[int, int]], retention_bytes: int | None, retention_ms: int | None, log_start: int
):
    segments = [SegmentAge(10 * number, *shape) for number, shape in enumerate(shapes)]
    log_end = 10 * len(segments)
    log_start = min(log_start, log_end)
    config = LogConfig(retention_bytes=retention_bytes, retention_ms=retention_ms)

    start, rolls = expired_upto(
        segments[:-1], segments[-1], config=config, now_ms=6, log_start=log_start, log_end=log_end
    )

    assert log_start <= start <= log_end
    assert start == log_end if rolls else start == log_start or start < log_end
    for number, segment in enumerate(segments):
        if log_start < segment.base_offset + 10 <= start:
            left = sum(newer.size for newer in segments[number + 1 :])
            by_size = retention_bytes is not None and left >= retention_bytes
            by_age = retention_ms is not None and (segment.size == 0 or 6 - segment.largest_timestamp > retention_ms)
            assert by_size or by_age
