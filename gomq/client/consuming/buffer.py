"""What stands between the tasks that fetch and those that consume: chunks in the order they came, bounded in bytes.

What goes wrong in fetching is told the consumer behind the messages that came before it. Of a partition that is held,
such as a paused one, nothing is handed out; what is here of it is put aside, up to as many bytes again.
"""

from collections import deque
from collections.abc import Collection

import anyio

from gomq.client.consuming.fetched import Chunk
from gomq.client.raising import own_copy
from gomq.errors import GomqError
from gomq_storage.layout import TopicPartition


class FetchBuffer:
    """Chunks that were fetched and are not yet consumed.

    Args:
        max_bytes: no more is fetched while this much is here.
    """

    def __init__(self, *, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._chunks: deque[Chunk] = deque()
        self._size = 0
        self._held: dict[TopicPartition, list[Chunk]] = {}
        self._held_size = 0
        self._failures: dict[TopicPartition | None, GomqError] = {}
        self._is_closed = False
        self._came: anyio.Event | None = None
        """Set, and forgotten, when something comes; there while somebody waits. So is ``_room``."""
        self._room: anyio.Event | None = None

    @property
    def is_closed(self) -> bool:
        """Whether the iteration is to end."""
        return self._is_closed

    @property
    def is_wanted(self) -> bool:
        """Whether there is any use in fetching more."""
        return not self._is_closed and not self._failures

    @property
    def size(self) -> int:
        """Bytes that are here, those of held partitions left out."""
        return self._size

    @property
    def has_room(self) -> bool:
        """Whether more may be fetched."""
        return self._size < self._max_bytes

    @property
    def first(self) -> Chunk | None:
        """What comes next, or None while nothing is here."""
        return self._chunks[0] if self._chunks else None

    def put(self, chunk: Chunk) -> None:
        """Add what was fetched."""
        if not self._is_closed:
            self._chunks.append(chunk)
            self._size += len(chunk.data)
            self._wake_consumers()

    def fail(self, error: GomqError, target: TopicPartition | None = None) -> None:
        """Have the consumer raise the error once it has all that came before.

        Args:
            error: the first one of a partition counts, and of partitions that of the first.
            target: the partition whose seek or revocation takes the error back; None for one that stays.
        """
        self._failures.setdefault(target, error)
        self._wake_consumers()

    def close(self) -> None:
        """End the iteration, and drop what is here."""
        self._is_closed = True
        self._chunks.clear()
        self._held.clear()
        self._size = self._held_size = 0
        self._wake_consumers()
        self._wake_fetchers()

    async def wait_for_room(self) -> None:
        """Wait until more may be fetched."""
        while not self.has_room:
            if self._room is None:
                self._room = anyio.Event()
            await self._room.wait()

    async def wait(self) -> None:
        """Wait until something is here, has changed or is at its end; whoever waits looks again.

        Raises:
            GomqError: what went wrong in fetching, where nothing is here that came before.
        """
        if self._chunks or self._is_closed:
            return
        for failure in self._failures.values():
            raise own_copy(failure)
        if self._came is None:
            self._came = anyio.Event()
        await self._came.wait()

    def drop_first(self) -> None:
        """Take away the first chunk."""
        self._size -= len(self._chunks.popleft().data)
        self._wake_fetchers()

    def drop(self, targets: Collection[TopicPartition]) -> None:
        """Drop all that is here of partitions, and what went wrong with them; they are not held any more."""
        self._take_out(targets)
        for target in targets:
            self._held_size -= sum(len(chunk.data) for chunk in self._held.pop(target, ()))
            self._failures.pop(target, None)

    def hold(self, targets: Collection[TopicPartition]) -> list[TopicPartition]:
        """Put aside what is here of partitions; return those for which there was no room, of which all is dropped."""
        too_many: list[TopicPartition] = []
        taken = self._take_out(targets)
        for target in targets:
            chunks = self._held.setdefault(target, []) + taken.get(target, [])
            size = sum(len(chunk.data) for chunk in taken.get(target, ()))
            if self._held_size + size > self._max_bytes:
                too_many.append(target)
                self._held_size -= sum(len(chunk.data) for chunk in self._held[target])
                chunks, size = [], 0
            self._held[target] = chunks
            self._held_size += size
        return too_many

    def is_held(self, target: TopicPartition) -> bool:
        """Say whether nothing of a partition is to be handed out."""
        return target in self._held

    def release(self, targets: Collection[TopicPartition]) -> None:
        """Hand out again what was put aside."""
        for target in targets:
            for chunk in self._held.pop(target, ()):
                self._held_size -= len(chunk.data)
                self._size += len(chunk.data)
                self._chunks.append(chunk)
        self.wake()

    def wake(self) -> None:
        """Have those who wait for something look again."""
        self._wake_consumers()

    def _take_out(self, targets: Collection[TopicPartition]) -> dict[TopicPartition, list[Chunk]]:
        taken: dict[TopicPartition, list[Chunk]] = {}
        kept: deque[Chunk] = deque()
        for chunk in self._chunks:
            if chunk.target in targets:
                taken.setdefault(chunk.target, []).append(chunk)
                self._size -= len(chunk.data)
            else:
                kept.append(chunk)
        self._chunks = kept
        self._wake_fetchers()
        return taken

    def _wake_consumers(self) -> None:
        if self._came is not None:
            self._came.set()
            self._came = None

    def _wake_fetchers(self) -> None:
        if self._room is not None:
            self._room.set()
            self._room = None
