"""From where to where ``gomq subscribe`` reads: places made offsets of partitions, as the brokers have them now."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from gomq.cli.places import Bounds, Kind, Place, offset_at
from gomq.client import Admin, Consumer, TopicPartition
from gomq.client.consuming.start import Start
from gomq.errors import GroupIdNotFoundError

_MOVED: Final = frozenset({Kind.OFFSET, Kind.FROM_END})
"""Where partitions begin that must be known before; of the other places brokers know themselves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """What of the partitions is wanted."""

    begin: Place
    end: Place | None
    """The first message that is not wanted; None goes on for ever."""
    exits: bool
    """Whether to end where the partitions end now, if not before."""

    @property
    def has_end(self) -> bool:
        """Whether it ends by itself."""
        return self.exits or self.end is not None

    def start(self, *, in_group: bool) -> Start:
        """Say where the consumer is to start; ``move`` does the rest where it is not in a group."""
        match self.begin.kind:
            case Kind.EARLIEST:
                return "earliest"
            case Kind.TIME:
                return self.begin.time
            case Kind.OFFSET if in_group:
                return self.begin.number
            case _:
                return "latest"


async def move(consumer: Consumer, begin: Place) -> list[str]:
    """Go to the place in each partition; return what to tell of those that do not have it."""
    if begin.kind not in _MOVED:
        return []
    notices: list[str] = []
    for partition, bounds in (await _bounds(consumer)).items():
        offset = offset_at(begin, bounds)
        if begin.kind is Kind.OFFSET and offset != begin.number:
            there_is = f"it has {bounds.first} to {bounds.end - 1}" if bounds.end > bounds.first else "it is empty"
            notices.append(f"{named(partition)} has no offset {begin.number}, {there_is}: reading from {offset} on")
        await consumer.seek(partition, offset)
    return notices


async def ends(consumer: Consumer, span: Span) -> dict[TopicPartition, int] | None:
    """Say where to end in each partition; None where it goes on for ever."""
    place = span.end
    if place is None:
        return await consumer.end_offsets() if span.exits else None
    bounds = await _bounds(consumer)
    times: Mapping[TopicPartition, int | None] = {}
    if place.kind is Kind.TIME:
        times = await consumer.offsets_for_times(place.time)
    found = {each: offset_at(place, bounds[each], at_time=times.get(each)) for each in bounds}
    if place.kind is Kind.OFFSET and not span.exits:  # it may be still to come
        return {each: max(offset, place.number) for each, offset in found.items()}
    return found


async def tell_of_committed(broker: str, group: str, topics: tuple[str, ...]) -> str | None:
    """Say what ``--from`` does not do where the group has committed something already."""
    async with Admin(broker) as admin:
        try:
            offsets = await admin.group_offsets(group)
        except GroupIdNotFoundError:
            return None
    committed = [each for each, found in offsets.items() if found.committed is not None]
    if not any(not topics or each.topic in topics for each in committed):
        return None
    return (
        f"group {group} goes on where it has committed, --from and --replay count for other partitions only: "
        f"`gomq group reset-offsets {group}` changes what is committed"
    )


def named(partition: TopicPartition) -> str:
    """Name a partition as kcat does."""
    return f"{partition.topic} [{partition.partition}]"


def tell(notice: str) -> None:
    """Write a notice where no data goes."""
    print(f"% {notice}", file=sys.stderr, flush=True)


async def _bounds(consumer: Consumer) -> dict[TopicPartition, Bounds]:
    firsts = await consumer.beginning_offsets()
    last = await consumer.end_offsets()
    return {each: Bounds(firsts[each], last[each]) for each in consumer.partitions if each in firsts and each in last}
