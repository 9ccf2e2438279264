"""Fetch sessions: a client names its partitions once, then only what changes (KIP-227). Kafka: ``FetchSession.scala``.

A *full* fetch names all its partitions; with epoch 0 it asks for a session, and gets its id if there is room. The
*incremental* ones that follow count its epoch up. They name partitions that are new or wanted from another offset, and
those to forget; the answer leaves out partitions of which there is nothing new. With epoch -1 a client ends a session.
The partitions of a session have an order, in which an answer is filled; those that gave records go to its end, so that
each has its turn.

A session belongs to no connection: a client that goes away leaves it behind. So there are slots, and a new session
takes one that was not used for a while, or that is old and has fewer partitions. Kafka bounds the number of sessions;
here that of their partitions is bounded too. A client that is refused a session names all its partitions each time.

No clock and no socket: time is an argument.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from secrets import randbelow
from typing import Final, NamedTuple

from kio.schema.errors import ErrorCode

from gomq.broker.fetching.values import Found, PartitionKey, Wanted
from gomq_storage.layout import MAX_TOPIC_NAME_LENGTH

NO_SESSION: Final = 0
INITIAL_EPOCH: Final = 0
FINAL_EPOCH: Final = -1
MAX_ID: Final = 2**31 - 1
MAX_SESSION_PARTITIONS: Final = 10_000
"""Of one session."""
MAX_PARTITIONS: Final = 200_000
"""Of all sessions together, about half a kilobyte each."""


class Asked(NamedTuple):
    """What a request says of sessions and partitions."""

    session_id: int
    epoch: int
    wanted: Mapping[PartitionKey, Wanted]
    forgotten: Sequence[PartitionKey]
    by_id: bool
    """Whether it names topics by their ids."""


class Settled(NamedTuple):
    """What an answer holds."""

    error_code: int
    session_id: int
    found: Sequence[Found]


class Context:
    """One fetch: which partitions it looks at, and what of them its answer holds. Here: without a session."""

    def __init__(self, wanted: Iterable[Wanted], *, error_code: int = 0) -> None:
        self.wanted: tuple[Wanted, ...] = tuple(wanted)
        self.error_code = error_code
        """What is wrong with the session; nothing is looked at then."""

    def settle(self, found: Sequence[Found], now_ms: int) -> Settled:  # noqa: ARG002 - a form that others share
        """Choose what is answered, and remember it.

        Args:
            found: of all the partitions wanted, in the order of the answer.
            now_ms: the time.
        """
        return Settled(self.error_code, NO_SESSION, found)


class FullContext(Context):
    """A fetch that wants a session. Kafka: ``FullFetchContext``."""

    def __init__(self, sessions: "FetchSessions", asked: Asked) -> None:
        super().__init__(asked.wanted.values())
        self._sessions = sessions
        self._by_id = asked.by_id

    def settle(self, found: Sequence[Found], now_ms: int) -> Settled:
        """Begin the session, if there is room."""
        return Settled(0, self._sessions.create(found, by_id=self._by_id, now_ms=now_ms), found)


class IncrementalContext(Context):
    """A fetch within a session. Kafka: ``IncrementalFetchContext``."""

    def __init__(self, session: "FetchSession") -> None:
        super().__init__(cached.wanted for cached in session.partitions.values())
        self._session = session
        self._epoch = session.epoch

    def settle(self, found: Sequence[Found], now_ms: int) -> Settled:  # noqa: ARG002
        """Leave out what has not changed."""
        session = self._session
        if session.epoch != self._epoch:  # another request was faster
            return Settled(ErrorCode.invalid_fetch_session_epoch, session.id, ())
        return Settled(0, session.id, [each for each in found if session.take(each)])


class CachedPartition:
    """A partition of a session: what is wanted of it, and what its client was told last."""

    __slots__ = ("high_watermark", "log_start", "wanted")

    def __init__(self, wanted: Wanted, high_watermark: int = -1, log_start: int = -1) -> None:
        self.wanted: Wanted = wanted
        self.high_watermark: int = high_watermark
        self.log_start: int = log_start

    def take(self, found: Found) -> bool:
        """Take note of what was found; say if that is news. Kafka: ``maybeUpdateResponseData``."""
        result = found.result
        is_news = (
            found.records is not None
            or result.error_code != 0
            or result.diverging is not None
            or result.high_watermark != self.high_watermark
            or result.log_start_offset != self.log_start
        )
        # After an error the client is told again, whatever it knew.
        self.high_watermark = -1 if result.error_code else result.high_watermark
        self.log_start = result.log_start_offset
        return is_news


class FetchSession:
    """One session."""

    __slots__ = ("by_id", "created_ms", "epoch", "id", "is_old", "last_used_ms", "partitions", "size")

    def __init__(
        self, session_id: int, partitions: dict[PartitionKey, CachedPartition], *, by_id: bool, now_ms: int
    ) -> None:
        self.id: int = session_id
        self.partitions: dict[PartitionKey, CachedPartition] = partitions
        """In the order of the answers."""
        self.by_id: bool = by_id
        self.epoch: int = next_epoch(INITIAL_EPOCH)
        """Of the next request."""
        self.created_ms: int = now_ms
        self.last_used_ms: int = now_ms
        self.size: int = 0
        """Partitions when it was last used, as they are counted."""
        self.is_old: bool = False
        """Whether one with more partitions may take its slot."""

    def update(self, wanted: Mapping[PartitionKey, Wanted], forgotten: Iterable[PartitionKey]) -> None:
        """Take account of what a request says of its partitions."""
        for key, each in wanted.items():
            cached = self.partitions.get(key)
            if cached is None:
                self.partitions[key] = CachedPartition(each)
            else:
                cached.wanted = each
        for key in forgotten:
            self.partitions.pop(key, None)

    def take(self, found: Found) -> bool:
        """Take note of what was found in a partition; say if the answer must have it."""
        key = (found.wanted.topic, found.wanted.partition_index)
        if not self.partitions[key].take(found):
            return False
        if found.records is not None:
            self.partitions[key] = self.partitions.pop(key)
        return True


class FetchSessions:
    """All sessions of a broker. Kafka: ``FetchSessionCache``, ``FetchManager``.

    Args:
        slots: how many there may be.
        eviction_ms: how long one must have been unused, or have existed, to lose its slot.
        draw: gives random numbers from 0 to below its argument.
    """

    def __init__(
        self, *, slots: int = 1000, eviction_ms: int = 120_000, draw: Callable[[int], int] = randbelow
    ) -> None:
        self._slots = slots
        self._eviction_ms = eviction_ms
        self._draw = draw
        self._by_id: dict[int, FetchSession] = {}  # the one that was unused for the longest time comes first
        self.partition_count: int = 0
        """Of all sessions."""
        self.evictions: int = 0
        """How many sessions lost their slot to another."""

    def __len__(self) -> int:
        return len(self._by_id)

    def begin(self, asked: Asked, now_ms: int) -> Context:
        """Find out which partitions a request is about. Kafka: ``FetchManager.newContext``."""
        if asked.epoch in {INITIAL_EPOCH, FINAL_EPOCH}:
            self._remove(asked.session_id)
            return Context(asked.wanted.values()) if asked.epoch == FINAL_EPOCH else FullContext(self, asked)
        session = self._by_id.get(asked.session_id)
        if session is None:
            return Context((), error_code=ErrorCode.fetch_session_id_not_found)
        if session.epoch != asked.epoch:
            return Context((), error_code=ErrorCode.invalid_fetch_session_epoch)
        if session.by_id != asked.by_id:
            return Context((), error_code=ErrorCode.fetch_session_topic_id_error)
        return self._go_on(session, asked, now_ms)

    def _go_on(self, session: FetchSession, asked: Asked, now_ms: int) -> Context:
        session.update(asked.wanted, asked.forgotten)
        session.epoch = next_epoch(session.epoch)  # requests that are not answered yet are outdated, whatever follows
        if not session.partitions:
            self._remove(session.id)
            return Context(asked.wanted.values())
        if not self._has_room(len(session.partitions), instead_of=session.size) or not _can_be_kept(asked.wanted):
            self._remove(session.id)  # the client names all its partitions again, and gets no session for so many
            return Context((), error_code=ErrorCode.fetch_session_id_not_found)
        self._touch(session, now_ms)
        return IncrementalContext(session)

    def create(self, found: Sequence[Found], *, by_id: bool, now_ms: int) -> int:
        """Make a session of what a full fetch is answered, and return its id; ``NO_SESSION`` where there is no room."""
        size = len(found)
        partitions = {
            (each.wanted.topic, each.wanted.partition_index): CachedPartition(
                each.wanted, each.result.high_watermark, each.result.log_start_offset
            )
            for each in found
            if size <= MAX_SESSION_PARTITIONS
        }
        if len(partitions) < size or not _can_be_kept(partitions):
            return NO_SESSION
        while len(self._by_id) >= self._slots or not self._has_room(size):
            if not self._evict(size, now_ms):
                return NO_SESSION
        session = FetchSession(self._new_id(), partitions, by_id=by_id, now_ms=now_ms)
        self._touch(session, now_ms)
        return session.id

    def _has_room(self, size: int, *, instead_of: int = 0) -> bool:
        return size <= MAX_SESSION_PARTITIONS and self.partition_count - instead_of + size <= MAX_PARTITIONS

    def _new_id(self) -> int:
        while (session_id := 1 + self._draw(MAX_ID)) in self._by_id:
            pass
        return session_id

    def _touch(self, session: FetchSession, now_ms: int) -> None:
        self._by_id.pop(session.id, None)
        self._by_id[session.id] = session
        session.last_used_ms = now_ms
        session.is_old = now_ms - session.created_ms > self._eviction_ms
        self.partition_count += len(session.partitions) - session.size
        session.size = len(session.partitions)

    def _evict(self, size: int, now_ms: int) -> bool:
        """Let go of the session that is worth least, if less than a new one of some size. Kafka: ``tryEvict``."""
        oldest = next(iter(self._by_id.values()), None)
        if oldest is None:
            return False
        if now_ms - oldest.last_used_ms <= self._eviction_ms:
            old = (session for session in self._by_id.values() if session.is_old)
            smallest = min(old, key=lambda session: (session.size, session.id), default=None)
            if smallest is None or size <= smallest.size:
                return False
            oldest = smallest
        self._remove(oldest.id)
        self.evictions += 1
        return True

    def _remove(self, session_id: int) -> None:
        session = self._by_id.pop(session_id, None)
        if session is not None:
            self.partition_count -= session.size


def next_epoch(epoch: int) -> int:
    """Say which epoch follows. Kafka: ``FetchMetadata.nextEpoch``."""
    return 1 if epoch == MAX_ID else epoch + 1


def _can_be_kept(keys: Iterable[PartitionKey]) -> bool:
    """Whether all topics have names, or ids, of a length that a topic can have."""
    return all(not isinstance(topic, str) or len(topic) <= MAX_TOPIC_NAME_LENGTH for topic, _ in keys)
