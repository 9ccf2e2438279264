"""Which committed offsets may go. Kafka: ``ClassicGroup.offsetExpirationCondition``, ``OffsetExpirationConditionImpl``.

    a group without members        once it has been empty for the retention time
    offsets without a group        once as much time has passed since they were committed
    a stable group of consumers    likewise, but for the topics that it is subscribed to
    any other group                never

An offset that was committed with a time of its own (OffsetCommit versions 2 to 4) goes by that instead.
"""

from collections.abc import Callable, Mapping

from gomq.broker.groups.records import OffsetCommitValue
from gomq_storage.layout import TopicPartition


def expired(
    offsets: Mapping[TopicPartition, OffsetCommitValue],
    *,
    now_ms: int,
    retention_ms: int,
    empty_since_ms: int | None,
    is_subscribed: Callable[[str], bool],
) -> list[TopicPartition]:
    """List what is expired of a group's offsets, if any of it may expire at all.

    Args:
        offsets: all of them.
        now_ms: ms since the epoch.
        retention_ms: ``offsets.retention.minutes``.
        empty_since_ms: when the group's last member left; None where it is not empty, or never had any.
        is_subscribed: whether the group reads a topic now.
    """
    return [
        where
        for where, value in offsets.items()
        if _is_expired(value, now_ms, retention_ms, empty_since_ms) and not is_subscribed(where.topic)
    ]


def _is_expired(value: OffsetCommitValue, now_ms: int, retention_ms: int, empty_since_ms: int | None) -> bool:
    if value.expire_timestamp >= 0:
        return now_ms >= value.expire_timestamp
    since = value.commit_timestamp if empty_since_ms is None else empty_since_ms
    return now_ms - since >= retention_ms
