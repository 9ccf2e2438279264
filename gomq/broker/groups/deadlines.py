"""Many deadlines, of which most are moved before they come: a member's with each of its heartbeats.

A heap is sorted by times that may be too early by now: to move a deadline away costs nothing but a dictionary's entry,
and it finds its place when the old time has come. Bytes and values only: time is an argument.
"""

import heapq
from collections.abc import Hashable
from typing import Final, Generic, TypeVar

_Key = TypeVar("_Key", bound=Hashable)
_SLACK: Final = 64


class Deadlines(Generic[_Key]):
    """Deadlines by key; each key has one."""

    def __init__(self) -> None:
        self._at: dict[_Key, int] = {}
        self._queued: dict[_Key, int] = {}
        """The earliest entry of the heap for each key."""
        self._heap: list[tuple[int, int, _Key]] = []
        self._count = 0

    def __len__(self) -> int:
        return len(self._at)

    def set(self, key: _Key, at: int) -> None:
        """Set a key's deadline, or move it."""
        self._at[key] = at
        queued = self._queued.get(key)
        if queued is None or at < queued:
            self._push(key, at)

    def cancel(self, key: _Key) -> None:
        """Drop a key's deadline, if it has one."""
        self._at.pop(key, None)
        if len(self._heap) > 2 * len(self._at) + _SLACK:
            self._rebuild()

    def next(self) -> int | None:
        """A time before which no deadline comes; None where there is none."""
        return self._heap[0][0] if self._heap else None

    def pop_due(self, now: int) -> _Key | None:
        """Take out the key whose deadline came first; None where none has come.

        One at a time: what is done about one may move another.
        """
        while self._heap and self._heap[0][0] <= now:
            at, _, key = heapq.heappop(self._heap)
            if self._queued.get(key) != at:
                continue  # an earlier entry was there, and was looked at
            del self._queued[key]
            deadline = self._at.get(key)
            if deadline == at:
                del self._at[key]
                return key
            if deadline is not None:
                self._push(key, deadline)
        return None

    def _push(self, key: _Key, at: int) -> None:
        self._queued[key] = at
        self._count += 1  # among equal times the first that was set comes first
        heapq.heappush(self._heap, (at, self._count, key))

    def _rebuild(self) -> None:
        self._heap.clear()
        self._queued.clear()
        for key, at in self._at.items():
            self._push(key, at)
