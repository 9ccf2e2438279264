"""A TCP proxy between a client and a broker that does to each connection what its script says: see ``mangling.py``."""

from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from random import Random
from typing import Final

import anyio
from anyio.abc import Listener, SocketAttribute, SocketStream, TaskGroup

from gomq.net.address import parse_address
from tests.support.crashes import crashed
from tests.support.mangling import Ending, Fault, Mangler, Pause

_BROKEN: Final = (OSError, anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """What happens to one connection, in each direction."""

    to_broker: tuple[Fault, ...] = ()
    to_client: tuple[Fault, ...] = ()


class FaultProxy:
    """Passes on what comes. Connections take a script each, in the order in which they come, while there are any.

    Args:
        listener: where clients connect.
        group: where its tasks run.
        seed: of whatever is random.
    """

    def __init__(self, listener: Listener[SocketStream], group: TaskGroup, seed: int) -> None:
        self.address = f"127.0.0.1:{listener.extra(SocketAttribute.local_port)}"
        self.target = ""
        """The broker's HOST:PORT, to be set before anybody connects."""
        self.scripts: deque[Script] = deque()
        self.connections = 0
        """How many there were."""
        self._random = Random(seed)
        group.start_soon(listener.serve, self._serve)

    async def _serve(self, client: SocketStream) -> None:
        self.connections += 1
        script = self.scripts.popleft() if self.scripts else Script()
        try:
            with suppress(*_BROKEN):
                async with client, await anyio.connect_tcp(*parse_address(self.target)) as broker:
                    await _Link(client, broker, script, self._random).run()
        except Exception as error:  # noqa: BLE001 - a fault of the proxy's own
            crashed(error)


class _Link:
    """One connection through the proxy."""

    def __init__(self, client: SocketStream, broker: SocketStream, script: Script, random: Random) -> None:
        self._directions = (
            (client, broker, Mangler(script.to_broker, random)),
            (broker, client, Mangler(script.to_client, random)),
        )
        self._scope = anyio.CancelScope()

    async def run(self) -> None:
        with self._scope:
            async with anyio.create_task_group() as group:
                for direction in self._directions:
                    group.start_soon(self._pass_on, *direction)

    async def _pass_on(self, source: SocketStream, sink: SocketStream, mangler: Mangler) -> None:
        try:
            while True:
                for step in mangler.feed(await source.receive()):
                    if isinstance(step, Ending):
                        await self._end(step, sink)
                        return
                    await _take(step, sink)
        except anyio.EndOfStream:
            await _end_quietly(sink)
        except _BROKEN:
            self._scope.cancel()

    async def _end(self, ending: Ending, sink: SocketStream) -> None:
        if ending is Ending.CUT:
            self._scope.cancel()
        elif ending is Ending.HALF_CLOSE:
            await _end_quietly(sink)


async def _take(step: bytes | Pause, sink: SocketStream) -> None:
    if isinstance(step, Pause):
        await anyio.sleep(step.seconds)
    elif step:
        await sink.send(step)


async def _end_quietly(sink: SocketStream) -> None:
    with suppress(*_BROKEN, RuntimeError):  # uvloop's name for a transport that is closed
        await sink.send_eof()


@asynccontextmanager
async def fault_proxy(target: str = "", *, seed: int = 0) -> AsyncIterator[FaultProxy]:
    """Run a proxy until the block ends."""
    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener, anyio.create_task_group() as group:
        proxy = FaultProxy(listener, group, seed)
        proxy.target = target
        yield proxy
        group.cancel_scope.cancel()
