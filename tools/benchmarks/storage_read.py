"""Reading a log: all of it in a row, beside a bare loop of ``os.sendfile``, and single batches by random offsets.

What is read in a row goes the way that a broker sends it: to a TCP connection on this machine. The process at the
other end lets the kernel drop the bytes without copying them (MSG_TRUNC), so that it is not what is measured.
"""

import multiprocessing
import os
import random
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import quantiles
from typing import Final

from benchmarks.job import Job
from benchmarks.results import Figures, MeasurementError
from benchmarks.storage_files import BATCH_BYTES, BATCH_RECORDS, log_config, log_files
from gomq_storage.log import Log

_CHUNK_BYTES: Final = 1 << 20
_LOOPBACK: Final = "127.0.0.1"


def send_log(job: Job) -> Figures:
    """Find each chunk with ``Log.read``, give it a descriptor of its own and send it, as a broker does."""
    log = Log.open(Path(job.directory), log_config(job))
    with _sink() as sink:
        started = time.perf_counter()
        offset, sent = log.log_start, 0
        while (found := log.read(offset, max_bytes=_CHUNK_BYTES)) is not None:
            part = found.open_range()
            try:
                _send(sink, part.descriptor, part.position, part.size)
            finally:
                part.close()
            sent += found.size
            offset += found.size // BATCH_BYTES * BATCH_RECORDS
        elapsed_s = _until_received(sink, started)
    log.close()
    return _speed(job, sent, elapsed_s)


def send_files(job: Job) -> Figures:
    """Send the same files in chunks of the same size, with ``os.sendfile`` and nothing else."""
    sent = 0
    with _sink() as sink:
        started = time.perf_counter()
        for path in log_files(Path(job.directory)):
            descriptor = os.open(path, os.O_RDONLY)
            size = os.fstat(descriptor).st_size
            for position in range(0, size, _CHUNK_BYTES):
                _send(sink, descriptor, position, min(_CHUNK_BYTES, size - position))
            os.close(descriptor)
            sent += size
        elapsed_s = _until_received(sink, started)
    return _speed(job, sent, elapsed_s)


def look_up(job: Job) -> Figures:
    """Find single batches by random offsets, each in the page cache; the log has one segment."""
    log = Log.open(Path(job.directory), log_config(job))
    chance = random.Random(job.count)
    samples_s: list[float] = []
    for _ in range(job.count):
        offset = chance.randrange(log.log_start, log.log_end)
        started = time.perf_counter()
        found = log.read(offset, max_bytes=BATCH_BYTES)
        samples_s.append(time.perf_counter() - started)
        if found is None or found.position != offset // BATCH_RECORDS * BATCH_BYTES:
            raise MeasurementError(f"offset {offset} was not found where it is")
    log.close()
    cuts = quantiles(samples_s, n=100, method="inclusive")
    return {"p50_us": cuts[49] * 1e6, "p99_us": cuts[98] * 1e6}


@contextmanager
def _sink() -> Iterator[socket.socket]:
    with socket.create_server((_LOOPBACK, 0)) as server:
        reader = multiprocessing.get_context("fork").Process(target=_discard, args=(server.getsockname()[1],))
        reader.start()
        connection, _ = server.accept()
    with connection:
        yield connection
    reader.join()


def _discard(port: int) -> None:
    buffer = bytearray(_CHUNK_BYTES)
    with socket.create_connection((_LOOPBACK, port)) as connection:
        while connection.recv_into(buffer, len(buffer), socket.MSG_TRUNC):
            pass


def _send(sink: socket.socket, descriptor: int, position: int, size: int) -> None:
    end = position + size
    while position < end:
        position += os.sendfile(sink.fileno(), descriptor, position, end - position)


def _until_received(sink: socket.socket, started: float) -> float:
    sink.shutdown(socket.SHUT_WR)
    sink.recv(1)  # the reader closes its end once it has had everything
    return time.perf_counter() - started


def _speed(job: Job, sent: int, elapsed_s: float) -> Figures:
    if sent != job.log_bytes:
        raise MeasurementError(f"{sent} bytes were sent, the log has {job.log_bytes}")
    return {"mb_per_s": sent / elapsed_s / 1e6}


OPERATIONS: Final = {"send_log": send_log, "send_files": send_files, "look_up": look_up}
