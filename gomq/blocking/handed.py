"""Messages that came in one go from the event loop's thread and are handed out one by one in others."""

import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import compress
from time import monotonic
from typing import Final

from gomq.client.message import Message
from gomq_storage.layout import TopicPartition

_MOST: Final = 2000
"""Messages that come in one go, at most."""
_BRISK: Final = 0.05
"""Seconds in which they are to be handed out: fewer come at a time where it takes longer, for what has come counts as
in hand, and is delivered again when the program dies."""


class HandedOver:
    """Messages that are here and not handed out yet, and where to go back to for those that were dropped again.

    Methods may be called from any thread.

    Args:
        clock: seconds that only grow.
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._messages: Sequence[Message] = ()
        self._next = 0
        self._came_at = clock()
        self._returns: dict[TopicPartition, int] = {}
        self._size = 1

    def next(self) -> Message | None:
        """Hand one out; None where there is none."""
        with self._lock:
            position = self._next
            if position >= len(self._messages):
                return None
            self._next = position + 1
            return self._messages[position]

    def next_size(self) -> int:
        """Say how many are to come next: as many as are handed out briskly."""
        with self._lock:
            is_brisk = self._clock() - self._came_at < _BRISK
            self._size = min(2 * self._size, _MOST) if is_brisk else max(self._size // 2, 1)
            return self._size

    def put(self, messages: Sequence[Message]) -> None:
        """Take what has come; all before was handed out, or dropped."""
        with self._lock:
            self._messages, self._next, self._came_at = messages, 0, self._clock()

    def let_go(self) -> None:
        """Note that all that was handed out is processed."""
        with self._lock:
            self._messages, self._next = self._messages[self._next :], 0

    def drop(self, partitions: Collection[TopicPartition] | None = None) -> None:
        """Drop what is not handed out yet of some partitions, or of all, and note where to go back to."""
        with self._lock:
            kept = list(self._messages[: self._next])
            for message in self._messages[self._next :]:
                target = TopicPartition(message.topic, message.partition)
                if partitions is None or target in partitions:
                    self._returns.setdefault(target, message.offset)
                else:
                    kept.append(message)
            self._messages = kept

    def take_back(self) -> None:
        """Drop everything, the message in hand too, and note where to go back to; what was before it is processed."""
        with self._lock:
            in_hand = max(self._next - 1, 0)
            done = {TopicPartition(each.topic, each.partition): each.offset + 1 for each in self._messages[:in_hand]}
            left: dict[TopicPartition, int] = {}
            for message in self._messages[in_hand:]:
                left.setdefault(TopicPartition(message.topic, message.partition), message.offset)
            self._returns = done | self._returns | left
            self._messages, self._next = (), 0

    def forget(self, partition: TopicPartition) -> None:
        """Know nothing more of a partition that goes on elsewhere, neither what waits nor what is in hand."""
        with self._lock:
            here = [TopicPartition(each.topic, each.partition) != partition for each in self._messages]
            self._next = sum(here[: self._next])
            self._messages = list(compress(self._messages, here))
        self.returned(partition)

    def returns(self) -> dict[TopicPartition, int]:
        """Say where to go back to."""
        with self._lock:
            return dict(self._returns)

    def returned(self, partition: TopicPartition) -> None:
        """Note that a partition goes on where it was to go back to."""
        with self._lock:
            self._returns.pop(partition, None)

    def positions(self) -> Mapping[TopicPartition, int]:
        """Say which offsets are handed out next, where that is not for the asynchronous consumer to say."""
        with self._lock:
            found = dict(self._returns)
            for message in self._messages[self._next :]:
                found.setdefault(TopicPartition(message.topic, message.partition), message.offset)
            return found
