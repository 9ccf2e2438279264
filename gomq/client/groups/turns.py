"""The tasks of a membership: started together, woken together, ended together."""

from collections.abc import Awaitable, Callable

import anyio
from anyio.abc import TaskGroup


class Turns:
    """Tasks that wait for each other's doings.

    Args:
        tasks: where they run.
    """

    def __init__(self, tasks: TaskGroup) -> None:
        self._tasks = tasks
        self._scopes: dict[anyio.CancelScope, anyio.Event] = {}
        self._happened = anyio.Event()

    def start(self, run: Callable[[], Awaitable[None]]) -> None:
        """Start a task."""
        scope, ended = anyio.CancelScope(), anyio.Event()
        self._scopes[scope] = ended

        async def bounded() -> None:
            try:
                with scope:
                    await run()
            finally:
                ended.set()

        self._tasks.start_soon(bounded)

    def wake(self) -> None:
        """Have all that wait look again."""
        self._happened.set()
        self._happened = anyio.Event()

    async def wait(self) -> None:
        """Wait until something has happened."""
        await self._happened.wait()

    async def end(self) -> None:
        """Cancel all tasks, and wait until they have ended."""
        for scope in self._scopes:
            scope.cancel()
        for ended in self._scopes.values():
            await ended.wait()
