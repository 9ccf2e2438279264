"""Moments and durations as people write them.

    2026-11-26T10:00:00Z  2026-11-26 10:00+01:00  2026-11-26   ISO 8601; UTC where it names no zone
    @1764151200000                                              milliseconds since the epoch
    15m  -15m  1h30m  2d                                        so long ago: ms s m h d w
    now

The clock is an argument.
"""

import re
from datetime import UTC, datetime, timedelta
from typing import Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_UNITS_MS: Final = {
    "ms": 1,
    "s": 1000,
    "m": 60_000,
    "h": 3_600_000,
    "d": 86_400_000,
    "w": 7 * 86_400_000,
}
# Digits are limited: what is longer than any time there is must not become a number of a thousand digits.
_PART: Final = re.compile(r"([0-9]{1,15})(?:\.([0-9]{1,9}))?(ms|s|m|h|d|w)")
_DURATION: Final = re.compile(rf"(?:{_PART.pattern})+")
_MILLISECONDS: Final = re.compile("@(-?[0-9]{1,18})")
_ISO: Final = re.compile("[0-9]{4}-.+")
_DURATIONS: Final = "15m, 1h30m, 2d (ms s m h d w)"


class MomentError(ValueError):
    """What was written is no moment, or no duration."""

    def __init__(self, text: str, kind: str, expected: str) -> None:
        super().__init__(f"{text!r} is no {kind}; write {expected}")
        self.text = text
        self.kind = kind
        self.expected = expected


def parse_moment(text: str, now_ms: int) -> int:
    """Understand a moment; return it in milliseconds since the epoch.

    Args:
        text: what was written.
        now_ms: the time now, for what is so long ago.

    Raises:
        MomentError: it is none; the message lists what would do.
    """
    if text == "now":
        return now_ms
    if (milliseconds := _MILLISECONDS.fullmatch(text)) is not None:
        return int(milliseconds[1])
    ago = text.removeprefix("-")
    if _DURATION.fullmatch(ago) is not None:
        return now_ms - parse_duration(ago)
    if _ISO.fullmatch(text) is not None:
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            pass  # answered below
        else:
            zoned = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
            return (zoned - _EPOCH) // timedelta(milliseconds=1)
    expected = (
        f"2026-11-26T10:00:00Z (UTC without a zone), 2026-11-26, @1764151200000 (ms), now, or so long ago: {_DURATIONS}"
    )
    raise MomentError(text, "moment", expected)


def parse_duration(text: str) -> int:
    """Understand a duration such as ``1h30m``; return it in milliseconds.

    Raises:
        MomentError: it is none; the message lists what would do.
    """
    if _DURATION.fullmatch(text) is None:
        raise MomentError(text, "duration", _DURATIONS)
    return sum(_part_ms(whole, fraction, _UNITS_MS[unit]) for whole, fraction, unit in _PART.findall(text))


def _part_ms(whole: str, fraction: str, unit_ms: int) -> int:
    return int(whole) * unit_ms + (int(fraction) * unit_ms // 10 ** len(fraction) if fraction else 0)
