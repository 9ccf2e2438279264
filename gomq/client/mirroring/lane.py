"""One partition on its way from source to target: what was sent, what of it is acknowledged, and as which offsets."""

from collections import deque
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import anyio

from gomq.client.mirroring.carrying import Carried
from gomq.client.mirroring.errors import MirrorError, StaleEndError
from gomq.client.mirroring.offset_map import OffsetMap
from gomq.client.mirroring.plan import PartitionPlan, TopicPlan, target_of
from gomq.client.producing.batch import OutgoingBatch
from gomq.errors import (
    DuplicateSequenceNumberError,
    GomqError,
    InvalidTimestampError,
    MessageTooLargeError,
    OutOfOrderSequenceNumberError,
    RecordListTooLargeError,
    UnknownTopicError,
)
from gomq_storage.layout import TopicPartition

_CHECKPOINT_MESSAGES: Final = 100_000
_CHECKPOINT_BYTES: Final = 64 << 20
"""So much at most is sent behind a checkpoint: it would have to be compared if the mirror were killed."""
_CHECKPOINT_SECONDS: Final = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CopiedPartition:
    """What was carried over of a partition."""

    topic: str
    partition: int
    messages: int
    bytes: int
    """As they are stored, headers of batches left out."""
    source_offset: int
    """Up to which offset of the source all is at the target."""
    target_offset: int
    """The target's end."""
    keeps_offsets: bool
    """Whether all its messages have the same offsets on both sides."""
    lost: int
    """Offsets that were deleted at the source before their turn came."""


class Sent(NamedTuple):
    """A batch that is on its way, or was taken."""

    batch: OutgoingBatch
    carried: Carried
    base: int
    """The offset that it must get at the target."""


@dataclass(slots=True, kw_only=True, eq=False)
class Lane:
    """One partition on its way."""

    topic: TopicPlan
    plan: PartitionPlan
    until: int | None
    """Where to end; None for nowhere."""
    position: int
    """The source's offset behind all that was sent."""
    next_target: int
    offsets: OffsetMap
    """Of what is acknowledged."""
    sent: deque[Sent] = field(default_factory=deque)
    needs_probe: bool = True
    """Whether its first message has to show that the target's end is where it was."""
    is_shifted: bool = False
    """Whether a checkpoint says that offsets are not the same, as one must before a message has another."""
    unwritten_messages: int = 0
    """Sent since the last checkpoint."""
    unwritten_bytes: int = 0
    written_at: float = 0.0
    copied: int = 0
    copied_bytes: int = 0
    lost: int = 0
    """Offsets that were deleted at the source before their turn came."""

    @property
    def target(self) -> TopicPartition:
        """Which partition it is."""
        return target_of(self.topic, self.plan)

    @property
    def is_read(self) -> bool:
        """Whether all that is wanted was sent."""
        return self.until is not None and self.position >= self.until

    @property
    def must_be_written(self) -> bool:
        """Whether a checkpoint has to be written before more is sent."""
        if not self.is_shifted:
            return False
        return self.unwritten_messages >= _CHECKPOINT_MESSAGES or self.unwritten_bytes >= _CHECKPOINT_BYTES

    def should_be_written(self, now: float) -> bool:
        """Whether it is time for a checkpoint."""
        return self.unwritten_messages > 0 and now - self.written_at >= _CHECKPOINT_SECONDS

    def collect(self) -> None:
        """Take note of what is acknowledged.

        Raises:
            StaleEndError: the end of the partition at the target is not what was planned for.
            MirrorError: a batch is not taken.
            GomqError: the target cannot be reached any more.
        """
        while self.sent and self.sent[0].batch.is_done:
            batch, carried, base = self.sent.popleft()
            if (cause := batch.first_cause()) is not None:
                raise _explained(self.target, cause) from cause
            offset = batch.offset_of(0)
            if offset != base:
                raise StaleEndError(self.target, f"a message got offset {offset} there, and {base} was its turn")
            for run in carried.runs:
                self.offsets.add(run.source, run.length)
            self.offsets.skip_to(carried.next_source)
            self.copied += carried.message_count
            self.copied_bytes += len(carried.body)


def lane_of(topic: TopicPlan, plan: PartitionPlan, *, follow: bool) -> Lane:
    """Make a lane of a plan."""
    return Lane(
        topic=topic,
        plan=plan,
        until=None if follow else plan.source_end,
        position=plan.position,
        next_target=plan.start.target,
        offsets=plan.offsets,
        is_shifted=plan.was_checkpointed and not plan.offsets.keeps_offsets,
        written_at=anyio.current_time(),
        lost=plan.lost,
    )


def copied_of(lane: Lane, before: CopiedPartition | None) -> CopiedPartition:
    """Say what a lane has carried over, and others of its partition before it."""
    return CopiedPartition(
        topic=lane.topic.name,
        partition=lane.plan.partition,
        messages=lane.copied + (before.messages if before else 0),
        bytes=lane.copied_bytes + (before.bytes if before else 0),
        source_offset=lane.offsets.end.source,
        target_offset=lane.offsets.end.target,
        keeps_offsets=lane.offsets.keeps_offsets,
        lost=lane.lost,
    )


def _explained(target: TopicPartition, cause: GomqError) -> GomqError:
    """Say what to do about a batch that the target did not take."""
    name = target.topic
    match cause:
        case OutOfOrderSequenceNumberError() | DuplicateSequenceNumberError():
            return StaleEndError(target, "its end has moved since it was looked up")
        case MessageTooLargeError():
            hint = f"raise its max.message.bytes there (gomq topic alter {name} -c max.message.bytes=...)"
            return MirrorError(f"{target}: the target takes no message so large: {hint}, and start the mirror again")
        case RecordListTooLargeError():
            hint = f"raise its segment.bytes there (gomq topic alter {name} -c segment.bytes=...)"
            return MirrorError(f"{target}: the target takes no batch so large: {hint}, and start the mirror again")
        case InvalidTimestampError():
            hint = "raise its message.timestamp.before.max.ms and message.timestamp.after.max.ms there"
            return MirrorError(f"{target}: {cause}: {hint}, and start the mirror again")
        case UnknownTopicError():
            return MirrorError(f"{name} was deleted at the target while it was copied")
        case _:
            return cause
