"""How far fetching of one partition is, and what a fetch brought of it, as values."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from math import inf
from typing import Final
from uuid import UUID

from gomq.client.cluster.backoff import Backoff
from gomq.client.consuming.aborted import without_aborted
from gomq.client.consuming.epochs import NO_EPOCH, EpochTrail
from gomq.client.consuming.fetched import Chunk
from gomq.client.consuming.settings import ConsumerSettings
from gomq.errors import CorruptMessageError, MessageTooLargeError
from gomq_storage.batch import BatchHeader, walk
from gomq_storage.errors import CorruptBatchError
from gomq_storage.layout import TopicPartition

DOUBTED: Final = -2
"""As the leader epoch of a partition: what was fetched has yet to be confirmed."""


@dataclass(slots=True, kw_only=True, eq=False)
class Progress:
    """How far fetching of one partition is. Another takes its place when the consumer is to go on elsewhere."""

    target: TopicPartition
    offset: int
    max_bytes: int
    backoff: Backoff
    epochs: EpochTrail = field(default_factory=EpochTrail)
    leader_epoch: int = NO_EPOCH
    """In which the offset was last known to follow what was fetched."""
    topic_id: UUID | None = None
    """The topic's, where brokers say it: one that is deleted and made anew has another."""
    replica: int | None = None
    """The node that the leader wants to be fetched from instead of itself (KIP-392)."""
    replica_until: float = -inf
    """When the leader is asked again."""
    retry_at: float = -inf
    failing_since: float | None = None
    gone_since: float | None = None
    """Since when brokers say that it does not exist, where it may be missing."""
    is_over: bool = False
    """Whether another has taken its place, or none: then what comes for it counts for nothing."""
    is_asked_for: bool = False
    """Whether a request for it is on its way."""

    @property
    def wanted(self) -> tuple[int, int, int, int]:
        """What a fetch says: offset, leader epoch, epoch of what was fetched last, and bytes at most."""
        # a replica may lack what was fetched only because it is behind
        last_epoch = self.epochs.last if self.replica is None else NO_EPOCH
        return self.offset, self.leader_epoch, last_epoch, self.max_bytes

    def doubt(self, epoch: int) -> None:
        """Have a leader confirm first that it has what was consumed before, in an epoch that a commit tells."""
        self.epochs = EpochTrail((self.offset, epoch))
        self.leader_epoch = DOUBTED

    def follow(self, before: "Progress") -> None:
        """Go on behind what another has fetched up to this offset: the log has to have that still."""
        before.epochs.cut(self.offset)
        self.epochs, self.leader_epoch, self.topic_id = before.epochs, before.leader_epoch, before.topic_id

    def take(self, data: bytes, aborted: Iterable[tuple[int, int]], settings: ConsumerSettings) -> Chunk | None:
        """Make a chunk of what came, and go on behind it; None where that is no whole batch that is new.

        Raises:
            CorruptMessageError: it does not begin with a batch, or has a marker that cannot be read.
            MessageTooLargeError: no fetch can bring the batch.
        """
        try:
            wanted, end = self._wanted(data)
            batches = without_aborted(data, wanted, aborted)
        except CorruptBatchError as error:
            raise CorruptMessageError(f"{self.target} at offset {self.offset}: {error}") from error
        if not batches:
            if end < len(data):
                self._ask_for_more(settings.connection.max_response_bytes // 2)
            return None
        chunk = Chunk(
            target=self.target,
            wanted=self.offset,
            data=data,
            batches=batches,
            max_decompressed_bytes=settings.max_decompressed_bytes,
        )
        for _, header in batches:
            self.epochs.note(header.leader_epoch, max(header.base_offset, self.offset))
        self.offset = batches[-1][1].next_offset
        self.max_bytes = settings.fetch_bytes
        self.backoff.reset()
        return chunk

    def _wanted(self, data: bytes) -> tuple[list[tuple[int, BatchHeader]], int]:
        """Find the whole batches, those that end before the wanted offset left out, and where the last one ends."""
        batches: list[tuple[int, BatchHeader]] = []
        offset = self.offset
        end = 0
        try:
            for position, header in walk(data):
                if batches and header.base_offset < offset:
                    break  # no log has this; what is new of it comes with a fetch of its own, if at all
                end = position + header.size
                if header.next_offset > offset:
                    batches.append((position, header))
                    offset = header.next_offset
        except CorruptBatchError:
            if not batches:
                raise
            # the batches before it first; it comes again, at the front, with the next fetch
        return batches, end

    def _ask_for_more(self, limit: int) -> None:
        """A broker that cuts off the first batch, as old ones do, must be asked for more bytes."""
        if self.max_bytes >= limit:
            raise MessageTooLargeError(f"{self.target} at offset {self.offset}: a batch of more than {limit} bytes")
        self.max_bytes = min(2 * self.max_bytes, limit)
