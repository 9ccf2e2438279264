"""Where a log's undecided transactions begin: what consumers of committed messages must not see yet.

Kafka: ``ProducerStateManager`` with its ``ongoingTxns`` and ``unreplicatedTxns``. A transaction is open from its first
batch to the marker that ends it; and as long as the marker itself may not be seen, it counts as open.
"""

import threading
from collections import deque
from collections.abc import Iterable
from typing import Final

_CHANGING: Final = threading.Lock()
"""Held for a moment where there are transactions. One for all logs costs less than one for each."""


class OpenTransactions:
    """The transactions of one log; any thread may ask, one at a time changes them.

    Args:
        first_offsets: where those that are open begin.
    """

    __slots__ = ("_ended", "_open", "ends", "were_any")

    def __init__(self, first_offsets: Iterable[int] = ()) -> None:
        self._open = dict.fromkeys(sorted(first_offsets))  # a set that keeps its order: offsets ascend in a log
        self._ended: deque[tuple[int, int]] = deque()  # first offset and marker's offset; the markers ascend
        self.were_any: bool = bool(self._open)
        """Whether the log is known to have, or to have had, transactions."""
        self.ends: int = 0
        """How many markers were seen."""

    def begin(self, first_offset: int) -> None:
        """Take account of a transaction's first batch."""
        with _CHANGING:
            self.were_any = True
            self._open[first_offset] = None

    def end(self, first_offset: int, marker_offset: int) -> None:
        """Take account of a marker; ``first_offset`` is negative where it ends no transaction."""
        with _CHANGING:
            self.were_any = True
            self.ends += 1
            if first_offset >= 0:
                self._open.pop(first_offset, None)
                self._ended.append((first_offset, marker_offset))

    def forget(self, first_offset: int) -> None:
        """Let go of an open transaction whose producer is forgotten."""
        with _CHANGING:
            self._open.pop(first_offset, None)

    def first_unstable(self, high_watermark: int) -> int | None:
        """Say where the first transaction begins whose end cannot be seen; None where there is none.

        Args:
            high_watermark: the first offset that cannot be seen; it never falls.
        """
        if not self.were_any:
            return None
        with _CHANGING:
            while self._ended and self._ended[0][1] < high_watermark:
                self._ended.popleft()
            undecided = [first_offset for first_offset, _ in self._ended]
            undecided += [next(iter(self._open))] if self._open else []
            return min(undecided, default=None)
