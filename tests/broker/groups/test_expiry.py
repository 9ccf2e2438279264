"""Offsets expire as Kafka lets them."""

from dataclasses import replace

import pytest

from gomq.broker.groups.expiry import expired
from gomq.broker.groups.records import OffsetCommitValue
from gomq_storage.layout import TopicPartition

ORDERS = TopicPartition("orders", 0)
BILLS = TopicPartition("bills", 3)
RETENTION = 1000
COMMIT = OffsetCommitValue(offset=5, commit_timestamp=10_000)


@pytest.mark.parametrize(
    ("now_ms", "empty_since_ms", "is_over"),
    [
        (10_999, None, False),
        (11_000, None, True),
        (20_999, 20_000, False),
        (21_000, 20_000, True),
        (9_000, None, False),
    ],
)
def test_an_offset_is_kept_for_a_time_after_its_commit_or_after_its_group_was_left(
    now_ms: int, empty_since_ms: int | None, *, is_over: bool
):
    found = expired(
        {ORDERS: COMMIT},
        now_ms=now_ms,
        retention_ms=RETENTION,
        empty_since_ms=empty_since_ms,
        is_subscribed=lambda _: False,
    )
    assert found == ([ORDERS] if is_over else [])


@pytest.mark.parametrize(("now_ms", "is_over"), [(49_999, False), (50_000, True)])
def test_a_time_that_came_with_the_commit_counts_more(now_ms: int, *, is_over: bool):
    value = replace(COMMIT, expire_timestamp=50_000)
    found = expired(
        {ORDERS: value}, now_ms=now_ms, retention_ms=RETENTION, empty_since_ms=11_000, is_subscribed=lambda _: False
    )
    assert found == ([ORDERS] if is_over else [])


def test_offsets_of_topics_that_the_group_reads_stay():
    found = expired(
        {ORDERS: COMMIT, BILLS: COMMIT},
        now_ms=99_999,
        retention_ms=RETENTION,
        empty_since_ms=None,
        is_subscribed=lambda topic: topic == "orders",
    )
    assert found == [BILLS]
