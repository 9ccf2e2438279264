"""Carries messages over: what the source has is sent to the target, partition by partition in its order."""

from collections.abc import Callable, Iterable
from typing import Final

import anyio

from gomq.client.consuming.fetched import Chunk
from gomq.client.mirroring.carrying import Carried, carry
from gomq.client.mirroring.checkpoints import Checkpoints
from gomq.client.mirroring.errors import MirrorError
from gomq.client.mirroring.lane import Lane, Sent
from gomq.client.mirroring.source import Source
from gomq.client.mirroring.target import Target
from gomq.errors import UnknownTopicError
from gomq_storage.errors import CorruptBatchError

_LOOK_SECONDS: Final = 0.5
"""How often failures and due checkpoints are looked for while the source has nothing new."""

OnProgress = Callable[[int], object]
"""Told how many offsets of the source are done with since the last time."""


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
        self.is_outdated: bool = False
        """Whether it has ended because the source has other topics or partitions by now: plan again."""
        self._waiting: anyio.CancelScope | None = None

    def stop(self) -> None:
        """Send nothing more; ``run`` returns once what was sent is acknowledged and written down."""
        self._is_stopping = True
        if self._waiting is not None:
            self._waiting.cancel()

    async def run(self) -> None:
        """Copy until every lane is at its end, it is stopped, or outdated.

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
        while not self._is_stopping and self._is_wanted:
            self._collect()
            await self._write_due()
            if self.is_outdated or (self._source.has_more and self._is_following):
                self.is_outdated = True
                break
            chunk = self._source.take()
            if chunk is None:
                await self._wait()
            else:
                await self._copy(self._lanes[chunk.target], chunk)
        await self._finish()

    async def _wait(self) -> None:
        """Wait until the source has more, for a while."""
        try:
            with anyio.move_on_after(_LOOK_SECONDS) as self._waiting:
                await self._source.wait()
        except UnknownTopicError as error:
            if self._source.pattern is None:
                raise MirrorError(f"{error} at the source any more") from error
            self.is_outdated = True  # a topic that only the pattern has named may go

    @property
    def _is_wanted(self) -> bool:
        """Whether there is more to read, or may be: all topics of a pattern that is followed may be gone for now."""
        return self._source.pattern is not None or not all(lane.is_read for lane in self._lanes.values())

    @property
    def _is_following(self) -> bool:
        return self._source.pattern is not None or any(lane.until is None for lane in self._lanes.values())

    async def _finish(self) -> None:
        for lane in self._lanes.values():
            await self._settle(lane)
            if lane.unwritten_messages:
                await self._write(lane)

    async def _copy(self, lane: Lane, chunk: Chunk) -> None:
        try:
            needs = {"first_alone": lane.needs_probe, "gap_apart": not lane.is_shifted}
            for carried in carry(chunk, wanted=lane.position, until=lane.until, **needs):
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
        lane.sent.append(Sent(batch, carried, lane.next_target))
        lane.next_target += carried.message_count
        lane.unwritten_messages += carried.message_count
        lane.unwritten_bytes += len(carried.body)

    async def _mind_gaps(self, lane: Lane, carried: Carried) -> None:
        """See that a checkpoint is written before anything is sent that gets another offset, and often enough."""
        first = carried.runs[0].source
        is_first_gap = not lane.is_shifted and first != lane.next_target
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
            lane.collect()
        lane.offsets.skip_to(lane.position)

    def _collect(self) -> None:
        for lane in self._lanes.values():
            lane.collect()
