"""A broker in a thread: where its data and its port are, and its lives between a start, a kill and a restart."""

import os
import shutil
import tempfile
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TypeVar

from gomq.blocking.portal import wait_for
from gomq.broker.config import BrokerConfig
from gomq.testing.faults import Faults
from gomq.testing.life import BrokerDiedError, Life
from gomq.testing.reserved_port import ReservedPort
from gomq.testing.watching import BrokerFaultWarning, Watch

_T = TypeVar("_T")
_NOT_RUNNING: Final = "the broker does not run: use it within `with BrokerThread(...)`, and restart() it after a stop"
_ANY_PORT: Final = "127.0.0.1:0"


class BrokerHost:
    """Starts and ends a broker; ``BrokerThread`` looks into it.

    Args:
        config: its settings.
        owns_data: whether the data directory is to be made, and removed at the end.
    """

    def __init__(self, config: BrokerConfig, *, owns_data: bool) -> None:
        self._given = self._config = config
        self._owns_data = owns_data
        self._port: ReservedPort | None = None
        self._life: Life | None = None
        self._process: int | None = None
        self._watch = Watch()
        self.faults: Faults = Faults()
        """What goes wrong between clients and this broker."""

    def __enter__(self) -> Self:
        if self._process is not None:
            raise RuntimeError("this BrokerThread is in use: make another one")
        self._process = os.getpid()
        self._watch.begin()
        try:
            self._prepare()
            self._start()
            self._fill()
        except BaseException:
            self._end(kill=True)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._process == os.getpid():  # a child that was forked has a copy, and no broker
            self._end(kill=self._owns_data)  # nobody will read what nobody keeps

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._life.address if self._life is not None else 'that does not run'}>"

    @property
    def address(self) -> str:
        """HOST:PORT: what clients call ``bootstrap.servers``. Restarts keep it, unless ``listen=`` is given."""
        return self._running.address

    @property
    def data(self) -> Path:
        """The data directory: what ``gomq-dump`` reads."""
        return self._config.data

    @property
    def is_running(self) -> bool:
        """Whether it serves, or is paused."""
        return self._life is not None

    def check(self) -> None:
        """See that the broker lives.

        Raises:
            BrokerDiedError: it has ended by itself; what it failed with is the cause.
        """
        if self._life is not None:
            self._life.check()

    def pause(self) -> None:
        """Have it answer nobody, as SIGSTOP would: connections stay, what comes waits, its timers stand still."""
        self._running.pause()

    def resume(self) -> None:
        """Have it go on after ``pause``; those whose time is over then are told so."""
        self._running.resume()

    def stop(self) -> None:
        """Stop it in good order: what is being handled is answered, everything is written down. Data and port stay."""
        self._end_life(kill=False)

    def kill(self) -> None:
        """End it as ``kill -9`` would: nobody is answered, nothing is written down. Data and port stay."""
        self._end_life(kill=True)

    def restart(self) -> None:
        """Start it again with the same data, at the same port; one that runs is stopped in good order first."""
        if self._process is None:
            raise RuntimeError(_NOT_RUNNING)
        if self._life is not None:
            self.stop()
        self._start()

    def restore(self) -> BrokerDiedError | None:
        """Make it as a test wants to find it: without faults, not paused, running; say what it has died of, if it has.

        One that has died is started again. Topics and messages stay.
        """
        self.faults.clear()
        died: BrokerDiedError | None = None
        try:
            if self._life is not None:
                self._life.resume()
                self._life.check()
                self._life.catch_up()
                self.faults.clear()  # clients that have left may have sent a last request
        except BrokerDiedError as error:
            died = error
            with suppress(BrokerDiedError):
                self._end_life(kill=True)
        if self._life is None:
            self._start()
        return died

    def own_faults(self) -> list[BrokerFaultWarning]:
        """Take what went wrong in it through a fault of GoMQ, which it has survived, since it was asked last."""
        return self._watch.take()

    def _fill(self) -> None:
        """Put into it what is to be there from the start."""

    @property
    def _running(self) -> Life:
        if self._life is None:
            raise RuntimeError(_NOT_RUNNING)
        self._life.check()
        return self._life

    def _prepare(self) -> None:
        """Find a directory and a port that are the broker's own, over all its restarts."""
        config = self._given
        if self._owns_data:
            config = replace(config, data=Path(tempfile.mkdtemp(prefix="gomq-")) / "data")
            self._config = config
        if config.listen == _ANY_PORT:
            self._port = ReservedPort()
            config = replace(config, listen=self._port.address)
        self._config = config

    def _start(self) -> None:
        self._life = Life(self._config, self.faults)

    def _end_life(self, *, kill: bool) -> None:
        life, self._life = self._life, None
        if life is not None:
            life.end(kill=kill)

    def _end(self, *, kill: bool) -> None:
        try:
            self._end_life(kill=kill)
        finally:
            self._process = None
            self._watch.end()
            if self._port is not None:
                self._port.close()
            if self._owns_data and self._config is not self._given:
                shutil.rmtree(self.data.parent, ignore_errors=True)

    def _call(self, do: Callable[..., Coroutine[Any, Any, _T]], *args: Any, **kwargs: Any) -> _T:  # noqa: ANN401
        """Have something done on the broker's event loop, and wait for it."""
        future: Future[_T] = self._awake().portal.start_task_soon(partial(do, *args, **kwargs))
        return wait_for(future)

    def _call_now(self, do: Callable[[], _T]) -> _T:
        return self._awake().portal.call(do)

    def _awake(self) -> Life:
        life = self._running
        if life.is_paused:
            raise RuntimeError("the broker is paused, and answers nobody: resume() it first")
        return life
