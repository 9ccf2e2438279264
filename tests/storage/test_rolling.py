"""When a new segment is begun: before the old one would pass its size, or its index its range."""

import pytest
from hypothesis import given, strategies as st

from gomq_storage.config import LogConfig
from gomq_storage.offset_index import MAX_RELATIVE_OFFSET
from gomq_storage.rolling import ActiveSegment, roll_reason

CONFIG = LogConfig(segment_bytes=1000)


@pytest.mark.parametrize(("size", "rolls"), [(99, False), (100, False), (101, True), (2**40, True)])
def test_a_segment_is_filled_to_its_size_and_not_beyond(size: int, rolls: bool):
    reason = roll_reason(ActiveSegment(0, 900), batch_size=size, last_offset=10, config=CONFIG)

    assert (reason is not None) == rolls
    assert "1000 bytes" in (reason or "1000 bytes")


@pytest.mark.parametrize(("beyond", "rolls"), [(0, False), (1, True)])
def test_an_offset_that_the_index_cannot_hold_begins_a_segment(beyond: int, rolls: bool):
    last = 50 + MAX_RELATIVE_OFFSET + beyond

    assert (roll_reason(ActiveSegment(50, 1), batch_size=1, last_offset=last, config=CONFIG) is not None) == rolls


@given(st.integers(1, 2**31), st.integers(0, 2**40))
def test_an_empty_segment_takes_any_batch(batch_size: int, last_offset: int):
    assert roll_reason(ActiveSegment(0, 0), batch_size=batch_size, last_offset=last_offset, config=CONFIG) is None
