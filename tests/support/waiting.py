"""Waiting for conditions, never for time to pass."""

from collections.abc import Callable

import anyio

WITHIN_SECONDS = 20.0


async def until(condition: Callable[[], object], *, within: float = WITHIN_SECONDS) -> None:
    """Return once the condition holds; ``TimeoutError`` when it does not in time."""
    with anyio.fail_after(within):
        while not condition():  # noqa: ASYNC110 - whatever the condition is, it has no event
            await anyio.sleep(0.002)
