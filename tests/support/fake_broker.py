"""A peer that speaks Kafka's protocol over a real socket and does what its script says: faults no broker shows.

``FakeCluster`` answers as ``fake_answers.py`` has it, unless a fault is next in the script of a request's API.
"""

from collections import defaultdict, deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, TypeAlias

import anyio
from anyio.abc import ByteStream, TaskGroup
from anyio.streams.buffered import BufferedByteReceiveStream

from gomq.net.address import parse_address
from gomq.protocol.api import SERVED, Api, Versions
from gomq.protocol.requests import RequestHead, decode_request, read_head
from gomq.protocol.responses import encode_response
from gomq.testing.reserved_port import ReservedPort
from tests.support.crashes import crashed
from tests.support.fake_answers import Answers


class HangUpError(Exception):
    """Raised by a fault: the connection is closed."""


@dataclass
class Exchange:
    """One request, and how to answer it."""

    cluster: "FakeCluster"
    node: int
    api: Api
    head: RequestHead
    body: Any
    stream: ByteStream

    async def right_answer(self) -> bytes | None:
        """The frame that a broker would send; None where the request wants none."""
        values = await self.cluster.answers.to(self.api, self.body, node=self.node)
        return None if values is None else self.frame(values)

    async def right_answer_values(self) -> dict[str, Any]:
        """What a broker would answer, where it answers."""
        values = await self.cluster.answers.to(self.api, self.body, node=self.node)
        assert values is not None
        return values

    def frame(self, values: dict[str, Any]) -> bytes:
        version, correlation_id = self.head.version, self.head.correlation_id
        return encode_response(self.api, version, correlation_id, values)


Fault: TypeAlias = Callable[[Exchange], Awaitable[None]]


async def answers(exchange: Exchange) -> None:
    """No fault at all."""
    frame = await exchange.right_answer()
    if frame is not None:
        await exchange.stream.send(frame)


async def hangs_up(_: Exchange) -> None:
    raise HangUpError


async def hangs_up_afterwards(exchange: Exchange) -> None:
    """Does what is asked, and says nothing of it."""
    await exchange.right_answer()
    raise HangUpError


async def hangs_up_in_the_middle(exchange: Exchange) -> None:
    frame = await exchange.right_answer()
    assert frame is not None
    await exchange.stream.send(frame[: len(frame) // 2])
    raise HangUpError


async def stays_silent(_: Exchange) -> None:
    await anyio.sleep_forever()


async def answers_another_request(exchange: Exchange) -> None:
    frame = await exchange.right_answer()
    assert frame is not None
    await exchange.stream.send(frame[:4] + (0x1234567).to_bytes(4, "big") + frame[8:])


def fails_with(code: int) -> Fault:
    """Answers with an error code, wherever the answer has a place for one."""

    async def fault(exchange: Exchange) -> None:
        exchange.cluster.answers.error_code = code
        try:
            await answers(exchange)
        finally:
            exchange.cluster.answers.error_code = 0

    return fault


def sends(data: bytes, *, framed: bool = True) -> Fault:
    """Sends bytes of the test's own choice; ``framed``: as a body, behind a right size and correlation id."""

    async def fault(exchange: Exchange) -> None:
        body = exchange.head.correlation_id.to_bytes(4, "big") + data
        await exchange.stream.send(len(body).to_bytes(4, "big") + body if framed else data)

    return fault


def waits_for(event: anyio.Event) -> Fault:
    """Answers as it should, but only once the test says so."""

    async def fault(exchange: Exchange) -> None:
        await event.wait()
        await answers(exchange)

    return fault


class FakeCluster:
    """Nodes, what they answer, and what they were asked."""

    def __init__(self, group: TaskGroup) -> None:
        self._group = group
        self._scopes: dict[int, anyio.CancelScope] = {}
        self._ended: dict[int, anyio.Event] = {}
        self._reserved: dict[int, ReservedPort] = {}
        self._scripts: dict[Api, deque[Fault]] = defaultdict(deque)
        self._always: dict[Api, Fault] = {}
        self.answers = Answers()
        self.requests: list[Exchange] = []
        self.versions: dict[Api, Versions] = dict(SERVED)

    @property
    def address(self) -> str:
        """Of all nodes."""
        return ",".join(f"127.0.0.1:{port}" for port in self.answers.ports.values())

    def next(self, api: Api, *faults: Fault) -> None:
        """Have the next requests of an API meet faults, one each."""
        self._scripts[api].extend(faults)

    def always(self, api: Api, fault: Fault) -> None:
        """Have all requests of an API meet a fault, from now on."""
        self._always[api] = fault

    def asked(self, api: Api) -> list[Exchange]:
        """The requests of an API so far."""
        return [each for each in self.requests if each.api is api]

    async def start(self, node: int) -> None:
        """Have a node listen, where it listened before if it did."""
        if node in self._ended:
            await self._ended[node].wait()
        else:
            self._reserved[node] = ReservedPort()
            self.answers.ports[node] = parse_address(self._reserved[node].address).port
        listener = await anyio.create_tcp_listener(local_host="127.0.0.1", local_port=self.answers.ports[node])
        scope = self._scopes[node] = anyio.CancelScope()
        ended = self._ended[node] = anyio.Event()

        async def serve() -> None:
            with scope:
                async with listener:
                    await listener.serve(lambda stream: self._serve(node, stream))
            ended.set()

        self._group.start_soon(serve)

    def stop(self, node: int) -> None:
        """Have a node close its connections and listen no more."""
        self._scopes[node].cancel()

    def let_go_of_ports(self) -> None:
        """Let others have the ports, which were kept while a node was down."""
        for port in self._reserved.values():
            port.close()

    async def _serve(self, node: int, stream: ByteStream) -> None:
        try:
            with suppress(HangUpError, anyio.IncompleteRead, anyio.BrokenResourceError, anyio.EndOfStream):
                async with stream:
                    frames = BufferedByteReceiveStream(stream)
                    while True:
                        size = int.from_bytes(await frames.receive_exactly(4), "big")
                        await self._answer(node, await frames.receive_exactly(size), stream)
        except Exception as error:  # noqa: BLE001 - a fault of the fake's own, or of a test's script
            crashed(error)

    async def _answer(self, node: int, frame: bytes, stream: ByteStream) -> None:
        head = read_head(memoryview(frame))
        api = Api(head.api_key)
        if head.version not in self.versions[api]:
            assert api is Api.API_VERSIONS, f"{api.name} v{head.version} is not served"
            offered = self.answers.api_versions(self.versions, error_code=35)
            await stream.send(encode_response(api, 0, head.correlation_id, offered))
            return
        body = decode_request(memoryview(frame).toreadonly(), api, head.version)
        exchange = Exchange(self, node, api, head, body, stream)
        self.requests.append(exchange)
        self.answers.versions = self.versions
        script = self._scripts[api]
        await (script.popleft() if script else self._always.get(api, answers))(exchange)


@asynccontextmanager
async def fake_cluster(*, nodes: int = 1) -> AsyncIterator[FakeCluster]:
    """Run nodes 1, 2, ... until the block ends."""
    async with anyio.create_task_group() as group:
        cluster = FakeCluster(group)
        try:
            for node in range(1, nodes + 1):
                await cluster.start(node)
            yield cluster
        finally:
            cluster.let_go_of_ports()
        group.cancel_scope.cancel()
