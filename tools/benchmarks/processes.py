"""Broker processes: start, wait for the first answer, read CPU time and memory from /proc, stop. Linux only.

A broker is ready when it answers an ApiVersions request, not when it says so. The port is polled for that, and it is
chosen below the range that the kernel hands out: a connection attempt to a free port *in* that range can, by chance,
get the very same port as its source and connect to itself.
"""

import os
import random
import signal
import socket
import struct
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from benchmarks.results import MeasurementError

_PORTS: Final = range(15_000, 30_000)
_API_VERSIONS_V0: Final = struct.pack(">ihhih5s", 15, 18, 0, 1, 5, b"bench")
"""Size, API key 18, version 0, correlation id 1, client id."""
_TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")
_START_TIMEOUT_S: Final = 20.0
_STOP_TIMEOUT_S: Final = 20.0
_POLL_S: Final = 0.001


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerSpec:
    """A kind of broker and how to start one."""

    name: str
    command: tuple[str, ...]
    """Program and arguments; ``{port}`` and ``{data}`` in them are filled in at each start."""
    prepare: Callable[[Path, int], None] | None = None
    """Done before each start, and not timed; gets the data directory, which is not there yet, and the port."""


class BrokerProcess:
    """A broker that runs, owned by ``running``."""

    def __init__(self, spec: BrokerSpec, directory: Path) -> None:
        self.name = spec.name
        self._port = free_port()
        self._log = directory / f"{self._port}.log"
        data = directory / f"{self._port}.data"
        command = [part.format(port=self._port, data=data) for part in spec.command]
        if spec.prepare is not None:
            spec.prepare(data, self._port)
        started = time.perf_counter()
        with self._log.open("wb") as log:
            self._process = _spawn(command, log)
        try:
            self._wait_until_ready()
        except BaseException:
            self.stop()
            raise
        self.start_s = time.perf_counter() - started

    @property
    def address(self) -> str:
        """Where clients connect, ``host:port``."""
        return f"127.0.0.1:{self._port}"

    def cpu_s(self) -> float:
        """Return the CPU seconds used so far, user and system, all threads."""
        # The name in parentheses may hold spaces; what follows it is state, ppid, ..., utime (14th), stime (15th).
        fields = self._proc("stat").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S

    def check(self) -> None:
        """Raise MeasurementError, with the broker's last line, when it does not run any more."""
        if self._process.poll() is not None:
            raise MeasurementError(f"{self.name} ended with code {self._process.returncode}: {self._last_words()}")

    def said(self, word: str) -> list[str]:
        """Return the lines of its output so far that have a word in them."""
        return [line for line in self._log.read_text(errors="replace").splitlines() if word in line]

    def resident_bytes(self) -> int:
        """Return the resident memory, VmRSS."""
        return int(self._proc("statm").split()[1]) * _PAGE_BYTES

    def stop(self) -> None:
        """Ask it to stop, and kill it when it does not."""
        with suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            pass
        finally:
            self._process.kill()
            self._process.wait()

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + _START_TIMEOUT_S
        while not _answers(self._port):
            self.check()
            if time.monotonic() > deadline:
                raise MeasurementError(f"{self.name} gave no answer in {_START_TIMEOUT_S:g} s: {self._last_words()}")
            time.sleep(_POLL_S)

    def _proc(self, name: str) -> str:
        self.check()
        return Path(f"/proc/{self._process.pid}/{name}").read_text()

    def _last_words(self) -> str:
        lines = self._log.read_text(errors="replace").split("\n")
        return next((line for line in reversed(lines) if line.strip()), "it said nothing")


@contextmanager
def running(spec: BrokerSpec, directory: Path) -> Iterator[BrokerProcess]:
    """Run a broker, with its data in a new folder of the directory, until the block is left.

    Raises:
        MeasurementError: it cannot be started, or gives no answer.
    """
    broker = BrokerProcess(spec, directory)
    try:
        yield broker
    finally:
        broker.stop()


def _spawn(command: list[str], log: IO[bytes]) -> subprocess.Popen[bytes]:
    try:
        # A session of its own: Ctrl-C reaches the benchmark alone, which then stops the brokers in order.
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
        )
    except OSError as error:
        raise MeasurementError(f"cannot run {command[0]}: {error.strerror}") from error


def free_port() -> int:
    """Find a port that nobody uses.

    Raises:
        MeasurementError: there is none.
    """
    for port in random.sample(_PORTS, k=100):
        with closing(socket.socket()) as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise MeasurementError("no free port found")


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=_START_TIMEOUT_S) as connection:
            connection.sendall(_API_VERSIONS_V0)
            return bool(connection.recv(4))
    except OSError:
        return False
