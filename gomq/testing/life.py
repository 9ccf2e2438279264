"""One broker from its start to its end, in a thread with an event loop of its own."""

import threading
from concurrent.futures import Future
from contextlib import ExitStack
from typing import Final

import anyio
from anyio import TASK_STATUS_IGNORED
from anyio.abc import TaskStatus
from anyio.from_thread import BlockingPortal

from gomq.blocking.portal import LoopThread
from gomq.broker.broker import Broker
from gomq.broker.config import BrokerConfig, FlushMode
from gomq.broker.context import State
from gomq.errors import GomqError
from gomq.net.own_time import let_others_read
from gomq.testing.faults import Faults
from gomq.testing.intercepting import Interception
from gomq.testing.unsynced_files import UnsyncedFiles

_MOST_PAUSED: Final = 600.0
"""Seconds after which a broker goes on that nobody resumes: a thread that hangs for ever would outlive its test."""


class BrokerDiedError(GomqError):
    """The broker of a test has ended by itself; what it failed with is the cause."""

    def __init__(self, reason: BaseException | None) -> None:
        super().__init__(f"the broker has died: {reason!r}" if reason is not None else "the broker has ended by itself")


class _KilledError(Exception):
    """Ends the broker as a kill would."""


class Life:
    """A running broker; ``end`` ends it.

    Args:
        config: its settings.
        faults: what goes wrong in it.

    Raises:
        BrokerStartError: the data directory or the port cannot be used.
    """

    def __init__(self, config: BrokerConfig, faults: Faults) -> None:
        files = UnsyncedFiles() if config.flush is FlushMode.NEVER else None
        with ExitStack() as stack:
            self.portal: BlockingPortal = stack.enter_context(LoopThread())
            self._interception = Interception(faults, self.portal)
            stack.callback(self._interception.end)
            self._broker = Broker(config=config, files=files, interceptor=self._interception)
            self._over: anyio.Event = self.portal.call(anyio.Event)
            self._is_killed = False
            self._resumed: threading.Event | None = None
            self._future: Future[None]
            self.address: str
            self._future, self.address = self.portal.start_task(self._run)
            self._stack = stack.pop_all()

    @property
    def state(self) -> State:
        """The parts of the broker; those that may change are to be looked at on its event loop."""
        state = self._broker._state  # noqa: SLF001 - a part of it
        assert state is not None  # it has started
        return state

    @property
    def is_paused(self) -> bool:
        """Whether its event loop stands still."""
        return self._resumed is not None

    def check(self) -> None:
        """See that the broker still runs.

        Raises:
            BrokerDiedError: it does not, and nobody has ended it.
        """
        if self._future.done():
            error = self._future.exception()
            raise BrokerDiedError(error) from error

    def pause(self) -> None:
        """Have its event loop stand still, as SIGSTOP would."""
        if self._resumed is None:
            self._resumed, stopped = threading.Event(), threading.Event()
            self.portal.start_task_soon(_stand_still, stopped, self._resumed)
            self._interception.is_paused = True
            stopped.wait(_MOST_PAUSED)

    def resume(self) -> None:
        """Have it go on."""
        if self._resumed is not None:
            self._resumed.set()
            self._resumed = None
            self._interception.is_paused = False
            self._interception.wake()

    def catch_up(self) -> None:
        """Wait until it has taken what was sent to it so far, unless that waits for something."""
        self.portal.call(let_others_read)

    def end(self, *, kill: bool) -> None:
        """End it and its thread; nothing happens where it has ended.

        Args:
            kill: as a kill of its process would, rather than in good order.

        Raises:
            BrokerDiedError: it has ended by itself before, or failed to end.
        """
        self._is_killed = kill
        self.resume()
        with self._stack:
            self._interception.end()
            if not self._future.done():
                self.portal.call(self._over.set)
            error = self._future.exception()
            self.portal.call(self.portal.stop, True)  # noqa: FBT003 - those who still wait for something, wait in vain
        self._stack = ExitStack()
        if error is not None:
            raise BrokerDiedError(error) from error

    async def _run(self, *, task_status: TaskStatus[str] = TASK_STATUS_IGNORED) -> None:
        try:
            async with self._broker:
                task_status.started(self._broker.address)
                await self._over.wait()
                if self._is_killed:
                    self._broker.abandon()
                    raise _KilledError  # noqa: TRY301 - the block is to end by an error
        except _KilledError:
            pass


async def _stand_still(stopped: threading.Event, resumed: threading.Event) -> None:
    """Keep the event loop from everything else: what comes waits in the kernel."""
    stopped.set()
    resumed.wait(_MOST_PAUSED)
