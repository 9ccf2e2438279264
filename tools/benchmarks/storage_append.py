"""Appends to a log, and the bare loop of ``os.write`` that they are measured by: neither syncs.

Both write the same bytes into the page cache of new files, which are removed before the kernel has written much of
them to the device.
"""

import os
import shutil
import time
from pathlib import Path
from typing import Final

from benchmarks.job import Job
from benchmarks.results import Figures
from benchmarks.storage_files import BATCH_BYTES, batches, log_config
from gomq_storage.log import Log


def append(job: Job) -> Figures:
    """Append with ``Log.append``, CRC check, indexes and all."""
    directory, written = _start(job)
    log = Log.open(directory, log_config(job))
    started = time.perf_counter()
    for batch in written:
        log.append(batch)
    elapsed_s = time.perf_counter() - started
    log.abandon()
    return _finish(job, directory, elapsed_s)


def write(job: Job) -> Figures:
    """Write with ``os.write``, and nothing else."""
    directory, written = _start(job)
    descriptor = os.open(directory / "bare", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    started = time.perf_counter()
    for batch in written:
        os.write(descriptor, batch)
    elapsed_s = time.perf_counter() - started
    os.close(descriptor)
    return _finish(job, directory, elapsed_s)


def _start(job: Job) -> tuple[Path, list[bytes]]:
    directory = Path(job.directory)
    directory.mkdir()
    return directory, list(batches(job.log_bytes // BATCH_BYTES))


def _finish(job: Job, directory: Path, elapsed_s: float) -> Figures:
    shutil.rmtree(directory)
    return {"mb_per_s": job.log_bytes / elapsed_s / 1e6}


OPERATIONS: Final = {"append": append, "write": write}
