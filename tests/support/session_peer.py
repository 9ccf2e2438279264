"""A session on one end of a socket pair, and its peer, which a test moves, on the other."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import anyio

from gomq.net.request_memory import RequestMemory
from gomq.net.session import Handle, Session
from gomq.net.transport import PlainTransport
from gomq.protocol.api import Api
from tests.support.wire import framed, request_head

PRODUCE, FETCH = int(Api.PRODUCE), int(Api.FETCH)


class Peer:
    """The other end of a session's socket."""

    def __init__(self, end: socket.socket, session: Session) -> None:
        self.transport = PlainTransport(end)
        self.session = session
        self.failure: BaseException | None = None
        self.ended = anyio.Event()
        self._buffer = b""

    async def run(self) -> None:
        try:
            await self.session.run()
        except Exception as error:  # noqa: BLE001 - the tests look at it
            self.failure = error
        finally:
            self.ended.set()

    async def send(self, *requests: bytes) -> None:
        await self.transport.send([b"".join(map(framed, requests))])

    async def receive(self, count: int) -> bytes:
        """Receive exactly so many bytes."""
        space = memoryview(bytearray(65536))
        with anyio.fail_after(10):
            while len(self._buffer) < count:
                got = await self.transport.receive_into(space)
                assert got, f"the session closed the connection after {self._buffer!r}"
                self._buffer += bytes(space[:got])
        data, self._buffer = self._buffer[:count], self._buffer[count:]
        return data

    def nothing_came(self) -> bool:
        with suppress(BlockingIOError):
            self._buffer += self.transport._socket.recv(65536)
        return not self._buffer


@asynccontextmanager
async def serving(
    handle: Handle, *, max_request_bytes: int = 1 << 20, memory: RequestMemory | None = None
) -> AsyncIterator[Peer]:
    ours, theirs = socket.socketpair()
    session = Session(
        PlainTransport(ours), handle, max_request_bytes=max_request_bytes, memory=memory, owner="192.0.2.1"
    )
    peer = Peer(theirs, session)
    async with anyio.create_task_group() as group:
        group.start_soon(peer.run)
        try:
            yield peer
        finally:
            peer.transport.close()
        with anyio.fail_after(10):
            await peer.ended.wait()


def request(api: int, number: int) -> bytes:
    return request_head(api, 0, correlation_id=number)
