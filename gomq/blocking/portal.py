"""What the blocking clients share: a thread with an event loop, in which the asynchronous client lives.

Whoever waits here waits for a task there. Where the waiting is interrupted, as Ctrl-C does, the task is cancelled.
"""

import os
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from contextlib import ExitStack, suppress
from functools import partial, wraps
from threading import Thread
from types import TracebackType
from typing import Concatenate, Final, Generic, ParamSpec, Self, TypeVar

import anyio
from anyio.from_thread import BlockingPortal

from gomq.errors import ClosedError, GomqError
from gomq.net.scope import Scope

ClientT_co = TypeVar("ClientT_co", bound=Scope, covariant=True)
_Client = TypeVar("_Client", bound=Scope)
_P = ParamSpec("_P")
_T = TypeVar("_T")

_SIGNALS_SECONDS: Final = 0.5
"""How long a signal may have to wait."""


class BlockingClosedError(ClosedError):
    """A blocking producer, consumer or admin was used outside of its ``with`` block."""

    def __init__(self, what: str) -> None:
        GomqError.__init__(
            self, f"the {what} is not open: use it inside of `with gomq.blocking.{what.capitalize()}(...)`"
        )


class ForkedError(ClosedError):
    """A blocking producer, consumer or admin was used in a child process, which has a copy of it and no event loop."""

    def __init__(self, what: str) -> None:
        GomqError.__init__(
            self, f"the {what} belongs to the process that this one was forked from: open one in each process"
        )


class LoopThread:
    """A thread with an event loop, for the time of a ``with`` block.

    anyio's ``start_blocking_portal`` is the same as a generator: a forked child that ends within the block collects it,
    and would wait for a thread that only the parent has.
    """

    def __init__(self) -> None:
        self._started: Future[BlockingPortal] = Future()
        self._thread = Thread(target=self._run, name="gomq.blocking", daemon=True)

    def __enter__(self) -> BlockingPortal:
        self._thread.start()
        return self._started.result()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        portal = self._started.result()
        try:
            with suppress(RuntimeError):  # it has ended already
                portal.call(portal.stop, error is not None)
        finally:
            self._thread.join()

    def _run(self) -> None:
        try:
            anyio.run(self._serve)
        except BaseException as error:  # noqa: BLE001 - whoever waits for a task has its error
            if not self._started.done():
                self._started.set_exception(error)

    async def _serve(self) -> None:
        async with BlockingPortal() as portal:
            self._started.set_result(portal)
            await portal.sleep_until_stopped()


class Blocking(Generic[ClientT_co]):
    """An asynchronous client, and the thread that it lives in for the time of a ``with`` block.

    Args:
        client: the asynchronous client, which nobody has entered.
    """

    def __init__(self, client: ClientT_co) -> None:
        self._client = client
        self._portal: BlockingPortal | None = None
        self._process = 0
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            portal = stack.enter_context(LoopThread())
            stack.callback(self._forget_portal)
            self._portal, self._process = portal, os.getpid()
            stack.enter_context(portal.wrap_async_context_manager(self._client))
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool | None:
        if self._is_forked:
            return None  # all there is to end is the parent's
        return self._stack.__exit__(kind, error, traceback)

    def _forget_portal(self) -> None:
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
        if self._is_forked:
            raise ForkedError(type(self).__name__.lower())
        return self._portal

    @property
    def _is_forked(self) -> bool:
        return self._portal is not None and self._process != os.getpid()


def wait_for(future: Future[_T]) -> _T:
    """Wait for a task, and cancel it where the waiting is interrupted.

    Python takes a signal in its main thread only, and a wait without an end would never let it, where the system gave
    the signal to another thread, or just before the wait began.
    """
    try:
        while not future.done():
            with suppress(TimeoutError):
                future.exception(_SIGNALS_SECONDS)
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
