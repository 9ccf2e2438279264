"""What was taken of each partition and is not finished, and so how far it may be committed.

A partition's commit point is its first unfinished offset, or the one behind the last that was taken where all are
finished: all before it is done, whatever is done behind it. Kafka's share groups keep the like as the share partition's
start offset (KIP-932). Only what is unfinished is kept, however far others got ahead of it.
"""

from collections.abc import Iterable

from gomq_storage.layout import TopicPartition


class Progress:
    """How far one partition is."""

    __slots__ = ("_next", "_taken", "_unfinished")

    def __init__(self) -> None:
        self._unfinished: dict[int, int] = {}
        """Offsets in their order, and the how manieth each was."""
        self._next = 0
        self._taken = 0

    @property
    def next_offset(self) -> int:
        """The offset behind the last that was taken; 0 before the first."""
        return self._next

    @property
    def point(self) -> int:
        """The commit point; 0 before anything was taken."""
        return next(iter(self._unfinished), self._next)

    @property
    def ahead(self) -> int:
        """How many were taken from the first unfinished one on."""
        return self._taken - next(iter(self._unfinished.values()), self._taken)

    def take(self, offset: int) -> None:
        """Count an offset as taken; they ascend, and may have gaps."""
        self._unfinished[offset] = self._taken
        self._taken += 1
        self._next = offset + 1

    def finish(self, offset: int) -> None:
        """Count an offset as finished."""
        del self._unfinished[offset]


class Tracker:
    """The progress of all partitions."""

    def __init__(self) -> None:
        self._partitions: dict[tuple[str, int], Progress] = {}

    def progress(self, target: tuple[str, int]) -> Progress:
        """Return a partition's progress, new where there was none."""
        progress = self._partitions.get(target)
        if progress is None:
            progress = self._partitions[target] = Progress()
        return progress

    @property
    def ahead(self) -> int:
        """How far the one is that is furthest ahead of its first unfinished offset."""
        return max((progress.ahead for progress in self._partitions.values()), default=0)

    def points(self) -> dict[TopicPartition, int]:
        """Return the commit point of each partition of which something was taken."""
        return {TopicPartition(*target): progress.point for target, progress in self._partitions.items()}

    def forget(self, targets: Iterable[tuple[str, int]]) -> None:
        """Count nothing of these partitions any more."""
        for target in targets:
            self._partitions.pop(target, None)
