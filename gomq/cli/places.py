"""Where to begin and where to end in a partition, as people write it; kcat's spellings are taken too.

    earliest  beginning           the first message kept
    latest  end                   behind the last message
    42                            an offset
    -10                           the last ten messages of each partition
    @1764151200000  s@...  e@...  the first message at or after a time, in milliseconds since the epoch
    2026-11-26T10:00:00Z          the same for a date or time; UTC where it names no zone
    15m  1h30m                    the same for a time so long ago

Values only: whoever asks brokers hands over what they say.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from enum import Enum, auto
from typing import Final, NamedTuple

from gomq_dump.moments import MomentError, parse_moment

_MAX_OFFSET: Final = (1 << 63) - 1
_MOST_DIGITS: Final = 19
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_MS: Final = (datetime.max.replace(tzinfo=UTC) - _EPOCH) // timedelta(milliseconds=1)

WANTED: Final = (
    "earliest, latest, an offset, -N for the last N of each partition, a time (2026-11-26T10:00:00Z, UTC without a "
    "zone; @1764151200000) or so long ago (15m, 1h30m)"
)
"""What may be written, for help and for errors."""


class PlaceError(ValueError):
    """What was written is no place."""


class Kind(Enum):
    """What a place is."""

    EARLIEST = auto()
    LATEST = auto()
    OFFSET = auto()
    FROM_END = auto()
    TIME = auto()


class Place(NamedTuple):
    """A place in every partition."""

    kind: Kind
    number: int = 0
    """The offset, how many messages before the end, or milliseconds since the epoch."""

    @property
    def time(self) -> datetime:
        """The time that is meant."""
        return _EPOCH + timedelta(milliseconds=min(max(self.number, 0), _LAST_MS))


class Bounds(NamedTuple):
    """What a partition holds."""

    first: int
    """Offset of the first message kept."""
    end: int
    """Offset behind the last message."""


_NAMED: Final[Mapping[str, Place]] = {
    "earliest": Place(Kind.EARLIEST),
    "beginning": Place(Kind.EARLIEST),
    "latest": Place(Kind.LATEST),
    "end": Place(Kind.LATEST),
}


def parse_place(text: str, *, now_ms: int) -> Place:
    """Understand a place.

    Args:
        text: what was written.
        now_ms: the current time, for what is so long ago.

    Raises:
        PlaceError: it is none; the message lists what would do.
    """
    if (named := _NAMED.get(text)) is not None:
        return named
    digits = text.removeprefix("-")
    if digits.isascii() and digits.isdecimal() and len(digits) <= _MOST_DIGITS and int(digits) <= _MAX_OFFSET:
        return Place(Kind.FROM_END if text.startswith("-") else Kind.OFFSET, int(digits))
    moment = text[1:] if text.startswith(("s@", "e@")) else text
    try:
        return Place(Kind.TIME, parse_moment(moment, now_ms))
    except MomentError:
        raise PlaceError(f"{text!r} is no place; write {WANTED}") from None


def offset_at(place: Place, bounds: Bounds, *, at_time: int | None = None) -> int:
    """Say which offset a place is in one partition; it is one that the partition has, or its end.

    Args:
        place: where.
        bounds: what the partition holds.
        at_time: the first offset at or after the place's time, if it is one; None where no message is so late.
    """
    match place.kind:
        case Kind.EARLIEST:
            return bounds.first
        case Kind.OFFSET:
            return min(max(place.number, bounds.first), bounds.end)
        case Kind.FROM_END:
            return max(bounds.end - place.number, bounds.first)
        case Kind.TIME if at_time is not None:
            return at_time
        case _:
            return bounds.end
