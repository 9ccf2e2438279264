"""Publishing: reading on while what was read is on its way, until there is no more or somebody interrupts it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import length_hint

import anyio

from gomq.cli.interrupts import Interruption
from gomq.cli.pacing import Rate
from gomq.cli.publish.form import Form, Made, Message
from gomq.cli.publish.input import Chunk, Input, LinePlace, piece_stream
from gomq.cli.publish.tally import Tally
from gomq.client import Producer
from gomq.errors import DeliveryFailedError, GomqError


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is published, and how."""

    topic: str
    form: Form
    partition: int | None
    """None: chosen by the key, or in turn."""
    rate: Rate | None
    """None: as fast as the broker takes them."""
    count: int | None
    """How many messages at most; None for all."""


class Publishing:
    """One run.

    Args:
        producer: takes the messages; it is open.
        plan: what is wanted.
        source: what is read.
        interruption: the first one ends the reading.
        on_progress: told how many bytes of input are done since the last time.
    """

    def __init__(
        self,
        producer: Producer,
        plan: Plan,
        source: Input,
        interruption: Interruption,
        on_progress: Callable[[int], object],
    ) -> None:
        self._producer = producer
        self._plan = plan
        self._source = source
        self._interruption = interruption
        self._on_progress = on_progress
        self._handed_over = 0
        self._told = 0
        """Bytes of the chunk at work that are done, as far as that was told."""
        self._behind: LinePlace | None = None
        """The line behind those that are published."""
        self.tally: Tally = Tally(topic=plan.topic)

    async def run(self) -> None:
        """Publish all of it.

        Raises:
            GomqError: a message was not delivered, or a line is none; ``tally`` says what is published.
        """
        send, receive = piece_stream()
        async with anyio.create_task_group() as group, receive:
            group.start_soon(self._source.read_ahead, send)
            await self._producer.publish_many(self._plan.topic, [])  # without any lines, too, the topic is there
            async for chunk in self._source.all_there(receive):
                if not await self._publish(chunk):
                    self._source.stop()
                    self._behind = None
                    return
                self._tell_progress(chunk.size)
                self._told = 0
                self._behind = chunk.behind

    def note_interruption(self) -> None:
        """Say where to go on: behind what is published, where all of that is acknowledged and there is more."""
        behind = None if self._behind is None else self._source.line_at(self._behind)
        self.tally.next_line = self.tally.next_line or behind

    async def _publish(self, chunk: Chunk) -> bool:
        """Publish what is wanted of a chunk; return whether more is."""
        made = self._plan.form.make(chunk.lines)
        left = None if self._plan.count is None else self._plan.count - self._handed_over
        wanted = made.messages if left is None else made.messages[:left]
        self._handed_over += len(wanted)
        done = 0
        while done < len(wanted):
            count = await self._allowed(len(wanted) - done)
            if not count:
                self._note_rest(chunk, made, done)
                return False
            await self._publish_some(chunk, made, done, wanted[done : done + count])
            done += count
            self._tell_progress(chunk.size * done // len(made.messages))
        if made.problem is not None and len(wanted) == len(made.messages):
            self.tally.next_line = chunk.place(made.looked_at)
            raise GomqError(f"{chunk.place(made.looked_at)}: {made.problem}")
        return left is None or len(wanted) < left

    async def _allowed(self, most: int) -> int:
        """Wait until messages may go; return how many, none where somebody has interrupted it meanwhile."""
        rate = self._plan.rate
        if rate is None:
            return most
        while not (count := rate.take(most, anyio.current_time())):
            with anyio.move_on_after(rate.wait()):
                await self._interruption.asked.wait()
                return 0
        return count

    async def _publish_some(self, chunk: Chunk, made: Made, done: int, messages: Sequence[Message]) -> None:
        iterator = iter(messages)
        self.tally.next_line = _place(chunk, made, done)
        self.tally.unacknowledged = len(messages)
        try:
            published = await self._producer.publish_many(self._plan.topic, iterator, partition=self._plan.partition)
        except DeliveryFailedError as error:
            self._note_failure(chunk, made, done, len(messages) - length_hint(iterator), error)
            raise GomqError(f"{self.tally.next_line}: {_reason(error)}") from error
        self.tally.add(published.count, published.offsets)
        self.tally.unacknowledged = 0
        self.tally.next_line = None

    def _note_failure(self, chunk: Chunk, made: Made, done: int, taken: int, error: DeliveryFailedError) -> None:
        """Take note of how much was delivered of what was handed over."""
        missing = [each.number for each in error.undelivered if each.number is not None]
        if missing:
            self.tally.count += max(taken - len(missing), 0)
            self.tally.unacknowledged = len(missing)
            self.tally.next_line = _place(chunk, made, done + min(missing))

    def _tell_progress(self, done_bytes: int) -> None:
        self._on_progress(done_bytes - self._told)
        self._told = done_bytes

    def _note_rest(self, chunk: Chunk, made: Made, done: int) -> None:
        self.tally.next_line = _place(chunk, made, done)


def _reason(error: DeliveryFailedError) -> GomqError:
    """Take why the first of the messages was not delivered: their names are numbers of no line."""
    return error.undelivered[0].reason if error.undelivered else error


def _place(chunk: Chunk, made: Made, index: int) -> LinePlace:
    return chunk.place(made.sources[index])
