"""What the blocking clients share: a thread with an event loop, in which the asynchronous client lives.

Whoever waits here waits for a task there. Where the waiting is interrupted, as Ctrl-C does, the task is cancelled.
"""

from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from contextlib import ExitStack
from functools import partial, wraps
from types import TracebackType
from typing import Concatenate, Generic, ParamSpec, Self, TypeVar

from anyio.from_thread import BlockingPortal, start_blocking_portal

from gomq.errors import ClosedError, GomqError
from gomq.net.scope import Scope

ClientT_co = TypeVar("ClientT_co", bound=Scope, covariant=True)
_Client = TypeVar("_Client", bound=Scope)
_P = ParamSpec("_P")
_T = TypeVar("_T")


class BlockingClosedError(ClosedError):
    """A blocking producer, consumer or admin was used outside of its ``with`` block."""

    def __init__(self, what: str) -> None:
        GomqError.__init__(
            self, f"the {what} is not open: use it inside of `with gomq.blocking.{what.capitalize()}(...)`"
        )


class Blocking(Generic[ClientT_co]):
    """An asynchronous client, and the thread that it lives in for the time of a ``with`` block.

    Args:
        client: the asynchronous client, which nobody has entered.
    """

    def __init__(self, client: ClientT_co) -> None:
        self._client = client
        self._portal: BlockingPortal | None = None
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            portal = stack.enter_context(start_blocking_portal())
            stack.enter_context(portal.wrap_async_context_manager(self._client))
            self._portal = portal
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool | None:
        try:
            return self._stack.__exit__(kind, error, traceback)
        finally:
            self._portal = None

    def _call(self, ask: Callable[_P, Awaitable[_T]], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """Have a coroutine run there, and wait for it."""
        return wait_for(self._opened.start_task_soon(partial(ask, *args, **kwargs)))

    def _call_now(self, do: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """Have a function called there that does not wait."""
        return self._opened.call(partial(do, *args, **kwargs))

    @property
    def _opened(self) -> BlockingPortal:
        if self._portal is None:
            raise BlockingClosedError(type(self).__name__.lower())
        return self._portal


def wait_for(future: Future[_T]) -> _T:
    """Wait for a task, and cancel it where the waiting is interrupted."""
    try:
        return future.result()
    except BaseException:
        future.cancel()
        raise


def blocking(
    method: Callable[Concatenate[_Client, _P], Awaitable[_T]],
) -> Callable[Concatenate[Blocking[_Client], _P], _T]:
    """Make the blocking form of a client's asynchronous method."""

    @wraps(method)
    def call(self: Blocking[_Client], /, *args: _P.args, **kwargs: _P.kwargs) -> _T:
        return self._call(method, self._client, *args, **kwargs)

    return call
