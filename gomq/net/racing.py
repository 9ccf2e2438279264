"""Trying several ways to the same end: each gets a head start, and the first that succeeds is taken.

How names with several addresses are connected to ("happy eyeballs", RFC 8305), and clusters with several brokers.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

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
    won: list[_Won] = []
    failures: dict[int, _Failure] = {}

    async def run(place: int, ended: anyio.Event, others: anyio.CancelScope) -> None:
        try:
            won.append(await attempts[place]())
            others.cancel()
        except failure as error:
            failures[place] = error
        finally:
            ended.set()

    try:
        async with anyio.create_task_group() as group:
            for place in range(len(attempts)):
                ended = anyio.Event()
                group.start_soon(run, place, ended, group.cancel_scope)
                with anyio.move_on_after(head_start):
                    await ended.wait()
                if won:
                    break
    except BaseException as error:  # noqa: BLE001 - raised again
        for each in won:
            discard(each)
        alone = _alone(error)
        raise alone from alone.__cause__
    for extra in won[1:]:
        discard(extra)
    return won[:1], failures


def _alone(error: BaseException) -> BaseException:
    """Take an error out of a group of one, such as trio's KeyboardInterrupt, which nobody expects there."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error
