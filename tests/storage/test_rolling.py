"""How much a segment takes before a new one is begun: its size, its index's range, the age of its first message."""

from hypothesis import given, strategies as st

from gomq_storage.batch import NO_TIMESTAMP
from gomq_storage.config import CleanupPolicy, LogConfig
from gomq_storage.offset_index import MAX_RELATIVE_OFFSET
from gomq_storage.rolling import MAX_TIMESTAMP, ActiveSegment, Room, room_of

NOW = 1_700_000_000_000


@given(st.integers(0, 2**62), st.integers(14, 2**31 - 1), st.integers(1, 2**40))
def test_a_segment_takes_its_size_what_its_index_can_hold_and_messages_not_much_younger_than_its_first(
    base_offset: int, segment_bytes: int, segment_ms: int
):
    config = LogConfig(segment_bytes=segment_bytes, segment_ms=segment_ms)

    assert room_of(ActiveSegment(base_offset, NOW), config) == Room(
        segment_bytes, base_offset + MAX_RELATIVE_OFFSET, NOW + segment_ms
    )


def test_a_segment_whose_first_message_has_no_timestamp_does_not_age():
    assert room_of(ActiveSegment(0, NO_TIMESTAMP), LogConfig(segment_ms=1)).max_timestamp == MAX_TIMESTAMP


def test_what_must_be_compacted_soon_is_sealed_soon():
    compacted = LogConfig(cleanup_policy=CleanupPolicy.COMPACT, segment_ms=1000, max_compaction_lag_ms=60)
    kept = LogConfig(segment_ms=1000, max_compaction_lag_ms=60)

    assert room_of(ActiveSegment(0, NOW), compacted).max_timestamp == NOW + 60
    assert room_of(ActiveSegment(0, NOW), kept).max_timestamp == NOW + 1000
