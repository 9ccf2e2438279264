"""``async with``: one group for all tasks of a client or broker, so that none outlives it and none dies silently."""

from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self

import anyio
from anyio.abc import TaskGroup


class Scope(ABC):
    """What Broker, Producer, Consumer and Admin share: everything they start ends with their block.

    A task that fails cancels the block, and its error is what the block raises: by itself, not in a group of one.
    """

    def __init__(self) -> None:
        self._group: TaskGroup | None = None

    @abstractmethod
    async def _open(self, group: TaskGroup) -> None:
        """Make ready; when this raises, the block is not entered and nothing is left open."""

    async def _flush(self) -> None:  # noqa: B027 - a broker has nothing under way
        """Finish what is under way; only called where the block ends well."""

    def _close(self) -> None:  # noqa: B027 - what a broker holds it lets go of later
        """Let go of everything, at once."""

    async def __aenter__(self) -> Self:
        if self._group is not None:
            raise RuntimeError(f"a {type(self).__name__} can be entered once; make a new one")
        self._group = anyio.create_task_group()
        await self._group.__aenter__()
        try:
            await self._open(self._group)
        except BaseException as error:
            await self._leave(self._group, error)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool | None:
        assert self._group is not None
        if error is None:
            try:
                await self._flush()
            except BaseException as failure:
                if await self._leave(self._group, failure):
                    return True
                raise
        return await self._leave(self._group, error)

    async def _leave(self, group: TaskGroup, error: BaseException | None) -> bool:
        """End all tasks; return whether the error was the group's own cancellation, and raise what a task raised.

        The group is told of a cancellation only: it would wrap any other error, and take a user's group apart.
        """
        self._close()
        group.cancel_scope.cancel()
        told = None if isinstance(error, Exception) else error
        try:
            is_ours = await group.__aexit__(type(told) if told else None, told, told.__traceback__ if told else None)
        except BaseExceptionGroup as failures:
            if error is not None and told is None:
                raise BaseExceptionGroup(failures.message, [error, *failures.exceptions]) from None
            failure: BaseException = failures
            while failure is not error and isinstance(failure, BaseExceptionGroup) and len(failure.exceptions) == 1:
                failure = failure.exceptions[0]
            if failure is error:
                return False
            raise failure from failure.__cause__
        return bool(is_ours) and told is error


def first_failure(failure: BaseException) -> BaseException:
    """Take the first error out of a group, however deep; any other is returned as it is."""
    while isinstance(failure, BaseExceptionGroup):
        failure = failure.exceptions[0]
    return failure
