"""Where a consumer begins: what users say, and what brokers are asked for."""

from datetime import datetime, timedelta
from typing import Final, Literal, TypeAlias

from gomq.client.message import to_milliseconds
from gomq.errors import ConfigurationError

Start: TypeAlias = Literal["earliest", "latest"] | int | datetime | timedelta
"""First message kept, end, offset, first message since a time, or since so long ago."""
LATEST: Final = -1
"""As a timestamp in ListOffsets: the offset behind the last message."""
EARLIEST: Final = -2
"""As a timestamp in ListOffsets: the offset of the first message kept."""
_NAMED: Final = {"earliest": EARLIEST, "latest": LATEST}
_MAX_OFFSET: Final = (1 << 63) - 1


def chosen_start(start: Start | None, *, replay: bool | None) -> Start:
    """Take one of the two ways to say where to begin; the end where neither is used.

    Raises:
        ConfigurationError: both are used, or it is nothing to begin at.
    """
    if start is None:
        return "earliest" if replay else "latest"
    if replay is not None:
        raise ConfigurationError("replay and start say the same thing: give one of them")
    return checked_start(start, "start")


def checked_start(start: object, name: str) -> Start:
    """Refuse what is nothing to begin at.

    Raises:
        ConfigurationError: the message names what would be.
    """
    if start in ("earliest", "latest"):
        return start
    if isinstance(start, datetime):
        return checked_time(start, name)
    if isinstance(start, timedelta):
        if start < timedelta(0):
            raise ConfigurationError(f"{name} is how long ago, so not less than 0: {start}")
        return start
    if isinstance(start, int) and not isinstance(start, bool):
        if not 0 <= start <= _MAX_OFFSET:
            raise ConfigurationError(f"{name} as an offset is 0 or more, not {start}")
        return start
    raise ConfigurationError(
        f'{name} is "earliest", "latest", an offset, a datetime with a time zone or a timedelta, not {start!r}'
    )


def checked_time(time: datetime, name: str) -> datetime:
    """Refuse a time that means another moment in every time zone."""
    if time.tzinfo is None or time.utcoffset() is None:
        raise ConfigurationError(
            f"{name}={time.isoformat()} has no time zone: use datetime(..., tzinfo=UTC), or its astimezone() for "
            "local time"
        )
    return time


def fixed_offset(start: Start) -> int | None:
    """Return an offset that nobody needs to be asked for, or None."""
    return start if isinstance(start, int) else None


def timestamp_of(start: Start, *, now_ms: int) -> int:
    """Return what to ask ListOffsets for: milliseconds since the epoch, ``EARLIEST`` or ``LATEST``."""
    if isinstance(start, str):
        return _NAMED[start]
    if isinstance(start, timedelta):
        return max(0, now_ms - start // timedelta(milliseconds=1))
    assert isinstance(start, datetime)  # an offset needs no look-up
    return max(0, to_milliseconds(start))
