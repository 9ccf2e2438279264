"""What becomes of a message that was not acknowledged: delivered again after a pause, or given up."""

from typing import Final

from gomq.client.delivering.settings import DeliverySettings

_MOST_DOUBLINGS: Final = 64
_MOST_REASON: Final = 1000
"""Characters of a reason that are kept: it goes into a header."""


def pause_before_next(attempt: int, settings: DeliverySettings, *, spread: float) -> float | None:
    """Return the seconds to wait before a message is delivered again, or None when it is given up.

    Args:
        attempt: the one that failed, from 1.
        settings: backoff and limits.
        spread: 0 to 1, at random: pauses are half to all of their length, so that many do not end at once.
    """
    if settings.max_attempts is not None and attempt >= settings.max_attempts:
        return None
    longest = min(settings.backoff * 2.0 ** min(attempt - 1, _MOST_DOUBLINGS), settings.max_backoff)
    return longest * (1 + spread) / 2


def reason_of(error: BaseException) -> str:
    """Say in one line of bounded length why an attempt failed."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    text = " ".join(str(error).split())
    return shortened(f"{type(error).__name__}: {text}" if text else type(error).__name__)


def shortened(reason: str) -> str:
    """Cut a reason that is too long to be kept."""
    return reason if len(reason) <= _MOST_REASON else reason[: _MOST_REASON - 3] + "..."
