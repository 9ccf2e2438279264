"""Where to begin, as users say it: what is taken, what is refused, and what brokers are asked for."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

import gomq
from gomq.client.consuming.start import EARLIEST, LATEST, chosen_start, fixed_offset, timestamp_of

NOW_MS = 1_700_000_000_000


def test_without_a_word_it_is_the_end():
    assert chosen_start(None, replay=None) == chosen_start(None, replay=False) == "latest"
    assert chosen_start(None, replay=True) == "earliest"


@pytest.mark.parametrize("replay", [True, False])
def test_two_ways_to_say_it_are_one_too_many(replay: bool):
    with pytest.raises(gomq.ConfigurationError, match="give one of them"):
        chosen_start("earliest", replay=replay)


@pytest.mark.parametrize(
    ("start", "timestamp"),
    [
        ("earliest", EARLIEST),
        ("latest", LATEST),
        (datetime(2023, 11, 14, 22, 13, 20, 5000, tzinfo=UTC), NOW_MS + 5),
        (datetime(2023, 11, 15, 0, 13, 20, tzinfo=timezone(timedelta(hours=2))), NOW_MS),
        (timedelta(hours=1), NOW_MS - 3_600_000),
        (timedelta(0), NOW_MS),
        (timedelta(days=100_000), 0),
        (datetime(1900, 1, 1, tzinfo=UTC), 0),
    ],
)
def test_times_and_names_become_what_brokers_are_asked_for(start: Any, timestamp: int):
    assert fixed_offset(chosen_start(start, replay=None)) is None
    assert timestamp_of(start, now_ms=NOW_MS) == timestamp


def test_an_offset_needs_nobody_to_be_asked():
    assert fixed_offset(chosen_start(0, replay=None)) == 0
    assert fixed_offset(chosen_start(1 << 40, replay=None)) == 1 << 40


@pytest.mark.parametrize(
    ("start", "complaint"),
    [
        (datetime(2026, 1, 1), "start=2026-01-01T00:00:00 has no time zone: use .*tzinfo=UTC"),  # noqa: DTZ001
        (timedelta(seconds=-1), "not less than 0"),
        (-1, "0 or more, not -1"),
        (1 << 63, "0 or more, not 9223372036854775808"),
        (True, "not True"),
        ("first", "not 'first'"),
        (1.5, "not 1.5"),
    ],
)
def test_what_is_no_place_to_begin_is_refused(start: Any, complaint: str):
    with pytest.raises(gomq.ConfigurationError, match=complaint):
        gomq.Consumer("localhost", "orders", start=start)
