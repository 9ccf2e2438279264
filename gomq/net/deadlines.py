"""Which connections have had long enough. No clock: whoever sweeps over them brings the time.

A connection sets no timer; it only counts. A sweep compares the counts with those it found the last time: what has not
changed since then is as old as that. So a deadline costs next to nothing for each request, and is as exact as the
sweeps are frequent.
"""

from typing import Final, NamedTuple

from gomq.net.limits import ConnectionLimits

SLOWEST_BYTES: Final = 64 << 10
"""A second is added for each so many bytes that did move: slow links may take their time, a drip may not."""


class Standing(NamedTuple):
    """How far a connection has come."""

    requests: int
    """Requests taken so far."""
    received: int
    """Bytes received so far."""
    has_part_of_request: bool
    """Whether a request has begun to arrive."""
    is_waiting: bool
    """Whether it is the broker's turn: a request is being handled, or waits for memory or for its turn."""
    answers: int
    """Answers begun so far."""
    sent: int
    """Bytes sent so far."""
    is_sending: bool
    """Whether an answer is on its way that the peer has not taken."""


class Overdue(NamedTuple):
    """Why a connection has to end."""

    reason: str
    is_blameless: bool
    """Whether it did nothing wrong: it was only idle."""


class Deadlines:
    """Those of one connection.

    Args:
        now: seconds, of any clock that never goes back.
    """

    __slots__ = ("_reading", "_sending", "is_quiet")

    def __init__(self, now: float) -> None:
        self._reading = _Stretch(now)
        self._sending = _Stretch(now)
        self.is_quiet: bool = False
        """Whether nothing at all came or went between the last two sweeps."""

    def check(self, standing: Standing, now: float, limits: ConnectionLimits) -> Overdue | None:
        """Say whether the connection has to end."""
        if standing.is_sending:
            self.is_quiet = False
            elapsed, moved = self._sending.measure((standing.answers, True), standing.sent, now)
            if elapsed > limits.send_seconds + moved / SLOWEST_BYTES:
                return Overdue(f"the peer took {moved} bytes of its answer in {elapsed:.0f} s", is_blameless=False)
        else:
            self._sending.measure((standing.answers, False), standing.sent, now)
        if standing.is_sending or standing.is_waiting:
            self._reading.restart(now)
            return None
        return self._check_reading(standing, now, limits)

    def _check_reading(self, standing: Standing, now: float, limits: ConnectionLimits) -> Overdue | None:
        has_part = standing.has_part_of_request
        elapsed, moved = self._reading.measure((standing.requests, has_part), standing.received, now)
        self.is_quiet = elapsed > 0 and moved == 0
        if has_part:
            if elapsed > limits.request_seconds + moved / SLOWEST_BYTES:
                return Overdue(f"the peer sent {moved} bytes of its request in {elapsed:.0f} s", is_blameless=False)
        elif standing.requests == 0:
            if elapsed > min(limits.first_request_seconds, limits.idle_seconds):
                return Overdue(f"the peer sent nothing in {elapsed:.0f} s", is_blameless=False)
        elif elapsed > limits.idle_seconds:
            return Overdue(f"it was idle for {elapsed:.0f} s", is_blameless=True)
        return None


class _Stretch:
    """A time in which something stayed the same, and the bytes that moved in it."""

    __slots__ = ("_key", "_moved", "_since")

    def __init__(self, now: float) -> None:
        self._key: object = None
        self._since = now
        self._moved = 0

    def restart(self, now: float) -> None:
        self._key = None
        self._since = now

    def measure(self, key: object, moved: int, now: float) -> tuple[float, int]:
        """Seconds and bytes since the key was first seen."""
        if key != self._key:
            # a new one may have begun at any time since the last look; it is given all of that
            self._key, self._since, self._moved = key, now, moved
        return now - self._since, moved - self._moved
