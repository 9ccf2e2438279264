"""A plan to reset a group's offsets, as rows and as CSV: what is read again, and what is skipped. Values only.

CSV is that of ``kafka-consumer-groups --export``: ``topic,partition,offset``, or ``group,topic,partition,offset``.
"""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from gomq_dump.moments import MomentError, parse_duration

if TYPE_CHECKING:  # help is not to wait for the client
    from gomq.client.admin import ResetRow

_MAX_OFFSET: Final = (1 << 63) - 1
_MAX_PARTITION: Final = (1 << 31) - 1
_NUMBER: Final = re.compile(r"\s*[0-9]{1,19}\s*")
_ISO: Final = re.compile(
    r"P(?:([0-9]{1,9})D)?(?:T(?:([0-9]{1,9})H)?(?:([0-9]{1,9})M)?(?:([0-9]{1,9})(\.[0-9]{1,9})?S)?)?"
)


class Effect(NamedTuple):
    """What a reset means for whoever reads a partition on, as far as offsets tell."""

    again: int | None
    """Messages that are read once more; None where nobody knows what was read."""
    skipped: int | None
    """Messages that are not read; None where nobody knows what was read."""


class PlannedOffset(NamedTuple):
    """A line of CSV."""

    topic: str
    partition: int
    offset: int


def effect_of(row: "ResetRow") -> Effect:
    """Say what a row of a plan means: only messages that the partition has are counted."""
    if row.current is None:
        return Effect(None, None)
    read_to = min(max(row.current, row.beginning_offset), row.end_offset)
    return Effect(again=max(read_to - row.new, 0), skipped=max(row.new - read_to, 0))


def row_fields(group_id: str, row: "ResetRow") -> dict[str, Any]:
    """Make a JSON object of a row."""
    effect = effect_of(row)
    return {
        "group_id": group_id,
        "topic": row.topic,
        "partition": row.partition,
        "current": row.current,
        "new": row.new,
        "wanted": row.wanted,
        "beginning_offset": row.beginning_offset,
        "end_offset": row.end_offset,
        "is_clamped": row.is_clamped,
        "is_change": row.is_change,
        "again": effect.again,
        "skipped": effect.skipped,
    }


def to_csv(rows: "Iterable[ResetRow]") -> str:
    """Write the new offsets as Kafka's ``--export`` does."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows((row.topic, row.partition, row.new) for row in rows)
    return out.getvalue()


def from_csv(text: str, group_id: str) -> list[PlannedOffset]:
    """Read a plan; lines of other groups are left out.

    Raises:
        ValueError: a line is none of a plan; the message names it.
    """
    reader = csv.reader(io.StringIO(text, newline=""))
    try:
        rows = [_planned(fields, group_id) for fields in reader if fields]
    except (ValueError, csv.Error) as error:
        raise ValueError(f"line {reader.line_num}: {error}") from error
    found = [row for row in rows if row is not None]
    for partition, count in Counter(planned[:2] for planned in found).items():
        if count > 1:
            raise ValueError(f"{partition[0]}-{partition[1]} comes {count} times")
    return found


def parse_length(text: str) -> timedelta:
    """Understand how long ago: ``15m``, ``1h30m``, or ISO 8601 as Kafka's tool wants it, ``PT15M``.

    Raises:
        ValueError: it is none, or longer than any time.
    """
    try:
        if (iso := _ISO.fullmatch(text)) is not None and text[-1] not in "PT":
            days, hours, minutes, seconds, fraction = iso.groups(default="0")
            exact = int(seconds) + float(fraction)
            return timedelta(days=int(days), hours=int(hours), minutes=int(minutes), seconds=exact)
        return timedelta(milliseconds=parse_duration(text))
    except OverflowError as error:
        raise MomentError(text, "duration", "a shorter one") from error


def _planned(fields: list[str], group_id: str) -> PlannedOffset | None:
    if len(fields) == 4:
        group, *fields = fields
        if group != group_id:
            return None
    if len(fields) != 3:
        raise ValueError(f"topic,partition,offset or group,topic,partition,offset is wanted, not {','.join(fields)!r}")
    topic, partition, offset = fields
    if not topic or not _NUMBER.fullmatch(partition) or not _NUMBER.fullmatch(offset):
        raise ValueError(f"topic,partition,offset is wanted, with numbers, not {','.join(fields)!r}")
    if int(partition) > _MAX_PARTITION or int(offset) > _MAX_OFFSET:
        raise ValueError(f"no partition or offset is so large: {','.join(fields)}")
    return PlannedOffset(topic, int(partition), int(offset))
