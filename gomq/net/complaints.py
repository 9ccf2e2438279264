"""What may be logged about peers: nothing that one of them can flood or forge. No clock: time is an argument."""

from collections import OrderedDict
from typing import Final

_MOST_CHARACTERS: Final = 300


class Complaints:
    """Says which complaints about whom are told, and how many were not since the last that was.

    Each peer has an allowance that fills up again with time, and so have all of them together.

    Args:
        burst: complaints about one peer that are told in a row.
        seconds_each: time in which the allowance grows by one.
        burst_of_all: the same of all peers together.
        max_peers: how many are remembered.
    """

    def __init__(
        self, *, burst: int = 20, seconds_each: float = 6.0, burst_of_all: int = 200, max_peers: int = 1024
    ) -> None:
        self._burst = burst
        self._seconds_each = seconds_each
        self._max_peers = max_peers
        self._all = _Allowance(burst_of_all)
        self._all_seconds_each = seconds_each * burst / burst_of_all
        self._peers: OrderedDict[str, _Allowance] = OrderedDict()

    def take(self, peer: str, now: float) -> int | None:
        """Ask to tell one complaint.

        Returns:
            how many about this peer were kept silent since the last one, or None when this one must be.
        """
        allowance = self._peers.get(peer)
        if allowance is None:
            allowance = self._peers[peer] = _Allowance(self._burst)
            if len(self._peers) > self._max_peers:
                self._peers.popitem(last=False)
        self._peers.move_to_end(peer)
        is_told = allowance.take(now, self._burst, self._seconds_each)
        if is_told and self._all.take(now, self._all.burst, self._all_seconds_each):
            silent, allowance.silent = allowance.silent, 0
            return silent
        allowance.silent += 1
        return None


class _Allowance:
    __slots__ = ("_at", "_left", "burst", "silent")

    def __init__(self, burst: int) -> None:
        self.burst = burst
        self.silent = 0
        self._left = float(burst)
        self._at: float | None = None

    def take(self, now: float, burst: int, seconds_each: float) -> bool:
        grown = 0.0 if self._at is None else max(now - self._at, 0.0) / seconds_each
        self._left, self._at = min(self._left + grown, burst), now
        if self._left < 1:
            return False
        self._left -= 1
        return True


def printable(text: object) -> str:
    """Write what may hold a peer's words so that it stays one short line: controls and the like are escaped."""
    line = str(text)[: _MOST_CHARACTERS + 1]
    if len(line) > _MOST_CHARACTERS:
        line = line[: _MOST_CHARACTERS - 3] + "..."
    if line.isprintable():
        return line
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in line)
