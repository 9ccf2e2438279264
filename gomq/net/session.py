"""The broker's side of one connection: frames in, answers out, in the order the requests came.

A request is handled where it is read. Most answers are ready at once and are sent from there. One that waits for what
others do - a sync that acknowledges it, messages that arrive - is handed to a second task, so that this one notices
when the peer goes away.
While answers wait, further Produce requests are taken and appended, as many as ``_MAX_PENDING``; that is what makes
one sync acknowledge many. Everything else waits until all requests before it are answered, as in Kafka.

A session sets no timer. It keeps counts, by which ``connections.py`` sees whose time is up.
"""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from enum import Enum, auto
from typing import Final, TypeAlias

import anyio
from anyio import to_thread
from anyio.abc import TaskGroup

from gomq.net.deadlines import Overdue, Standing
from gomq.net.request_memory import FREE_BYTES, RequestMemory
from gomq.net.scope import first_failure
from gomq.net.transport import PlainTransport
from gomq.protocol.api import Api
from gomq.protocol.frames import FrameBuffer
from gomq.protocol.requests import MIN_REQUEST_BYTES, RequestHead, read_head
from gomq_storage.files import FileRange

Parts: TypeAlias = Sequence[bytes | FileRange]
"""One framed response, to be sent in order."""
Later: TypeAlias = Callable[[], Awaitable[Parts]]
"""A response that has to be waited for."""
Answer: TypeAlias = Parts | Later | None
"""None: the request wants no response."""
Handle: TypeAlias = Callable[[RequestHead, memoryview], Awaitable[Answer]]

_MAX_PENDING: Final = 64
_MAX_PENDING_BYTES: Final = 16 << 20
"""Size of the requests whose answers wait: a handler may keep a request's content until it is answered, and an answer
may be as large as its request."""
_TURNS_BEFORE_YIELD: Final = 16
"""Frames and reads after which a peer that always has more lets others have their turn."""
_COPIED_BYTES: Final = 8 << 10
"""Up to this size reading and sending is cheaper than ``sendfile``."""


class _Step(Enum):
    """What the task that reads is at."""

    READING = auto()
    WAITING = auto()
    """For memory, or for the answers to earlier requests."""
    HANDLING = auto()
    """A request, and sending its answer where that is ready."""


_READING, _WAITING, _HANDLING = _Step


class OverdueError(Exception):
    """The connection was ended because its time was up."""

    def __init__(self, overdue: Overdue) -> None:
        super().__init__(overdue.reason)
        self.is_blameless: bool = overdue.is_blameless
        """Whether the peer did nothing wrong: it was only idle."""


class Session:
    """Serves one connection until the peer closes it or breaks the protocol.

    Args:
        transport: the connection; the session owns it.
        handle: makes the answer to a request.
        max_request_bytes: the largest request that is taken.
        memory: where large requests take theirs from.
        owner: the peer's address, which takes it.
    """

    def __init__(
        self,
        transport: PlainTransport,
        handle: Handle,
        *,
        max_request_bytes: int,
        memory: RequestMemory | None = None,
        owner: str = "",
    ) -> None:
        self._transport = transport
        self._handle = handle
        self._frames = FrameBuffer(max_bytes=max_request_bytes, min_bytes=MIN_REQUEST_BYTES)
        self._memory = memory
        self._owner = owner
        self._taken = 0
        self._pending: list[tuple[Answer, int]] = []
        self._pending_bytes = 0
        self._changed: anyio.Event | None = None
        self._scope: anyio.CancelScope | None = None
        self._sending = False
        """Whether the second task is at work."""
        self._is_on_its_way = False
        """Whether an answer is being sent."""
        self._step = _READING
        self._is_finishing = False
        self._overdue: Overdue | None = None
        self._requests = self._received = self._answers = 0

    async def run(self) -> None:
        """Serve the connection to its end, then close it.

        Raises:
            ProtocolError: the peer sent what cannot be answered.
            OverdueError: the connection's time was up.
            OSError: the connection broke.
        """
        try:
            async with anyio.create_task_group() as group:
                self._scope = group.cancel_scope
                if not self._is_finishing and self._overdue is None:
                    await self._serve(group)
                group.cancel_scope.cancel()
        except BaseExceptionGroup as failures:
            _, cancelled = failures.split(Exception)
            if cancelled is not None:  # the broker stops; what else went wrong at that moment does not matter
                raise cancelled from None
            raise first_failure(failures) from None
        finally:
            self._transport.close()
            self._give_memory_back()
            for answer, _ in self._pending:
                _release(answer)
        if self._overdue is not None:
            raise OverdueError(self._overdue)

    def standing(self) -> Standing:
        """Say how far it has come: what deadlines go by."""
        return Standing(
            requests=self._requests,
            received=self._received,
            has_part_of_request=self._frames.has_part_of_frame,
            is_waiting=self._sending or self._step is not _READING,
            answers=self._answers,
            sent=self._transport.sent_bytes,
            is_sending=self._is_on_its_way,
        )

    def is_abandoned(self) -> bool:
        """Say whether the peer has left while a request that waits keeps this from reading on, and noticing."""
        return self._step is _WAITING and self._transport.has_left()

    def end(self, overdue: Overdue) -> None:
        """End it at once; ``run`` raises why."""
        self._overdue = overdue
        if self._scope is not None:
            self._scope.cancel()

    def finish(self) -> None:
        """End it once the request that is being handled and those before it are answered; begin no other."""
        self._is_finishing = True
        self._end_if_finished()

    def let_go_of_memory(self) -> None:
        """Keep no buffer while nothing comes."""
        self._frames.release()

    def _end_if_finished(self) -> None:
        if self._is_finishing and self._scope is not None and not (self._sending or self._step is _HANDLING):
            self._scope.cancel()

    async def _serve(self, group: TaskGroup) -> None:
        turns = 0
        frames = self._frames
        while count := await self._transport.receive(frames.space):
            self._received += count
            frames.received(count)
            while (frame := frames.next_frame()) is not None:
                head = read_head(frame)
                if self._sending:
                    await self._wait_for_turn(head)
                if self._is_finishing:
                    await self._wait_for_the_end()
                self._requests += 1
                self._step = _HANDLING
                await self._answer(await self._handle(head, frame), len(frame), group)
                self._step = _READING
                if self._taken:
                    self._give_memory_back()
                self._end_if_finished()
                turns = await _next_turn(turns)
            if frames.unfinished_bytes > FREE_BYTES and not self._taken:
                await self._take_memory(frames.unfinished_bytes)
            turns = await _next_turn(turns)

    async def _wait_for_the_end(self) -> None:
        """Begin nothing more; answers to what was begun may still be on their way."""
        self._step = _WAITING
        await anyio.sleep_forever()

    async def _take_memory(self, size: int) -> None:
        if self._memory is not None:
            self._step = _WAITING
            await self._memory.take(size, self._owner)
            self._taken = size
            self._step = _READING

    def _give_memory_back(self) -> None:
        if self._memory is not None and self._taken:
            self._memory.give_back(self._taken, self._owner)
            self._taken = 0

    async def _wait_for_turn(self, head: RequestHead) -> None:
        self._step = _WAITING
        limit = _MAX_PENDING if head.api_key == Api.PRODUCE else 0
        while self._sending and (len(self._pending) >= limit or self._pending_bytes >= _MAX_PENDING_BYTES):
            self._changed = anyio.Event()
            await self._changed.wait()

    async def _answer(self, answer: Answer, request_bytes: int, group: TaskGroup) -> None:
        if self._sending:
            self._wait(answer, request_bytes)
        elif callable(answer):
            self._wait(answer, request_bytes)
            self._sending = True
            group.start_soon(self._send_pending)
        elif answer is not None:
            await self._send(answer)

    def _wait(self, answer: Answer, request_bytes: int) -> None:
        self._pending.append((answer, request_bytes))
        self._pending_bytes += request_bytes

    async def _send_pending(self) -> None:
        """Send what waits, first come first, until nothing does."""
        while self._pending:
            answer, request_bytes = self._pending[0]
            if callable(answer):
                answer = await answer()
            del self._pending[0]
            self._pending_bytes -= request_bytes
            if answer is not None:
                await self._send(answer)
            self._notify()
        self._sending = False
        self._notify()
        self._end_if_finished()

    def _notify(self) -> None:
        if self._changed is not None:
            self._changed.set()
            self._changed = None

    async def _send(self, parts: Parts) -> None:
        self._answers += 1
        self._is_on_its_way = True
        try:
            waiting: list[bytes] = []
            for part in parts:
                if isinstance(part, bytes):
                    waiting.append(part)
                    continue
                if not part.is_cached():
                    await to_thread.run_sync(part.load)
                if part.size <= _COPIED_BYTES:
                    waiting.append(_read(part))
                    continue
                await self._transport.send(waiting, more=True)
                waiting.clear()
                await self._transport.send_file(part.descriptor, part.position, part.size)
            if waiting:
                await self._transport.send(waiting)
        finally:
            self._is_on_its_way = False
            _release(parts)


async def _next_turn(turns: int) -> int:
    if turns >= _TURNS_BEFORE_YIELD:
        await anyio.lowlevel.checkpoint()
        return 0
    return turns + 1


def _read(part: FileRange) -> bytes:
    data = part.read()
    if len(data) != part.size:
        raise EOFError(f"file ends {part.size - len(data)} bytes before what was promised")
    return data


def _release(answer: Answer) -> None:
    if answer is not None and not callable(answer):
        for part in answer:
            if isinstance(part, FileRange):
                with suppress(OSError):
                    part.close()
