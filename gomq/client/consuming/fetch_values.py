"""A Fetch request, as values."""

from collections.abc import Iterable
from typing import Any, Final
from uuid import UUID

from gomq.client.consuming.fetch_session import Asked, Named
from gomq.client.consuming.progress import Progress
from gomq.client.consuming.settings import ConsumerSettings

_NO_OFFSET: Final = -1
_CONSUMER: Final = -1
"""As a replica id."""


def fetch_values(
    asked: Asked, due: Iterable[Progress], settings: ConsumerSettings, *, isolation: int, max_wait: float
) -> dict[str, Any]:
    """Make the values of a Fetch request.

    Args:
        asked: the partitions to name, and of which session.
        due: all that are fetched.
        settings: limits.
        isolation: 1 wants nothing behind the first open transaction.
        max_wait: seconds for which the broker may hold the request while it has nothing.
    """
    return {
        "cluster_id": None,
        "replica_id": _CONSUMER,
        "max_wait": round(max_wait * 1000),
        "min_bytes": 1,
        "max_bytes": _max_bytes(due, settings),
        "isolation_level": isolation,
        "session_id": asked.session_id,
        "session_epoch": asked.epoch,
        "topics": _topics(asked.partitions),
        "forgotten_topics_data": _forgotten(asked.forgotten),
        "rack_id": settings.rack or "",
    }


def _topics(partitions: Iterable[Progress]) -> list[dict[str, Any]]:
    topics: dict[tuple[str, UUID | None], dict[str, Any]] = {}
    for each in partitions:
        name, index = each.target
        known: dict[str, Any] = {"topic": name, "topic_id": each.topic_id, "partitions": []}
        topic = topics.setdefault((name, each.topic_id), known)
        offset, leader_epoch, last_epoch, max_bytes = each.wanted
        topic["partitions"].append({
            "partition": index,
            "current_leader_epoch": leader_epoch,
            "fetch_offset": offset,
            "last_fetched_epoch": last_epoch,
            "log_start_offset": _NO_OFFSET,
            "partition_max_bytes": max_bytes,
        })  # fmt: skip
    return list(topics.values())


def _forgotten(partitions: Iterable[Named]) -> list[dict[str, Any]]:
    return [{"topic": name, "topic_id": topic_id, "partitions": [index]} for name, topic_id, index in partitions]


def _max_bytes(due: Iterable[Progress], settings: ConsumerSettings) -> int:
    """Have half of the buffer filled at once, as far as an answer may be that large, but one partition in full."""
    most = settings.connection.max_response_bytes // 2
    return max(min(settings.buffer_bytes // 2, most), *(each.max_bytes for each in due))
