"""Which message may be handed out next: no message overtakes one of its own lane.

A lane is a partition or, with ``order="key"``, a key within one. Its first message is free, in hand, or to be handed
out again at some time; those behind it wait::

    free --next--> in hand --finish--> gone, and the one behind it in its lane is free
                      '------put_back------> due at a time --next, then--> in hand

Of partitions that are held nothing is handed out, and what waits of them is not counted: it would keep others from
coming. Nothing here knows what time it is; nothing is ever lost but by ``drop``.
"""

from collections import deque
from collections.abc import Callable, Collection
from heapq import heapify, heappop, heappush
from itertools import chain, count
from typing import Final

from gomq.client.delivering.tracker import Progress
from gomq.client.message import Message

_NOBODY: Final[deque["Entry"]] = deque(maxlen=0)
"""Those who wait behind a message where there are none: most often, so that none is made for each message."""


class Entry:
    """A message from when it was taken until it is finished."""

    __slots__ = (
        "attempt", "failure", "holder", "is_counted", "is_entered", "is_given_up", "lane", "message", "progress",
        "reason", "target",
    )  # fmt: skip

    def __init__(self, message: Message, target: tuple[str, int], lane: tuple[object, ...], progress: Progress) -> None:
        self.message: Message = message
        self.target: tuple[str, int] = target
        self.lane: tuple[object, ...] = lane
        self.progress: Progress = progress
        self.attempt: int = 1
        """The one that is under way or comes next."""
        self.holder: object = None
        """The delivery in which it is in hand."""
        self.is_entered: bool = False
        """Whether the block of that delivery was entered."""
        self.is_counted: bool = True
        """Whether its partition is still ours, so that finishing it means something."""
        self.is_given_up: bool = False
        """Whether it is not handed out again."""
        self.failure: Exception | None = None
        self.reason: str | None = None
        """Why the last attempt failed, and the same in words."""

    @property
    def size(self) -> int:
        """Bytes of key and value."""
        return len(self.message.key or b"") + len(self.message.value or b"")


def lane_by_partition(message: Message) -> tuple[object, ...]:
    """Put a message behind all of its partition."""
    return message[:2]


def lane_by_key(message: Message) -> tuple[object, ...]:
    """Put a message behind those of its partition and key; without a key, behind the others without."""
    return (message.topic, message.partition, message.key)


class Lanes:
    """All lanes.

    Args:
        lane_of: chooses a message's lane.
        max_waiting: when ``is_full``: so many messages wait behind others of their lanes, or for their time.
        max_waiting_bytes: the same, in bytes.
    """

    def __init__(
        self, lane_of: Callable[[Message], tuple[object, ...]], *, max_waiting: int, max_waiting_bytes: int
    ) -> None:
        self._lane_of = lane_of
        self._max_waiting = max_waiting
        self._max_bytes = max_waiting_bytes
        self._free: deque[Entry] = deque()
        self._behind: dict[tuple[object, ...], deque[Entry]] = {}
        """Every lane in which there is anything, and what waits behind its first message."""
        self._due: list[tuple[float, int, Entry]] = []
        self._held: Collection[tuple[str, int]] = ()
        self._held_free: deque[Entry] = deque()
        self._held_due: list[tuple[float, int, Entry]] = []
        self._numbers = count()
        self._waiting = 0
        self._waiting_bytes = 0

    @property
    def has_free(self) -> bool:
        """Whether a message may be handed out that never was."""
        return bool(self._free)

    @property
    def next_due(self) -> float | None:
        """When the first of those that are to be handed out again is due."""
        return self._due[0][0] if self._due else None

    @property
    def is_full(self) -> bool:
        """Whether so much waits that no more should be added."""
        return self._waiting >= self._max_waiting or self._waiting_bytes >= self._max_bytes

    def add(self, message: Message, progress: Progress) -> Entry:
        """Add a message behind all others of its lane."""
        lane = self._lane_of(message)
        entry = Entry(message, message[:2], lane, progress)
        behind = self._behind.get(lane)
        if behind is None:
            self._behind[lane] = _NOBODY
            self._set_free(entry)
            return entry
        if behind is _NOBODY:
            behind = self._behind[lane] = deque()
        behind.append(entry)
        self._count(entry, 1)
        return entry

    def next(self, now: float | None) -> Entry | None:
        """Take the message to be handed out next, if there is any.

        Args:
            now: what to compare with the times of those that are to be handed out again; None leaves them alone.
        """
        if self._due and now is not None and self._due[0][0] <= now:
            entry = heappop(self._due)[2]
            self._count(entry, -1)
            return entry
        return self._free.popleft() if self._free else None

    def put_back(self, entry: Entry, due: float) -> None:
        """Have a message that is in hand handed out again, at a time."""
        heappush(self._held_due if entry.target in self._held else self._due, (due, next(self._numbers), entry))
        self._count(entry, 1)

    def finish(self, entry: Entry) -> None:
        """Let go of a message that is in hand, and free the one behind it."""
        behind = self._behind[entry.lane]
        if behind:
            following = behind.popleft()
            self._count(following, -1)
            self._set_free(following)
        else:
            del self._behind[entry.lane]

    def drop(self, targets: Collection[tuple[str, int]]) -> None:
        """Let go of all messages of these partitions that are not in hand; those are left to ``finish``."""
        for lane, behind in self._behind.items():
            if behind and behind[0].target in targets:
                for entry in behind:
                    self._count(entry, -1)
                self._behind[lane] = _NOBODY
        for free in (self._free, self._held_free):
            for entry in [entry for entry in free if entry.target in targets]:
                free.remove(entry)
                del self._behind[entry.lane]
        for due in (self._due, self._held_due):
            for each in [each for each in due if each[2].target in targets]:
                due.remove(each)
                self._count(each[2], -1)
                del self._behind[each[2].lane]
            heapify(due)

    def hold(self, targets: Collection[tuple[str, int]]) -> None:
        """Hand out nothing of these partitions from now on, and of all others again."""
        self._held = frozenset(targets)
        free, self._free, self._held_free = [*self._free, *self._held_free], deque(), deque()
        for entry in free:
            self._set_free(entry)
        due, self._due, self._held_due = [*self._due, *self._held_due], [], []
        for each in due:
            heappush(self._held_due if each[2].target in self._held else self._due, each)
        self._waiting = self._waiting_bytes = 0
        for entry in chain((each[2] for each in due), *self._behind.values()):
            self._count(entry, 1)

    def _set_free(self, entry: Entry) -> None:
        (self._held_free if entry.target in self._held else self._free).append(entry)

    def _count(self, entry: Entry, change: int) -> None:
        if entry.target not in self._held:
            self._waiting += change
            self._waiting_bytes += change * entry.size
