"""Hands out what the fetch buffer holds, and knows how far each partition got.

Nothing is taken away where a task waits: it waits until something is there, looks again and returns it at once. So
whoever is cancelled has lost nothing.

What was handed out is *in hand* until more is asked for. That is kept track of where batches are loaded, for a
message's turn must cost nothing: of messages that come one by one it is seen by how many of their batch are left.
"""

from bisect import bisect_left
from collections.abc import Collection, Iterator, Mapping
from operator import length_hint

import anyio

from gomq.client.consuming.buffer import FetchBuffer
from gomq.client.message import Batch, Message
from gomq.errors import GomqError
from gomq_storage.layout import TopicPartition


class Reader:
    """The consumer's side of the buffer.

    Args:
        buffer: where fetched batches come from.
    """

    def __init__(self, buffer: FetchBuffer) -> None:
        self._buffer = buffer
        self._current: Batch | None = None
        self.unread: Iterator[Message] = iter(())
        """The messages that are handed out one by one; when it has no more, ``load`` makes a new one."""
        self._kept_back: list[Batch] = []
        """What is decoded and not handed out, apart from ``unread``, which comes before it."""
        self._in_hand: dict[TopicPartition, int] = {}
        """The first offset of what was handed out in batches."""
        self._decoded: dict[TopicPartition, int] = {}
        """The offset behind what is decoded of each partition."""
        self._held: set[TopicPartition] = set()
        self._let_go: anyio.Event | None = None

    @property
    def partitions(self) -> Collection[TopicPartition]:
        """What is read."""
        return self._decoded.keys()

    async def load(self) -> bool:
        """Fill ``unread`` with messages; return False at the end."""
        self.let_go()
        while True:
            await anyio.lowlevel.checkpoint()
            if self._buffer.is_closed:
                return False
            if self.fill():
                return True
            await self._buffer.wait()

    def fill(self) -> bool:
        """Fill ``unread`` from what is here; say whether it has messages, perhaps those of another task."""
        while not length_hint(self.unread):
            batch = self.next()
            if batch is None:
                return False
            if len(batch):
                self._current, self.unread = batch, iter(batch.messages)
        return True

    def take(self, most: int) -> list[Message]:
        """Hand out messages that are here, of whatever partitions.

        Raises:
            CorruptMessageError: the first of them cannot be read.
        """
        messages: list[Message] = []
        while len(messages) < most:
            try:
                batch = self.next()
            except GomqError:
                if messages:
                    break  # these first
                raise
            if batch is None:
                break
            room = most - len(messages)
            if len(batch) > room:
                self._kept_back.insert(0, batch.part(room))
                batch = batch.part(0, room)
            self.hand_out(batch)
            messages += batch.messages
        return messages

    def hand_out(self, batch: Batch) -> None:
        """Note that a batch is in somebody's hand."""
        if batch:
            self._in_hand.setdefault(_target(batch), batch.offsets[0])

    def let_go(self) -> None:
        """Note that nothing is in hand any more: somebody asks for more."""
        self._in_hand.clear()
        self._keep_unread_back()
        self._current = None
        if self._let_go is not None:
            self._let_go.set()
            self._let_go = None

    def next(self, until: Mapping[TopicPartition, int] | None = None) -> Batch | None:
        """Take what comes next, perhaps without messages; None where nothing is here.

        Args:
            until: messages from these offsets on are kept back.

        Raises:
            CorruptMessageError: it cannot be read.
        """
        self._keep_unread_back()
        for index, batch in enumerate(self._kept_back):
            target = _target(batch)
            if target not in self._held and (until is None or batch.offsets[0] < until.get(target, 0)):
                del self._kept_back[index]
                return self._keep_back_from(batch, until)
        chunk = self._buffer.first
        if chunk is None:
            return None
        batch = chunk.take()
        self._decoded[chunk.target] = chunk.next_offset
        if chunk.is_taken:
            self._buffer.drop_first()
        return self._keep_back_from(batch, until)

    def position(self, target: TopicPartition) -> int:
        """Return the offset that is handed out next, or the first one behind it that exists."""
        left = length_hint(self.unread)
        if left and self._current is not None and _target(self._current) == target:
            return self._current.offsets[-left]
        for batch in self._kept_back:
            if _target(batch) == target:
                return batch.offsets[0]
        return self._decoded[target]

    def commit_points(self) -> dict[TopicPartition, int]:
        """Return of each partition the offset behind what is done with: handed out, and not in hand."""
        points = {target: self.position(target) for target in self._decoded}
        for target, offset in self._all_in_hand().items():
            if target in points:
                points[target] = min(offset, points[target])
        return points

    def start(self, starts: Mapping[TopicPartition, int]) -> None:
        """Go on at other offsets: what is in hand, or decoded, of these partitions does not count any more."""
        self.forget(starts.keys())
        self._decoded.update(starts)

    def hold(self, targets: Collection[TopicPartition]) -> None:
        """Hand out nothing of partitions until they are released; what is in hand stays there."""
        self._held.update(targets)
        if self._current is not None and _target(self._current) in targets:
            self._keep_unread_back()

    def release(self, targets: Collection[TopicPartition]) -> None:
        """Go on with partitions that were held."""
        self._held.difference_update(targets)

    def retract(self, targets: Collection[TopicPartition]) -> None:
        """Drop what is decoded and not handed out, so that it has to be fetched again; what is in hand stays there."""
        self._decoded.update({target: self.position(target) for target in targets})
        if self._current is not None and _target(self._current) in targets:
            self._keep_unread_back()
        self._kept_back = [batch for batch in self._kept_back if _target(batch) not in targets]

    def forget(self, targets: Collection[TopicPartition]) -> None:
        """Drop all of partitions."""
        if self._current is not None and _target(self._current) in targets:
            self._current, self.unread = None, iter(())
        self._kept_back = [batch for batch in self._kept_back if _target(batch) not in targets]
        self._held.difference_update(targets)
        for target in targets:
            self._decoded.pop(target, None)
            self._in_hand.pop(target, None)

    async def wait_until_let_go(self, targets: Collection[TopicPartition]) -> None:
        """Wait until nothing of partitions is in hand."""
        while not self._all_in_hand().keys().isdisjoint(targets):
            if self._let_go is None:
                self._let_go = anyio.Event()
            await self._let_go.wait()

    def _all_in_hand(self) -> dict[TopicPartition, int]:
        """The first offset in hand of each partition of which anything is."""
        current = self._current
        handed_out = len(current) - length_hint(self.unread) if current is not None else 0
        if current is None or not handed_out:
            return self._in_hand
        return self._in_hand | {_target(current): current.offsets[handed_out - 1]}

    def _keep_unread_back(self) -> None:
        """Put what is left of the messages that come one by one back where it can be taken as a batch."""
        left = length_hint(self.unread)
        if left and self._current is not None:
            self._kept_back.insert(0, self._current.part(-left))
            self._current, self.unread = self._current.part(0, -left), iter(())

    def _keep_back_from(self, batch: Batch, until: Mapping[TopicPartition, int] | None) -> Batch:
        """Split off the messages that are not wanted yet."""
        offsets = batch.offsets
        end = None if until is None else until.get(_target(batch), 0)
        if end is None or not offsets or offsets[-1] < end:
            return batch
        cut = bisect_left(offsets, end)
        self._kept_back.append(batch.part(cut))
        return batch.part(0, cut)


def _target(batch: Batch) -> TopicPartition:
    return TopicPartition(batch.topic, batch.partition)
