"""Ctrl-C and SIGTERM where something is to be finished first: the first asks to stop, the second stops at once."""

import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

import anyio

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


class Interruption:
    """Whether somebody wants it to end, and how fast."""

    def __init__(self) -> None:
        self.asked: anyio.Event = anyio.Event()
        """Set by the first signal."""
        self.scope: anyio.CancelScope = anyio.CancelScope()
        """Around what the second signal ends, or the first one after the time of grace."""
        self.stop: Callable[[], object] = self.scope.cancel
        """What the first signal does; where nothing is to be finished yet, it ends all of it."""
        self.exit_code: int = 0
        """As shells have it: 128 and the signal's number; 0 where there was none."""


@asynccontextmanager
async def interruptible(*, grace: float) -> AsyncIterator[Interruption]:
    """Take signals for the time of a block.

    Args:
        grace: seconds between the first signal and the end of the interruption's scope.
    """
    interruption = Interruption()
    with anyio.open_signal_receiver(*_SIGNALS) as signals:
        async with anyio.create_task_group() as group:

            async def listen() -> None:
                async for number in signals:
                    if interruption.exit_code:
                        interruption.scope.cancel()
                        continue
                    interruption.exit_code = 128 + number
                    interruption.asked.set()
                    interruption.stop()
                    group.start_soon(end_late)

            async def end_late() -> None:
                await anyio.sleep(grace)
                interruption.scope.cancel()

            group.start_soon(listen)
            yield interruption
            group.cancel_scope.cancel()
