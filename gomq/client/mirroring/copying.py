"""Carries messages over: what the source has is sent to the target, partition by partition in its order."""

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import anyio

from gomq.client.consuming.fetched import Chunk
from gomq.client.mirroring.carrying import Carried, carry
from gomq.client.mirroring.checkpoints import Checkpoints
from gomq.client.mirroring.errors import MirrorError, StaleEndError
from gomq.client.mirroring.offset_map import OffsetMap
from gomq.client.mirroring.plan import PartitionPlan, TopicPlan, target_of
from gomq.client.mirroring.source import Source
from gomq.client.mirroring.target import Target
from gomq.client.producing.batch import OutgoingBatch
from gomq.errors import (
    DuplicateSequenceNumberError,
    GomqError,
    InvalidTimestampError,
    MessageTooLargeError,
    OutOfOrderSequenceNumberError,
    RecordListTooLargeError,
)
from gomq_storage.errors import CorruptBatchError
from gomq_storage.layout import TopicPartition

_LOOK_SECONDS: Final = 0.5
"""How often failures and due checkpoints are looked for while the source has nothing new."""
_CHECKPOINT_MESSAGES: Final = 100_000
_CHECKPOINT_BYTES: Final = 64 << 20
"""So much at most is sent behind a checkpoint: it would have to be compared if the mirror were killed."""
_CHECKPOINT_SECONDS: Final = 10.0

OnProgress = Callable[[int], object]
"""Told how many offsets of the source are done with since the last time."""


class _Sent(NamedTuple):
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
    sent: deque[_Sent] = field(default_factory=deque)
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


def lane_of(topic: TopicPlan, plan: PartitionPlan, *, follow: bool) -> Lane:
    """Make a lane of a plan."""
    return Lane(
        topic=topic,
        plan=plan,
        until=None if follow else plan.source_end,
        position=max(plan.start.source, plan.source_beginning),
        next_target=plan.start.target,
        offsets=plan.offsets,
        is_shifted=plan.was_checkpointed and not plan.offsets.keeps_offsets,
        written_at=anyio.current_time(),
        lost=plan.lost,
    )


class Copying:
    """The one task that copies.

    Args:
        lanes: what to copy.
        source: where from, opened at the lanes' positions.
        target: where to.
        checkpoints: writes down how far it is.
        bytes_per_second: the most to be copied; None for no limit.
        on_progress: told how far it is.
    """

    def __init__(
        self,
        lanes: Iterable[Lane],
        source: Source,
        target: Target,
        checkpoints: Checkpoints,
        *,
        bytes_per_second: float | None,
        on_progress: OnProgress,
    ) -> None:
        self._lanes = {lane.target: lane for lane in lanes}
        self._source = source
        self._target = target
        self._checkpoints = checkpoints
        self._bytes_per_second = bytes_per_second
        self._on_progress = on_progress
        self._started = anyio.current_time()
        self._bytes = 0
        self._is_stopping = False
        self._waiting: anyio.CancelScope | None = None

    def stop(self) -> None:
        """Send nothing more; ``run`` returns once what was sent is acknowledged and written down."""
        self._is_stopping = True
        if self._waiting is not None:
            self._waiting.cancel()

    async def run(self) -> None:
        """Copy until every lane is at its end.

        Raises:
            StaleEndError: the end of a partition at the target is not what was planned for; plan again.
            MirrorError: what is at the source cannot be read, or is not taken.
            GomqError: a side cannot be reached any more.
        """
        for lane in self._lanes.values():
            if lane.plan.writer is not None:
                self._target.continue_as(lane.target, lane.plan.writer)
            if lane.is_read:
                self._source.drop(lane.target)
        while not self._is_stopping and not all(lane.is_read for lane in self._lanes.values()):
            self._collect()
            await self._write_due()
            chunk = self._source.take()
            if chunk is None:
                with anyio.move_on_after(_LOOK_SECONDS) as self._waiting:
                    await self._source.wait()
                continue
            await self._copy(self._lanes[chunk.target], chunk)
        await self._finish()

    async def _finish(self) -> None:
        for lane in self._lanes.values():
            await self._settle(lane)
            if lane.unwritten_messages:
                await self._write(lane)

    async def _copy(self, lane: Lane, chunk: Chunk) -> None:
        try:
            for carried in carry(chunk, wanted=lane.position, until=lane.until, first_alone=lane.needs_probe):
                await self._send(lane, carried)
                if self._is_stopping:
                    return
        except CorruptBatchError as error:
            raise MirrorError(f"{lane.target} at the source, behind offset {lane.position}: {error}") from error
        if not chunk.batches:  # what was wanted was deleted meanwhile
            skipped = max(chunk.wanted - lane.position, 0)
            lane.position, lane.lost = lane.position + skipped, lane.lost + skipped
            self._on_progress(skipped)
        if lane.is_read:
            self._source.drop(lane.target)

    async def _send(self, lane: Lane, carried: Carried) -> None:
        before = lane.position
        if carried.runs:
            await self._mind_gaps(lane, carried)
            while not self._target.has_room:
                await self._target.wait_for_change()
                self._collect()
            await self._keep_pace(len(carried.body))
            self._hand_over(lane, carried)
            if lane.needs_probe:
                lane.needs_probe = False
                await self._settle(lane)
        lane.position = carried.next_source
        self._on_progress(carried.next_source - before)

    def _hand_over(self, lane: Lane, carried: Carried) -> None:
        batch = self._target.send(lane.target, carried, is_probe=lane.needs_probe)
        lane.sent.append(_Sent(batch, carried, lane.next_target))
        lane.next_target += carried.message_count
        lane.unwritten_messages += carried.message_count
        lane.unwritten_bytes += len(carried.body)

    async def _mind_gaps(self, lane: Lane, carried: Carried) -> None:
        """See that a checkpoint is written before anything is sent that gets another offset, and often enough."""
        first = carried.runs[0].source
        is_first_gap = not lane.is_shifted and (first != lane.next_target or len(carried.runs) > 1)
        if is_first_gap or lane.must_be_written:
            await self._settle(lane)
            lane.offsets.skip_to(first)
            lane.is_shifted |= is_first_gap
            await self._write(lane)

    async def _keep_pace(self, size: int) -> None:
        self._bytes += size
        if self._bytes_per_second is None:
            await anyio.lowlevel.checkpoint()
            return
        due = self._started + self._bytes / self._bytes_per_second
        while (left := due - anyio.current_time()) > 0:
            await anyio.sleep(min(left, _LOOK_SECONDS))
            self._collect()

    async def _write_due(self) -> None:
        now = anyio.current_time()
        for lane in self._lanes.values():
            if lane.should_be_written(now):
                await self._write(lane)

    async def _write(self, lane: Lane) -> None:
        await self._checkpoints.write(lane.topic.pair, lane.plan.partition, lane.offsets)
        lane.unwritten_messages = lane.unwritten_bytes = 0
        lane.written_at = anyio.current_time()

    async def _settle(self, lane: Lane) -> None:
        """Wait until all that was sent of a lane is acknowledged."""
        while lane.sent:
            await lane.sent[0].batch.done.wait()
            _collect(lane)
        lane.offsets.skip_to(lane.position)

    def _collect(self) -> None:
        for lane in self._lanes.values():
            _collect(lane)


def _collect(lane: Lane) -> None:
    """Take note of what is acknowledged."""
    while lane.sent and lane.sent[0].batch.is_done:
        batch, carried, base = lane.sent.popleft()
        if (cause := batch.first_cause()) is not None:
            raise _explained(lane, cause) from cause
        offset = batch.offset_of(0)
        if offset != base:
            raise StaleEndError(lane.target, f"a message got offset {offset} at the target, and {base} was its turn")
        for run in carried.runs:
            lane.offsets.add(run.source, run.length)
        lane.offsets.skip_to(carried.next_source)
        lane.copied += carried.message_count
        lane.copied_bytes += len(carried.body)


def _explained(lane: Lane, cause: GomqError) -> GomqError:
    """Say what to do about a batch that the target did not take."""
    name = lane.topic.name
    match cause:
        case OutOfOrderSequenceNumberError() | DuplicateSequenceNumberError():
            return StaleEndError(lane.target, "its end has moved since it was looked up")
        case MessageTooLargeError():
            hint = f"raise its max.message.bytes there (gomq topic alter {name} -c max.message.bytes=...)"
            return MirrorError(
                f"{lane.target}: the target takes no message so large: {hint}, and start the mirror again"
            )
        case RecordListTooLargeError():
            hint = f"raise its segment.bytes there (gomq topic alter {name} -c segment.bytes=...)"
            return MirrorError(f"{lane.target}: the target takes no batch so large: {hint}, and start the mirror again")
        case InvalidTimestampError():
            hint = "raise its message.timestamp.before.max.ms and message.timestamp.after.max.ms there"
            return MirrorError(f"{lane.target}: {cause}: {hint}, and start the mirror again")
        case _:
            return cause
