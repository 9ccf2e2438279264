"""When a new segment is begun: before the old one would pass its size, or its index its range."""

import pytest
from hypothesis import given, strategies as st

from gomq_storage.batch import NO_TIMESTAMP
from gomq_storage.config import LogConfig
from gomq_storage.offset_index import MAX_RELATIVE_OFFSET
from gomq_storage.rolling import ActiveSegment, roll_reason

CONFIG = LogConfig(segment_bytes=1000, segment_ms=60)
NOW = 1_700_000_000_000


def rolls(active: ActiveSegment, *, batch_size: int = 1, last_offset: int = 99, max_timestamp: int = NOW) -> str | None:
    return roll_reason(
        active, batch_size=batch_size, last_offset=last_offset, max_timestamp=max_timestamp, config=CONFIG
    )


@pytest.mark.parametrize(("size", "expected"), [(99, False), (100, False), (101, True), (2**40, True)])
def test_a_segment_is_filled_to_its_size_and_not_beyond(size: int, expected: bool):
    reason = rolls(ActiveSegment(0, 900, NOW), batch_size=size)

    assert (reason is not None) == expected
    assert "1000 bytes" in (reason or "1000 bytes")


@pytest.mark.parametrize(("beyond", "expected"), [(0, False), (1, True)])
def test_an_offset_that_the_index_cannot_hold_begins_a_segment(beyond: int, expected: bool):
    last = 50 + MAX_RELATIVE_OFFSET + beyond

    assert (rolls(ActiveSegment(50, 1, NOW), last_offset=last) is not None) == expected


@given(st.integers(1, 2**31), st.integers(0, 2**40))
def test_an_empty_segment_takes_any_batch(batch_size: int, last_offset: int):
    assert rolls(ActiveSegment(0, 0, NO_TIMESTAMP), batch_size=batch_size, last_offset=last_offset) is None


@pytest.mark.parametrize(
    ("first", "next_", "expected"),
    [(NOW, NOW + 60, False), (NOW, NOW + 61, True), (NOW, NOW - 61, False), (-1, NOW, False), (NOW - 1000, -1, False)],
)
def test_a_message_much_younger_than_the_first_begins_a_segment(first: int, next_: int, expected: bool):
    assert (rolls(ActiveSegment(0, 1, first), max_timestamp=next_) is not None) == expected
