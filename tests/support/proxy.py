"""A proxy in front of a broker that cuts its connections: anywhere, in the middle of a request or of an answer."""

from contextlib import suppress
from random import Random
from typing import Final

import anyio
from anyio.abc import SocketStream, TaskGroup, TaskStatus

from gomq.net.address import parse_address

_MOST_BYTES: Final = 4096
_BROKEN: Final = (OSError, anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError)


class CuttingProxy:
    """Passes bytes on, in pieces of any size, until it is told to cut.

    Args:
        address: the broker's; it may be away for a while.
        random: chooses the sizes.
    """

    def __init__(self, address: str, random: Random) -> None:
        self.address = ""
        """Where clients connect, once it runs."""
        self._target = parse_address(address)
        self._random = random
        self._scopes: set[anyio.CancelScope] = set()

    async def run(self, *, task_status: TaskStatus[None]) -> None:
        """Take connections until cancelled."""
        async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener:
            self.address = f"127.0.0.1:{listener.extra(anyio.abc.SocketAttribute.local_port)}"
            task_status.started()
            await listener.serve(self._serve)

    def cut(self) -> int:
        """End all connections, and return how many there were."""
        count = len(self._scopes)
        for scope in self._scopes:
            scope.cancel()
        return count

    async def _serve(self, client: SocketStream) -> None:
        with anyio.CancelScope() as scope, suppress(*_BROKEN):
            self._scopes.add(scope)
            try:
                async with client, await anyio.connect_tcp(*self._target) as server, anyio.create_task_group() as group:
                    group.start_soon(self._pass_on, client, server, group)
                    group.start_soon(self._pass_on, server, client, group)
            finally:
                self._scopes.discard(scope)

    async def _pass_on(self, source: SocketStream, sink: SocketStream, group: TaskGroup) -> None:
        with suppress(*_BROKEN):
            while True:
                await sink.send(await source.receive(self._random.randrange(1, _MOST_BYTES)))
        group.cancel_scope.cancel()
