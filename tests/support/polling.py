"""Waiting for conditions outside of an event loop, never for time to pass."""

import time
from collections.abc import Callable

WITHIN_SECONDS = 20.0


def wait_until(condition: Callable[[], object], *, within: float = WITHIN_SECONDS) -> None:
    """Return once the condition holds; ``TimeoutError`` when it does not in time."""
    deadline = time.monotonic() + within
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(0.01)
