"""The client's side of one connection: requests go out, answers come back in the same order.

``post`` never waits: what the kernel does not take at once is sent by a task of the channel. So nobody who is
cancelled leaves half a request behind. One task, ``run``, reads; it alone ends waiting requests, with their answers or
with the reason why none can come. The most overdue request decides how long it waits: an answer that does not come
holds up all behind it, so the connection is given up.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any, Final, NamedTuple, TypeAlias

import anyio
from anyio.abc import TaskGroup

from gomq.errors import ConnectionFailedError, GomqError, ProtocolError, RequestTimeoutError
from gomq.net.transport import PlainTransport
from gomq.protocol import requests, responses
from gomq.protocol.api import Api
from gomq.protocol.entities import Values
from gomq.protocol.frames import FrameBuffer
from gomq_storage.batch import Buffer

_MIN_RESPONSE_BYTES: Final = 4
_KEPT_BYTES: Final = 16 << 20
"""Twice what a fetch of many partitions asks for: to make such a buffer anew for each takes as long as all the rest."""
_READS_BEFORE_YIELD: Final = 8
_HUNG_UP: Final = "the broker closed the connection"

OnReply: TypeAlias = Callable[[Any, GomqError | None], None]
"""Takes the decoded answer, or the reason why there is none. It must not raise and cannot wait."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request, apart from its correlation id."""

    api: Api
    version: int
    encode: Callable[[int], Sequence[Buffer]]
    """Makes the whole frame, in parts, for a correlation id."""
    timeout: float
    """Seconds for the answer to come."""
    decode: Callable[[memoryview], Any] | None = None
    """Makes the answer of a frame, which is only good during the call; None takes what the schema says."""
    is_answered: bool = True
    """False: the broker sends nothing back, and the request is done once it is sent."""


def plain_request(api: Api, version: int, client_id: str, values: Values, *, timeout: float) -> Request:
    """Make a request of plain values."""
    return Request(
        api=api,
        version=version,
        encode=lambda correlation_id: [requests.encode_request(api, version, correlation_id, client_id, dict(values))],
        timeout=timeout,
    )


class _Waiting(NamedTuple):
    correlation_id: int
    request: Request
    on_reply: OnReply
    deadline: float


class Channel:
    """One connection to a broker.

    Args:
        transport: the connection; the channel owns it.
        address: what errors call the broker.
        group: where the channel's tasks run, ``run`` too, which the owner starts.
        max_response_bytes: the largest answer that is taken.
    """

    def __init__(self, transport: PlainTransport, address: str, group: TaskGroup, *, max_response_bytes: int) -> None:
        self.address = address
        self._transport = transport
        self._group = group
        self._frames = FrameBuffer(max_bytes=max_response_bytes, min_bytes=_MIN_RESPONSE_BYTES, kept_bytes=_KEPT_BYTES)
        self._waiting: deque[_Waiting] = deque()
        self._unsent: deque[tuple[Sequence[Buffer], _Waiting]] = deque()
        self._is_sending = False
        self._last_correlation_id = 0
        self._patience = anyio.CancelScope()
        self._closed: str | None = None

    @property
    def is_open(self) -> bool:
        """Whether requests can be made."""
        return self._closed is None

    async def request(self, request: Request) -> Any:  # noqa: ANN401 - one class an API and version
        """Make a request and wait for its answer. Cancelling leaves the connection in order.

        Raises:
            ConnectionFailedError: the connection is lost.
            RequestTimeoutError: the answer did not come in time; the connection is closed.
            ProtocolError: what came is no answer to this; the connection is closed.
        """
        reply = _Reply()
        self.post(request, reply)
        await reply.has_come.wait()
        if reply.error is not None:
            # whoever cancels a client ends its connections, too: that is no failure then
            await anyio.lowlevel.checkpoint_if_cancelled()
            raise reply.error
        return reply.response

    def post(self, request: Request, on_reply: OnReply) -> None:
        """Make a request whose answer goes to ``on_reply``, never before this returns.

        Raises:
            ConnectionFailedError: the channel is closed.
        """
        if self._closed is not None:
            raise ConnectionFailedError(self.address, self._closed)
        correlation_id = self._last_correlation_id = (self._last_correlation_id + 1) & 0x7FFFFFFF
        parts = request.encode(correlation_id)
        waiting = _Waiting(correlation_id, request, on_reply, anyio.current_time() + request.timeout)
        if request.is_answered:
            self._waiting.append(waiting)
            self._patience.deadline = min(self._patience.deadline, waiting.deadline)
        if not self._unsent:
            try:
                parts = self._transport.send_now(parts)
            except OSError as error:
                self.close(_reason(error))  # which wakes the task that reads, and that tells those who wait
        if parts or not request.is_answered:
            self._unsent.append((parts, waiting))
            if not self._is_sending:
                self._is_sending = True
                self._group.start_soon(self._send_unsent)

    def take_answers(self, *, max_bytes: int) -> None:
        """Take answers of another size than before, from the next one on."""
        self._frames.max_bytes = max_bytes

    def close(self, reason: str = "it was closed") -> None:
        """End the connection; ``run`` then tells those who wait."""
        if self._closed is None:
            self._closed = reason
            self._transport.close()

    async def run(self) -> None:
        """Read answers until the connection ends, for whatever reason; never raises for one."""
        culprit: ProtocolError | None = None
        try:
            while self._closed is None:
                with self._patience:
                    await self._read()
                if self._patience.cancelled_caught:
                    self._read_what_has_come()
                    self._patience = anyio.CancelScope(deadline=self._next_deadline())
        except ProtocolError as error:
            culprit = error
            self.close(str(error))
        except (OSError, anyio.ClosedResourceError, anyio.BusyResourceError) as error:
            self.close(_reason(error))
        finally:
            self.close()
            self._fail_waiting(culprit)

    async def _read(self) -> None:
        reads = 0
        while count := await self._transport.receive_into(self._frames.space()):
            self._take_received(count)
            reads += 1
            if reads % _READS_BEFORE_YIELD == 0:
                await anyio.lowlevel.checkpoint()
        self.close(_HUNG_UP)

    def _read_what_has_come(self) -> None:
        """Give up where an answer is overdue, but not one that came while this process itself stood still.

        Kafka's ``NetworkClient`` takes the answers that are there before it looks for time-outs, too.
        """
        while self._next_deadline() <= anyio.current_time():
            count = self._transport.receive_now(self._frames.space())
            if count:
                self._take_received(count)
            else:
                self.close("it did not answer in time" if count is None else _HUNG_UP)
                break

    def _take_received(self, count: int) -> None:
        self._frames.received(count)
        while (frame := self._frames.next_frame()) is not None:
            self._take(frame)

    def _next_deadline(self) -> float:
        return min((waiting.deadline for waiting in self._waiting), default=inf)

    def _take(self, frame: memoryview) -> None:
        correlation_id = responses.read_correlation_id(frame)
        if not self._waiting or self._waiting[0].correlation_id != correlation_id:
            raise ProtocolError(f"{self.address} answered request {correlation_id}, which was not its turn")
        request, on_reply = self._waiting[0].request, self._waiting[0].on_reply
        decode = request.decode
        response = decode(frame) if decode else responses.decode_response(frame, request.api, request.version)
        self._waiting.popleft()
        self._patience.deadline = self._next_deadline()
        on_reply(response, None)

    async def _send_unsent(self) -> None:
        """Send what the kernel did not take at once, in order, until nothing is left."""
        try:
            while self._unsent:
                parts, waiting = self._unsent[0]
                if parts:
                    with anyio.fail_after(waiting.request.timeout):
                        await self._transport.send(parts)
                self._unsent.popleft()
                if not waiting.request.is_answered:
                    waiting.on_reply(None, None)
        except TimeoutError:
            self.close("it did not take a request in time")
        except (OSError, anyio.ClosedResourceError, anyio.BusyResourceError) as error:
            self.close(_reason(error))
        finally:
            self._is_sending = False

    def _fail_waiting(self, culprit: ProtocolError | None) -> None:
        """Tell those who wait; a broken answer is the first one's, and its lateness that of whoever is overdue."""
        unanswered = [waiting for _, waiting in self._unsent if not waiting.request.is_answered]
        waiting_list = [*self._waiting, *unanswered]
        self._waiting.clear()
        self._unsent.clear()
        now = anyio.current_time()
        for waiting in waiting_list:
            error: GomqError
            if culprit is not None:
                error, culprit = culprit, None
            elif waiting.deadline <= now and self._closed != _HUNG_UP:
                error = RequestTimeoutError(self.address, waiting.request.api.name, waiting.request.timeout)
            else:
                error = ConnectionFailedError(self.address, self._closed or "")
            waiting.on_reply(None, error)


class _Reply:
    """An answer that somebody waits for."""

    __slots__ = ("error", "has_come", "response")

    def __init__(self) -> None:
        self.has_come = anyio.Event()
        self.response: Any = None
        self.error: GomqError | None = None

    def __call__(self, response: Any, error: GomqError | None) -> None:  # noqa: ANN401 - one class an API and version
        self.response = response
        self.error = error
        self.has_come.set()


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
