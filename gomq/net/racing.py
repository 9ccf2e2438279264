"""Trying several ways to the same end: each gets a head start, and the first that succeeds is taken.

How names with several addresses are connected to ("happy eyeballs", RFC 8305), and clusters with several brokers.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

import anyio

_Won = TypeVar("_Won")
_Failure = TypeVar("_Failure", bound=Exception)


async def first_to_succeed(
    attempts: Sequence[Callable[[], Awaitable[_Won]]],
    *,
    head_start: float,
    failure: type[_Failure],
    discard: Callable[[_Won], None],
) -> tuple[list[_Won], dict[int, _Failure]]:
    """Make attempts one after the other, without waiting longer than a head start for those before.

    Args:
        attempts: each makes something.
        head_start: seconds until the next attempt begins beside those that have not ended.
        failure: what an attempt raises when it fails; nothing else may be raised.
        discard: lets go of what was made and is not returned.

    Returns:
        what the first to succeed made, nothing where all failed; and why the others did, by their places. Those that
        had not ended are cancelled; what was made at the same moment is discarded.
    """
    race = _Race[_Won, _Failure](failure)
    if len(attempts) == 1:
        await race.run(0, attempts[0], anyio.Event())
    elif attempts:
        try:
            await race.run_all(attempts, head_start)
        except BaseException as error:
            race.discard_from(0, discard)
            while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
                error = error.exceptions[0]  # such as trio's KeyboardInterrupt, which nobody expects in a group
            raise error from error.__cause__
    race.discard_from(1, discard)
    return race.won[:1], race.failures


class _Race(Generic[_Won, _Failure]):
    def __init__(self, failure: type[_Failure]) -> None:
        self._failure = failure
        self.won: list[_Won] = []
        self.failures: dict[int, _Failure] = {}

    async def run(self, place: int, attempt: Callable[[], Awaitable[_Won]], ended: anyio.Event) -> None:
        try:
            self.won.append(await attempt())
        except self._failure as error:
            self.failures[place] = error
        finally:
            ended.set()

    async def run_all(self, attempts: Sequence[Callable[[], Awaitable[_Won]]], head_start: float) -> None:
        async with anyio.create_task_group() as group:
            for place, attempt in enumerate(attempts):
                ended = anyio.Event()
                group.start_soon(self._run_and_end, place, attempt, ended, group.cancel_scope)
                with anyio.move_on_after(head_start):
                    await ended.wait()
                if self.won:
                    break

    async def _run_and_end(
        self, place: int, attempt: Callable[[], Awaitable[_Won]], ended: anyio.Event, others: anyio.CancelScope
    ) -> None:
        await self.run(place, attempt, ended)
        if self.won:
            others.cancel()

    def discard_from(self, place: int, discard: Callable[[_Won], None]) -> None:
        for extra in self.won[place:]:
            discard(extra)
