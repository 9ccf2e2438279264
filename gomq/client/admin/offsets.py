"""Offsets of topics: where their partitions begin and end, and where they were at a time."""

from datetime import datetime, timedelta
from typing import Final, Literal, NamedTuple, TypeAlias

from gomq.client.admin.asking import Asker
from gomq.client.cluster.metadata import TopicMetadata
from gomq.client.consuming.offsets import NO_OFFSET, look_up_offsets
from gomq.client.consuming.start import EARLIEST, LATEST, checked_start, timestamp_of
from gomq.errors import ConfigurationError, LeaderNotAvailableError

_LEADERLESS_PATIENCE: Final = 5.0
"""Seconds to wait for partitions without a leader before offsets are asked for."""

Moment: TypeAlias = Literal["earliest", "latest"] | datetime | timedelta
"""The first message kept, the end, the first message at or after a time, or since so long ago."""


class OffsetBounds(NamedTuple):
    """What a partition holds."""

    beginning: int
    """Offset of the first message kept."""
    end: int
    """Offset behind the last message."""


async def find_led_topic(asker: Asker, name: str) -> TopicMetadata:
    """Return a topic, having waited a little for leaders of all of its partitions.

    Raises:
        UnknownTopicError: there is none of this name.
    """
    cluster = asker.cluster
    try:
        return await cluster.find_topic(name, may_create=False, is_new=False, patience=_LEADERLESS_PATIENCE)
    except LeaderNotAvailableError:
        if (known := cluster.topic(name)) is None:
            raise
        return known


async def look_up_bounds(asker: Asker, topic: TopicMetadata) -> dict[int, OffsetBounds]:
    """Return where the partitions of a topic begin and end, of those that have leaders."""
    led = [partition.index for partition in topic.partitions if partition.leader is not None]
    beginnings = await look_up_offsets(asker.cluster, topic.name, led, timestamp=EARLIEST, patience=asker.patience)
    ends = await look_up_offsets(asker.cluster, topic.name, led, timestamp=LATEST, patience=asker.patience)
    return {index: OffsetBounds(beginnings[index], ends[index]) for index in led}


async def topic_offsets(asker: Asker, name: str, at: Moment, *, now_ms: int) -> dict[int, int | None]:
    """Return the offset of each partition at a moment; None where there is no message so late.

    Args:
        asker: who asks.
        name: the topic.
        at: the moment.
        now_ms: the current time, for what is so long ago.

    Raises:
        UnknownTopicError: there is no such topic.
        LeaderNotAvailableError: a partition has no leader.
        ConfigurationError: there can be no such moment.
    """
    if isinstance(at, int):
        raise ConfigurationError(f'at is "earliest", "latest", a datetime with a time zone or a timedelta, not {at!r}')
    timestamp = timestamp_of(checked_start(at, "at"), now_ms=now_ms)
    topic = await find_led_topic(asker, name)
    indexes = [partition.index for partition in topic.partitions]
    found = await look_up_offsets(asker.cluster, name, indexes, timestamp=timestamp, patience=asker.patience)
    return {index: None if found[index] == NO_OFFSET else found[index] for index in indexes}
