"""Where a mirror goes on, decided by what both sides have: nothing twice, nothing left out. Values only.

What is at the target is the truth; there is no state of the mirror's own that could be wrong about it. As long as the
offsets are the same on both sides, the target's end is where to go on, wherever the mirror was killed: batches are
stored whole and in order. Once they are not the same, a checkpoint at the target says which offset of the source
belongs to which of the target; it is written before anything behind the first gap is sent, and now and then after
acknowledgements, and may be old. So what lies behind it at the target is compared with the source: that many messages
are there already. Where there is no checkpoint, or the offsets are the same, the target's last messages are compared.

Guaranteed, while nobody else writes to the target's partitions:

- nothing is lost: a message is passed over only if the same one is at the target;
- nothing is there twice, as long as the source has kept what the checkpoint is in front of. Where compaction has
  removed some of it meanwhile, messages are told by what is in them, and of two that are the same in everything,
  their timestamps too, one may be copied again.

What a killed mirror had sent, and the broker stores only after the next one has looked, is refused to one of the two:
``target.py`` goes on under the numbers of the producer before (KIP-98).
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from gomq.client.mirroring.offset_map import OffsetMap, Point
from gomq_storage.record_fields import Columns, Headers

COMPARED: Final = 1000
"""Offsets at the target's end that are compared where no checkpoint tells of them."""


class Bounds(NamedTuple):
    """What a partition holds: the first offset, and the one behind the last message that counts."""

    beginning: int
    end: int


class Row(NamedTuple):
    """What of a message has to be the same on both sides."""

    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Headers


class Tail(NamedTuple):
    """What has to be read of both sides before it is known where to go on."""

    point: Point
    """From here on, at either side."""
    target_end: int
    is_checkpoint: bool
    """Whether the point is a checkpoint; if not, it is a guess that offsets are the same."""


def look_back(target: Bounds, known: OffsetMap | None) -> Tail | None:
    """Say what to compare; None where nothing has to be.

    Args:
        target: what the target has.
        known: the last checkpoint, which is cut at the target's end where that lies in front of it.
    """
    if known is not None:
        point = known.cut(target.end)
        if point.target == target.end:
            return None
        if not known.keeps_offsets or point.source != point.target:
            return Tail(point, target.end, is_checkpoint=True)
    if target.end == target.beginning:
        return None
    start = max(target.beginning, target.end - COMPARED)
    return Tail(Point(start, start), target.end, is_checkpoint=False)


def starting_point(source: Bounds, target: Bounds, known: OffsetMap | None) -> Point:
    """Say where to go on where nothing has to be compared: ``look_back`` found nothing."""
    if known is not None and known.end.target == target.end:
        return known.end
    if target.end:  # all of it has expired at the target; what it had can only have been this
        return Point(target.end, target.end)
    return Point(source.beginning, 0)


def why_not_the_same(source: Columns, target: Columns, *, is_timed: bool, is_checkpointed: bool = False) -> str | None:
    """Compare the ends of both sides by offsets; say what tells that they are not the same messages, or does not tell.

    Args:
        source: messages of the source, from ``COMPARED`` offsets in front of the target's end on.
        target: those of the target.
        is_timed: whether the target has kept the timestamps.
        is_checkpointed: whether a checkpoint says that they are, which does where there are none to compare.
    """
    at_source = dict(zip(source.offsets, rows(source, is_timed=is_timed), strict=True))
    was_compared = False
    for offset, row in zip(target.offsets, rows(target, is_timed=is_timed), strict=True):
        there = at_source.get(offset)
        if there is not None and there != row:
            return f"its message at offset {offset} is not the one that the source has there"
        was_compared |= there is not None
    if not was_compared and not is_checkpointed:
        return "none of its last messages has the offset of one at the source, and there is no checkpoint of a mirror"
    return None


def already_there(source: Sequence[Row], target: Sequence[Row], *, expected: int) -> int | None:
    """Say how many of the source's messages behind a checkpoint are at the target; None where the target's are others.

    Args:
        source: the first ``expected`` messages of the source behind the checkpoint, or as many as there are.
        target: those of the target; compaction may have removed some, never the last.
        expected: how many were written to the target behind the checkpoint.
    """
    if not target:
        return 0
    is_complete = len(source) >= expected and len(target) == expected
    if is_complete and list(source[:expected]) == list(target):
        return expected
    if len(source) >= expected and len(target) < expected and source[expected - 1] == target[-1]:
        return expected
    first_at: dict[Row, int] = {}
    for index, row in enumerate(source[:expected]):
        first_at.setdefault(row, index)
    for row in reversed(target):
        if row in first_at:
            return first_at[row] + 1
    return 0 if len(source) < expected else None


def rows(columns: Columns, *, is_timed: bool) -> list[Row]:
    """Make a row of each message, with or without its timestamp."""
    timestamps = columns.timestamps if is_timed else [-1] * len(columns.timestamps)
    return list(map(Row._make, zip(timestamps, columns.keys, columns.values, columns.headers, strict=True)))
