"""What goes wrong inside a fake fails the test that uses it, at once and with the fake's own error.

A task group around a fixture's ``yield`` cannot do that. To anyio's runner all fixtures and the test are one task,
which the group cancels: on asyncio nothing but that cancellation is told then, and on trio the test hangs.
"""

from collections.abc import Awaitable, Callable
from functools import wraps

import anyio


class _Watch:
    """A test that runs."""

    def __init__(self) -> None:
        self.scope = anyio.CancelScope()
        self.error: Exception | None = None


_watches: list[_Watch] = []
"""One, while there is a test."""


def crashed(error: Exception) -> None:
    """End the test that runs now with a fake's error; without a test, raise it."""
    if not _watches:
        raise error
    watch = _watches[-1]
    watch.error = watch.error or error
    watch.scope.cancel()


def failing_with_its_fakes(test: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    """Make of a test one that raises what a fake has raised, whatever the test makes of that itself."""

    @wraps(test)
    async def watched(**fixtures: object) -> None:
        watch = _Watch()
        _watches.append(watch)
        try:
            with watch.scope:
                await test(**fixtures)
        finally:
            _watches.remove(watch)
            if watch.error is not None:
                raise watch.error

    return watched
