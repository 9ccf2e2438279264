"""What a reset is made of, and what it comes to: values only."""

from datetime import datetime
from typing import Any

import pytest
from hypothesis import given, strategies as st

from gomq.client.admin.offsets import OffsetBounds
from gomq.client.admin.resets import Reset, plan, shifted
from gomq.errors import ConfigurationError
from gomq_storage.layout import TopicPartition

FIRST, SECOND = TopicPartition("orders", 0), TopicPartition("orders", 1)
OFFSETS = st.integers(0, 2**62)


@given(OFFSETS, OFFSETS, st.none() | st.integers(-(2**62), 2**62), st.none() | OFFSETS)
def test_a_row_is_the_offset_of_the_partition_that_is_nearest_to_what_was_meant(one, other, wanted, current):
    beginning, end = sorted((one, other))
    planned = plan(
        "workers",
        {FIRST: wanted},
        committed={} if current is None else {FIRST: current},
        bounds={FIRST: OffsetBounds(beginning, end)},
    )
    (row,) = planned.rows
    assert beginning <= row.new <= end
    if wanted is None:
        assert (row.new, row.is_clamped) == (end, False)
    elif beginning <= wanted <= end:
        assert (row.new, row.is_clamped) == (wanted, False)
    else:
        assert row.is_clamped
        assert row.new == (beginning if wanted < beginning else end)
    assert (row.current, row.is_change) == (current, row.new != current)


def test_rows_are_in_the_order_of_topics_and_partitions():
    bounds = {each: OffsetBounds(0, 9) for each in (SECOND, FIRST, TopicPartition("events", 4))}
    planned = plan("workers", dict.fromkeys(bounds, 1), committed={}, bounds=bounds)
    assert [str(row.topic_partition) for row in planned.rows] == ["events-4", "orders-0", "orders-1"]


def test_a_shift_starts_at_what_is_committed():
    assert shifted([FIRST, SECOND], {FIRST: 5, SECOND: 1}, -3) == {FIRST: 2, SECOND: -2}
    with pytest.raises(ConfigurationError, match="orders-1 cannot be shifted"):
        shifted([FIRST, SECOND], {FIRST: 5}, 1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, r"either to=... or shift=..."),
        ({"to": "latest", "shift": 1}, r"either to=... or shift=..."),
        ({"to": "now"}, "'now'"),
        ({"to": -1}, "not -1"),
        ({"to": datetime(2026, 1, 1)}, "no time zone"),  # noqa: DTZ001 - that is the mistake
        ({"to": {FIRST: "now"}}, r"to\[orders-0\]"),
        ({"shift": 1.5}, "not 1.5"),
        ({"shift": True}, "not True"),
        ({"to": "latest", "topics": ["orders"], "partitions": [FIRST]}, "give one of them"),
        ({"to": {FIRST: 1}, "topics": ["orders"]}, "give one of them"),
        ({"to": {FIRST: 1}, "partitions": [FIRST]}, "give one of them"),
    ],
)
def test_what_makes_no_sense_is_refused(arguments: dict[str, Any], message: str):
    with pytest.raises(ConfigurationError, match=message):
        Reset(group_id="workers", **arguments)
