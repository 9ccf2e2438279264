"""Settings that cannot be are refused when they are made."""

import dataclasses

import pytest

from gomq_storage.config import MAX_SEGMENT_BYTES, MIN_SEGMENT_BYTES, LogConfig


def test_the_defaults_are_kafkas():
    config = LogConfig()

    assert (config.segment_bytes, config.index_interval_bytes, config.max_message_bytes) == (2**30, 4096, 1_048_588)
    limits = (config.message_timestamp_before_max_ms, config.message_timestamp_after_max_ms)
    assert (config.message_timestamp_type, *limits) == ("CreateTime", 2**63 - 1, 3_600_000)


@pytest.mark.parametrize("size", [MIN_SEGMENT_BYTES, MAX_SEGMENT_BYTES])
def test_the_limits_of_a_segments_size_are_allowed(size: int):
    assert LogConfig(segment_bytes=size).segment_bytes == size


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("segment_bytes", MIN_SEGMENT_BYTES - 1), ("segment_bytes", MAX_SEGMENT_BYTES + 1), ("segment_bytes", -1),
        ("index_interval_bytes", -1), ("max_message_bytes", -1), ("segment_ms", 0), ("retention_ms", -1),
        ("retention_bytes", -1), ("file_delete_delay_ms", -1), ("delete_retention_ms", -1),
        ("message_timestamp_before_max_ms", -1), ("message_timestamp_after_max_ms", -1),
        ("min_compaction_lag_ms", -1), ("max_compaction_lag_ms", 0), ("min_cleanable_dirty_ratio", 2),
    ],
)  # fmt: skip
def test_what_is_beyond_them_is_refused_by_name_and_value(name: str, value: int):
    with pytest.raises(ValueError, match=rf"{name}.*{value}"):
        LogConfig(**{name: value})  # type: ignore[arg-type]


def test_the_longest_compaction_lag_is_not_shorter_than_the_shortest():
    with pytest.raises(ValueError, match="max_compaction_lag_ms"):
        LogConfig(min_compaction_lag_ms=10, max_compaction_lag_ms=9)


def test_settings_cannot_be_changed_behind_a_logs_back():
    with pytest.raises(dataclasses.FrozenInstanceError):
        LogConfig().segment_bytes = 5  # type: ignore[misc]
