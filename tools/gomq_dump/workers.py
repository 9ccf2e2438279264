"""Processes that write down batches for this one. See ``parallel.py``, which hands out the jobs.

A worker reads the file itself, and writes into memory that both see, so that little goes through pipes. What it cannot
do it says: the file may be another one by now, or be cut.
"""

import mmap
import os
import pickle
import signal
import threading
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Final, NamedTuple, NoReturn, TypeAlias

from gomq_dump.findings import Finding
from gomq_dump.inspection import FileStart
from gomq_dump.jobs import JOB_BYTES, BatchWriter, Job, Place, Result, Written
from gomq_dump.reader import ByteReader
from gomq_storage.errors import CorruptBatchError

_SHARED_BYTES: Final = 4 << 20
"""Of the memory that a worker writes into; what is more goes through its pipe."""

_Answer: TypeAlias = list[tuple[Written | int, Finding | None]] | None
"""A result as it is sent: a number stands for so many bytes of the shared memory. None: the job was not done."""


class _Request(NamedTuple):
    """A job as it is sent."""

    start: FileStart
    batches: list[Place]


class _FileChangedError(Exception):
    """A worker cannot read what it was to read: another file has the name by now, or it has been cut."""


class _Desk:
    """Where a worker does its jobs.

    Args:
        writer: writes batches down.
        shared: memory that both processes see.
    """

    def __init__(self, writer: BatchWriter, shared: mmap.mmap) -> None:
        self._writer = writer
        self._shared = shared
        self._reader: ByteReader | None = None
        self._start: FileStart | None = None

    def do(self, request: _Request) -> _Answer:
        """Do a job; None where the file is another one by now."""
        try:
            self._writer.enter(request.start)
            if self._start != request.start:
                self._open(request.start)
            result = self._writer.write_batches((place, self._read(*place)) for place in request.batches)
        except (_FileChangedError, CorruptBatchError, OSError):
            return None
        return self._put_down(result)

    def _open(self, start: FileStart) -> None:
        self._start = start
        if self._reader is not None:
            self._reader.close()
            self._reader = None
        self._reader = ByteReader.open(start.file.path, chunk_bytes=2 * JOB_BYTES)
        if self._reader.identity != start.identity:
            self._reader.close()
            self._reader = None

    def _read(self, position: int, _crc: int, size: int) -> memoryview:
        data = memoryview(b"") if self._reader is None else self._reader.view(position, size)
        if len(data) < size:
            raise _FileChangedError
        return data

    def _put_down(self, result: Result) -> _Answer:
        """Leave in the shared memory what has room there."""
        left: list[tuple[Written | int, Finding | None]] = []
        place = 0
        for written, finding in result:
            if place + len(written) <= _SHARED_BYTES:
                self._shared[place : place + len(written)] = written
                place += len(written)
                left.append((len(written), finding))
            else:
                left.append((written, finding))
        return left


class Worker:
    """One process that does jobs, one at a time."""

    def __init__(self, writer: BatchWriter, others: Iterable["Worker"]) -> None:
        self._shared = mmap.mmap(-1, _SHARED_BYTES)
        request, self._requests = os.pipe()
        self._results, result = os.pipe()
        self._process = os.fork()
        if self._process == 0:
            _serve(_Desk(writer, self._shared), request, result, [self.pipes, *(other.pipes for other in others)])
        os.close(request)
        os.close(result)
        self._sender = os.fdopen(self._requests, "wb")
        self._receiver = os.fdopen(self._results, "rb")

    @property
    def pipes(self) -> tuple[int, int]:
        """This side's ends."""
        return self._requests, self._results

    def send(self, job: Job) -> None:
        """Hand out a job.

        Raises:
            OSError: the worker has ended.
        """
        pickle.dump(_Request(job.start, job.batches), self._sender, protocol=pickle.HIGHEST_PROTOCOL)
        self._sender.flush()

    def receive(self) -> Result | None:
        """Wait for the result, which is good until the next job is handed out; None where there is none."""
        try:
            answer: _Answer = pickle.load(self._receiver)  # noqa: S301 - a fork of this process wrote it
        except (EOFError, OSError, pickle.UnpicklingError):
            return None
        return None if answer is None else list(self._pick_up(answer))

    def _pick_up(
        self, answer: Iterable[tuple[Written | int, Finding | None]]
    ) -> Iterator[tuple[Written, Finding | None]]:
        shared, place = memoryview(self._shared), 0
        for written, finding in answer:
            if isinstance(written, int):
                yield shared[place : place + written], finding
                place += written
            else:
                yield written, finding

    def close(self) -> None:
        """End the worker, which has nothing to lose."""
        with suppress(OSError):
            self._sender.close()
        self._receiver.close()
        with suppress(OSError):
            os.kill(self._process, signal.SIGKILL)
        with suppress(OSError):
            os.waitpid(self._process, 0)


def _serve(desk: _Desk, request: int, result: int, foreign: Iterable[tuple[int, int]]) -> NoReturn:
    """Do jobs until there are no more; this is what a worker's process does."""
    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # an interrupt ends the one that hands out jobs, and so this
        for pipes in foreign:  # or the others would not see that it has ended
            for descriptor in pipes:
                os.close(descriptor)
        with os.fdopen(request, "rb") as requests, os.fdopen(result, "wb") as results:
            while True:
                job: _Request = pickle.load(requests)  # noqa: S301 - the process that forked this one wrote it
                pickle.dump(desk.do(job), results, protocol=pickle.HIGHEST_PROTOCOL)
                results.flush()
    finally:
        os._exit(0)


def processors() -> int:
    """Count the processors that this process may use; 1 where it cannot fork, or should not."""
    if not hasattr(os, "fork") or threading.active_count() > 1:
        return 1
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        return os.cpu_count() or 1
