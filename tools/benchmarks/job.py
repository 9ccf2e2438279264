"""One piece of client work, done in a process of its own so that its CPU time and its garbage are its own.

``run_job`` starts ``python -m benchmarks.worker`` with the job as JSON and reads the figures, JSON too, from its
output.
"""

import json
import subprocess
import sys
from dataclasses import asdict, dataclass, replace
from statistics import quantiles
from typing import Self

from benchmarks.results import Figures, MeasurementError


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What a worker has to do."""

    module: str
    """Module of this package whose ``OPERATIONS`` has the operation."""
    operation: str
    address: str = ""
    topic: str = ""
    count: int = 0
    """Messages to publish or to read; for latencies, the most samples to take."""
    size: int = 100
    """Bytes of one message's value."""
    partitions: int = 1
    """Of the topic; messages are spread over them."""
    acks: str = "all"
    """What a producer waits for, for those that are told."""
    connections: int = 1
    """How many at once, for a load that opens many; or how many tasks publish over one."""
    seconds: float = 0.0
    """For latencies, when to stop; for reading, how long to go on starting over."""
    backend: str = "asyncio"
    """Event loop, for a client that has the choice: ``asyncio``, ``uvloop`` or ``trio``."""
    directory: str = ""
    """For the log as a library, the folder to work in."""
    log_bytes: int = 0
    """How much log to write, or how much there is."""
    segment_bytes: int = 1 << 30
    """Size of the log's segments."""

    @property
    def value(self) -> bytes:
        """The value of every message."""
        return b"x" * self.size

    def at(self, address: str, topic: str) -> Self:
        """Return the same job for this broker and topic."""
        return replace(self, address=address, topic=topic)

    def of(self, count: int) -> Self:
        """Return the same job with so many messages."""
        return replace(self, count=count)

    def waiting_for(self, acks: str) -> Self:
        """Return the same job with these acks."""
        return replace(self, acks=acks)

    def to(self, operation: str) -> Self:
        """Return another job of the same module on the same messages."""
        return replace(self, operation=operation)

    def of_module(self, module: str, operation: str) -> Self:
        """Return a job of another module on the same directory or topic."""
        return replace(self, module=module, operation=operation)


def run_job(job: Job, *, timeout_s: float) -> Figures:
    """Do the job in a new process and return what it measured.

    Raises:
        MeasurementError: the worker failed, or took longer than the timeout and was killed.
    """
    command = [sys.executable, "-m", "benchmarks.worker", json.dumps(asdict(job))]
    what = f"{job.module} {job.operation}"
    try:
        worker = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout_s, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise MeasurementError(f"{what} did not end within {timeout_s:g} s") from error
    if worker.returncode != 0:
        lines = worker.stderr.strip().splitlines() or ["no message"]
        raise MeasurementError(f"{what} failed: {lines[-1]}")
    figures: Figures = json.loads(worker.stdout)
    return figures


def rate(messages: int, size: int, elapsed_s: float) -> Figures:
    """Return the figures of a transfer of so many messages of so many bytes."""
    return {"messages_per_s": messages / elapsed_s, "mb_per_s": messages * size / elapsed_s / 1e6}


def read(job: Job, *, seen: int, total: int, elapsed_s: float) -> Figures:
    """Return the figures of a reader that has seen so many messages, and so many bytes in their values.

    Raises:
        MeasurementError: these are not the messages that were published.
    """
    if total != seen * job.size:
        raise MeasurementError(f"{total} bytes in {seen} messages of {job.size}")
    return rate(seen, job.size, elapsed_s)


def latency(samples_s: list[float]) -> Figures:
    """Return the median and the 99th percentile, in milliseconds, of at least two latencies in seconds."""
    cuts = quantiles(samples_s, n=100, method="inclusive")
    return {"p50_ms": cuts[49] * 1e3, "p99_ms": cuts[98] * 1e3}
