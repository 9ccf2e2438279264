"""Opening a log: one that was broken off, whose last segment has to be checked, and one that was closed in order."""

import time
import tracemalloc
from pathlib import Path
from typing import Final

from benchmarks.job import Job
from benchmarks.results import Figures, MeasurementError
from benchmarks.storage_files import log_config
from gomq_storage.log import Log


def recover(job: Job) -> Figures:
    """Open a log of which nothing was written down: every batch is checked, and the indexes are made anew."""
    started = time.perf_counter()
    log = Log.open(Path(job.directory), log_config(job))
    elapsed_s = time.perf_counter() - started
    if log.recovery.was_clean or log.size != job.log_bytes:
        raise MeasurementError(f"the log was not checked, or is not whole: {log.recovery}")
    log.abandon()
    return {"mb_per_s": job.log_bytes / elapsed_s / 1e6, "elapsed_s": elapsed_s}


def open_clean(job: Job) -> Figures:
    """Open a log that was closed in order: once for time and memory, once more to count Python's objects."""
    before = _resident_bytes()
    started = time.perf_counter()
    log = _open(job)
    elapsed_s = time.perf_counter() - started
    resident = _resident_bytes() - before
    log.close()
    tracemalloc.start()
    log = _open(job)
    objects, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    log.close()
    return {"elapsed_s": elapsed_s, "resident_mb": resident / 1e6, "objects_mb": objects / 1e6}


def _open(job: Job) -> Log:
    log = Log.open(Path(job.directory), log_config(job))
    if not log.recovery.was_clean or log.size != job.log_bytes:
        raise MeasurementError(f"the log was not left in order, or is not whole: {log.recovery}")
    return log


def _resident_bytes() -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise MeasurementError("/proc/self/status does not say how much memory is resident")


OPERATIONS: Final = {"recover": recover, "open_clean": open_clean}
