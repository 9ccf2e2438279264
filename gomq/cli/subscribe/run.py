"""Reading and printing, until there is no more, enough, or somebody interrupts it."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

import anyio

from gomq.cli.interrupts import Interruption
from gomq.cli.naming import NO_MATCH
from gomq.cli.output import Output
from gomq.cli.subscribe.filter import Filter
from gomq.cli.subscribe.merging import Merging
from gomq.cli.subscribe.output import Render
from gomq.cli.subscribe.pacing import Pacing
from gomq.cli.subscribe.span import Span, ends, move, named, tell
from gomq.client import Batch, Consumer, TopicPartition
from gomq.errors import UnknownTopicError

_LOOK_AGAIN_SECONDS = 0.1
"""A partition whose last offsets hold no messages is at its end without a word."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is to be printed, and when."""

    span: Span
    kept: Filter
    count: int | None
    """How many messages at most; None for all."""
    pacing: Pacing | None
    """None prints as fast as it goes."""
    is_in_group: bool
    """Whether others may have the partitions."""
    is_quiet: bool
    """Whether to say nothing of where partitions end."""


async def print_messages(consumer: Consumer, wanted: Wanted, render: Render, interruption: Interruption) -> None:
    """Print messages.

    What a group commits is what was printed: leaving the consumer's block commits as far as it handed out, so it is
    set back to what was not printed any more.
    """
    with Output() as out:
        async with consumer:
            interruption.stop = consumer.stop
            check_there_is_some(consumer, wanted)
            for notice in await move(consumer, wanted.span.begin):
                tell(notice)
            until = await ends(consumer, wanted.span)
            printing = _Printing(consumer, wanted, render, out)
            if until is not None or wanted.pacing is not None or not wanted.is_quiet:
                printing.begin(await consumer.end_offsets() if until is None else until)
            if wanted.pacing is None:
                await printing.run(consumer.batches(until=until))
            else:
                await _Replay(consumer, wanted.pacing, printing, interruption).run(consumer.batches(until=until))


def check_there_is_some(consumer: Consumer, wanted: Wanted) -> None:
    """Say where there is nothing to read yet; names of topics that do not exist are errors before.

    Raises:
        UnknownTopicError: it is not to be waited for, either.
    """
    if consumer.partitions:
        return
    if wanted.is_in_group:
        what_then = "others read all of them" if wanted.span.has_end else "waiting for one"
        tell(f"the group has no partition for this member now: {what_then}")
    elif wanted.span.has_end:
        raise UnknownTopicError(NO_MATCH)
    else:
        tell("no topic matches the pattern so far: waiting for one")


class _Printing:
    """Prints batches and says where partitions end."""

    def __init__(self, consumer: Consumer, wanted: Wanted, render: Render, out: Output) -> None:
        self._consumer = consumer
        self.kept = wanted.kept.kept
        self._left = wanted.count
        self._is_quiet = wanted.is_quiet or wanted.span.end is not None  # nobody asks for the rest
        self._render = render
        self._out = out
        self.ends: dict[TopicPartition, int] = {}
        """Where the partitions ended when all began, of those that were not read so far."""

    def begin(self, ends: Mapping[TopicPartition, int]) -> None:
        """Take note of the partitions' ends, and tell of those that are there already."""
        self.ends = dict(ends)
        self.finish()

    async def run(self, batches: AsyncIterator[Batch]) -> None:
        """Print all of some batches."""
        async for batch in batches:
            if not await self.show(batch):
                return
            if self.ends:
                self.look(TopicPartition(batch.topic, batch.partition))
        self.finish()

    async def show(self, batch: Batch) -> bool:
        """Print what is wanted of a batch; return whether more is."""
        kept = self.kept(batch)
        if self._left is not None and len(kept) >= self._left:
            kept = kept.part(0, self._left)
            await self._write(kept)
            await self._set_back(batch, kept.offsets[-1] + 1)
            return False
        if kept:
            await self._write(kept)
            if self._left is not None:
                self._left -= len(kept)
        return True

    def look(self, partition: TopicPartition) -> None:
        """Say that a partition is at its end, once it is."""
        end = self.ends.get(partition)
        if end is None or partition not in self._consumer.assignment:
            return
        if self._consumer.position(partition) >= end:
            del self.ends[partition]
            self._tell_end(partition, end)

    def finish(self) -> None:
        """Say it of all that are."""
        for partition in list(self.ends):
            self.look(partition)

    def _tell_end(self, partition: TopicPartition, end: int) -> None:
        if not self._is_quiet:
            tell(f"reached the end of {named(partition)} at offset {end}")

    async def _write(self, batch: Batch) -> None:
        await self._out.write(self._render(batch))

    async def _set_back(self, batch: Batch, offset: int) -> None:
        """Have the rest of a batch count as not read."""
        partition = TopicPartition(batch.topic, batch.partition)
        if offset <= batch.offsets[-1] and partition in self._consumer.assignment:
            await self._consumer.seek(partition, offset)


class _Replay:
    """Prints messages of all partitions in the order and the timing in which they were published."""

    def __init__(self, consumer: Consumer, pacing: Pacing, printing: _Printing, interruption: Interruption) -> None:
        self._consumer = consumer
        self._printing = printing
        self._interruption = interruption
        self._merging = Merging(pacing)

    async def run(self, batches: AsyncIterator[Batch]) -> None:
        """Print until there is no more."""
        has_more = True
        while not self._interruption.asked.is_set():
            if has_more and (not self._merging or self._lacks_some()):
                has_more = await self._read(batches)
            elif not self._merging:
                break
            elif wait := self._merging.wait(anyio.current_time()):
                with anyio.move_on_after(wait):
                    await self._interruption.asked.wait()
            elif not await self._print():
                return
        if not self._merging:
            self._printing.finish()

    async def _print(self) -> bool:
        batch = self._merging.take(anyio.current_time())
        partition = TopicPartition(batch.topic, batch.partition)
        has_more = await self._printing.show(batch)
        if partition not in self._merging and partition in self._consumer.assignment:
            self._consumer.resume(partition)
            self._printing.look(partition)
        return has_more

    async def _read(self, batches: AsyncIterator[Batch]) -> bool:
        """Take in the next batch; of a partition of which messages wait no more are asked for."""
        patience = _LOOK_AGAIN_SECONDS if self._merging else None
        with anyio.move_on_after(patience):
            batch = await anext(batches, None)
            if batch is None:
                return False
            if kept := self._printing.kept(batch):
                self._consumer.pause(TopicPartition(batch.topic, batch.partition))
                self._merging.add(kept)
        return True

    def _lacks_some(self) -> bool:
        """Whether a partition has messages of which none are here: the earliest may be among them."""
        assignment = self._consumer.assignment
        return any(
            partition not in self._merging and self._consumer.position(partition) < end
            for partition, end in self._printing.ends.items()
            if partition in assignment
        )
