"""The broker's side of one connection: frames in, answers out, in the order the requests came.

A request is handled where it is read. Most answers are ready at once and are sent from there. One that waits for what
others do - a sync that acknowledges it, messages that arrive - is handed to a second task, so that this one notices
when the peer goes away.
While answers wait, further Produce requests are taken and appended, as many as ``_MAX_PENDING``; that is what makes
one sync acknowledge many. Everything else waits until all requests before it are answered, as in Kafka.
"""

from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Final, TypeAlias

import anyio
from anyio import to_thread
from anyio.abc import TaskGroup

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
_TURNS_BEFORE_YIELD: Final = 16
"""Frames and reads after which a peer that always has more lets others have their turn."""
_COPIED_BYTES: Final = 8 << 10
"""Up to this size reading and sending is cheaper than ``sendfile``."""


class Session:
    """Serves one connection until the peer closes it or breaks the protocol."""

    def __init__(self, transport: PlainTransport, handle: Handle, *, max_request_bytes: int) -> None:
        self._transport = transport
        self._handle = handle
        self._frames = FrameBuffer(max_bytes=max_request_bytes, min_bytes=MIN_REQUEST_BYTES)
        self._pending: deque[Answer] = deque()
        self._changed: anyio.Event | None = None
        self._sending = False

    async def run(self) -> None:
        """Serve the connection to its end, then close it.

        Raises:
            ProtocolError: the peer sent what cannot be answered.
            OSError: the connection broke.
        """
        try:
            async with anyio.create_task_group() as group:
                await self._serve(group)
                group.cancel_scope.cancel()
        except BaseExceptionGroup as failures:
            _, cancelled = failures.split(Exception)
            if cancelled is not None:  # the broker stops; what else went wrong at that moment does not matter
                raise cancelled from None
            raise first_failure(failures) from None
        finally:
            self._transport.close()
            for answer in self._pending:
                _release(answer)

    async def _serve(self, group: TaskGroup) -> None:
        turns = 0
        while count := await self._transport.receive_into(self._frames.space()):
            self._frames.received(count)
            while (frame := self._frames.next_frame()) is not None:
                head = read_head(frame)
                if self._sending:
                    await self._wait_for_turn(head)
                await self._answer(await self._handle(head, frame), group)
                turns = await _next_turn(turns)
            turns = await _next_turn(turns)

    async def _wait_for_turn(self, head: RequestHead) -> None:
        limit = _MAX_PENDING if head.api_key == Api.PRODUCE else 0
        while self._sending and len(self._pending) >= limit:
            self._changed = anyio.Event()
            await self._changed.wait()

    async def _answer(self, answer: Answer, group: TaskGroup) -> None:
        if self._sending:
            self._pending.append(answer)
        elif callable(answer):
            self._pending.append(answer)
            self._sending = True
            group.start_soon(self._send_pending)
        elif answer is not None:
            await self._send(answer)

    async def _send_pending(self) -> None:
        """Send what waits, first come first, until nothing does."""
        while self._pending:
            answer = self._pending[0]
            if callable(answer):
                answer = await answer()
            self._pending.popleft()
            if answer is not None:
                await self._send(answer)
            self._notify()
        self._sending = False
        self._notify()

    def _notify(self) -> None:
        if self._changed is not None:
            self._changed.set()
            self._changed = None

    async def _send(self, parts: Parts) -> None:
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
