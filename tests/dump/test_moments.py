"""Moments and durations as people write them."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, strategies as st

from gomq_dump.moments import MomentError, parse_duration, parse_moment

NOW = 1_767_225_600_250
HOUR = 3_600_000


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-01-01T00:00:00Z", 1_767_225_600_000),
        ("2026-01-01", 1_767_225_600_000),
        ("2026-01-01 00:00", 1_767_225_600_000),
        ("2026-01-01T01:00:00+01:00", 1_767_225_600_000),
        ("2026-01-01T00:00:00.250", 1_767_225_600_250),
        ("2026-01-01T00:00:00.2509999", 1_767_225_600_250),
        ("1969-12-31T23:59:59.9995Z", -1),
        ("0001-01-01T00:00+23:59", -62_135_683_140_000),
        ("@1764151200000", 1_764_151_200_000),
        ("@-1", -1),
        ("now", NOW),
        ("15m", NOW - HOUR // 4),
        ("-15m", NOW - HOUR // 4),
        ("1h30m", NOW - HOUR * 3 // 2),
        ("0s", NOW),
    ],
)
def test_moments(text: str, moment: int):
    assert parse_moment(text, NOW) == moment


@pytest.mark.parametrize(
    ("text", "duration"),
    [("250ms", 250), ("2s", 2000), ("1m", 60_000), ("1.5h", 5_400_000), ("1d", 24 * HOUR), ("2w", 14 * 24 * HOUR)],
)
def test_durations(text: str, duration: int):
    assert parse_duration(text) == duration


@pytest.mark.parametrize(
    "text",
    ["", "15", "tomorrow", "2026-13-01", "20260101", "10:00", "@", "@12x", "--15m", "15 m", "1y", "9" * 40 + "s"],
)
def test_what_is_no_moment_is_told_what_would_do(text: str):
    with pytest.raises(MomentError, match=r"is no moment; write 2026-11-26T10:00:00Z .*@1764151200000.*15m") as caught:
        parse_moment(text, NOW)
    assert str(caught.value).startswith(repr(text))


@pytest.mark.parametrize("text", ["", "-15m", "15", "m", "2026-01-01"])
def test_what_is_no_duration_is_told_what_would_do(text: str):
    with pytest.raises(MomentError, match="is no duration; write 15m, 1h30m, 2d"):
        parse_duration(text)


@given(st.integers(-62_135_596_800_000, 253_402_300_799_999))
def test_a_moment_that_was_written_in_iso_form_is_read_back(moment: int):
    written = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=moment)).isoformat()

    assert parse_moment(written, NOW) == moment


@given(st.text(max_size=30))
def test_any_text_is_a_moment_or_an_error(text: str):
    try:
        parse_moment(text, NOW)
    except MomentError:
        return
