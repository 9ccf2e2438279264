"""Cancelling a piece of work where it waits for the first time, the second, and so on, until it ends by itself.

for number in count(1):
    if not await cancelled_at(number, work):
        break

The work runs in the test's own task. Each time that it lets the event loop have control counts, whatever it waits
for; so every await that really waits is met once, on asyncio and on trio.
"""

from collections.abc import Awaitable, Callable, Generator
from typing import Any

import anyio


class _Counted:
    """A coroutine that calls back when it is about to wait for the n-th time."""

    def __init__(self, work: Awaitable[object], number: int, then: Callable[[], object]) -> None:
        self._steps = work.__await__()
        self._left = number
        self._then = then

    def __await__(self) -> Generator[Any, Any, None]:
        resume = lambda: next(self._steps)  # noqa: E731 - what to do with the coroutine next
        while True:
            try:
                wanted = resume()
            except StopIteration:
                return
            self._left -= 1
            if self._left == 0:
                self._then()
            try:
                answer = yield wanted
            except BaseException as error:  # noqa: BLE001 - all of them are the coroutine's
                resume = _throwing(self._steps, error)
            else:
                resume = _sending(self._steps, answer)


def _throwing(steps: Generator[Any, Any, Any], error: BaseException) -> Callable[[], Any]:
    return lambda: steps.throw(error)


def _sending(steps: Generator[Any, Any, Any], answer: object) -> Callable[[], Any]:
    return lambda: steps.send(answer)


async def cancelled_at(number: int, work: Callable[[], Awaitable[object]], *, within: float = 20.0) -> bool:
    """Run some work, cancelled where it waits for the n-th time, and say whether it came so far.

    Args:
        number: 1 for the first time.
        work: what to run.
        within: seconds in which it must end, cancelled or not.
    """
    scope = anyio.CancelScope()
    with anyio.fail_after(within), scope:
        await _Counted(work(), number, scope.cancel)
    return scope.cancel_called
