"""In which leader epochs the messages were written that a consumer has fetched: by them it sees that a log was cut.

A leader that did not have all messages of the one before it cuts the log of that one. Whoever has read what was cut
off cannot tell by offsets: others stand there now. By epochs one can (KIP-320, KIP-595).
"""

from typing import Final

NO_EPOCH: Final = -1
_MOST: Final = 16
"""Leader changes that are remembered: enough, and bounded."""


class EpochTrail:
    """The last few epochs fetched from, and where each began: the client's side of ``leader-epoch-checkpoint``.

    Args:
        committed: the offset to begin at and the epoch of what was consumed before it, where a commit has told that.
    """

    __slots__ = ("_starts",)

    def __init__(self, committed: tuple[int, int] | None = None) -> None:
        self._starts: list[tuple[int, int]] = []
        if committed is not None:
            offset, epoch = committed
            self.note(0, 0)  # where every log begins, for a leader that knows of no epoch so late
            self.note(epoch, max(0, offset - 1))

    @property
    def last(self) -> int:
        """The epoch of what was fetched last, -1 for none."""
        return self._starts[-1][0] if self._starts else NO_EPOCH

    def before(self, offset: int) -> int | None:
        """Return the epoch of what is in front of an offset, or None where that is not known."""
        return next((epoch for epoch, start in reversed(self._starts) if start < offset), None)

    def note(self, epoch: int, offset: int) -> None:
        """A batch of an epoch was fetched, whose first wanted record has this offset."""
        if epoch > self.last:
            self._starts.append((epoch, offset))
            del self._starts[:-_MOST]

    def cut(self, offset: int) -> None:
        """Forget what was fetched from an offset on."""
        while self._starts and self._starts[-1][1] >= offset:
            self._starts.pop()

    def clear(self) -> None:
        """Forget all: what comes next does not follow what came before."""
        self._starts.clear()

    def divergence(self, position: int, epoch: int, end_offset: int) -> int | None:
        """Say from which offset on at the latest what was fetched is not in the log; None where all of it is.

        Args:
            position: the offset behind what was fetched.
            epoch: the leader's largest epoch up to ``last``.
            end_offset: where that epoch ends.
        """
        later = [start for known, start in self._starts if known > epoch]
        offset = min([position, end_offset, *later])
        return offset if offset < position else None
