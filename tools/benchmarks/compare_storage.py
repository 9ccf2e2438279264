"""Part 5: the log as a library, beside bare system calls, and inside a broker that compacts or has many logs."""

import shutil
from collections.abc import Callable
from functools import partial
from typing import Final

from benchmarks.compare_compaction import compare_compaction
from benchmarks.compare_many_logs import compare_many_logs
from benchmarks.job import Job, run_job
from benchmarks.plan import Bench, interleave, progress
from benchmarks.results import Figures, MeasurementError

APPEND: Final = "storage.append"
READ: Final = "storage.read"
LOOK_UP: Final = "storage.look_up"
RECOVER: Final = "storage.recover"
OPEN: Final = "storage.open"
LOG: Final = "gomq_storage"
BARE_WRITE: Final = "bare os.write"
BARE_SENDFILE: Final = "bare os.sendfile"
LARGE: Final = "large segment"
SMALL: Final = "segment of 16 MiB"

_SMALL_BYTES: Final = 16 << 20
_LOOK_UPS: Final = 20_000


def compare_storage(bench: Bench) -> None:
    """Measure everything; what cannot be measured is reported and does not keep the rest from its turn."""
    parts: dict[str, Callable[[Bench], None]] = {
        "appends": _compare_appends,
        "reads": _compare_reads,
        "look-ups": _compare_look_ups,
        "recovery": _measure_recovery,
        "opening": _measure_opening,
        "compaction": compare_compaction,
        "many logs": compare_many_logs,
    }
    for name, measure in parts.items():
        progress(f"storage: {name}")
        try:
            measure(bench)
        except MeasurementError as error:
            bench.results.failures.append(f"storage, {name}: {error}")
            progress(f"  failed: {error}")


def _compare_appends(bench: Bench) -> None:
    size = bench.pace.append_bytes
    bench.results.describe(APPEND, f"Appending batches of 16 KiB, {_mib(size)}, no sync", base=BARE_WRITE)
    job = Job(module="storage_append", operation="append", directory=str(bench.directory / "append"), log_bytes=size)
    turns = {
        BARE_WRITE: partial(_turn, bench, APPEND, job.to("write")),
        LOG: partial(_turn, bench, APPEND, job),
    }
    interleave(bench, turns, rounds=2 * bench.pace.rounds - 1)


def _compare_reads(bench: Bench) -> None:
    size = bench.pace.log_bytes
    title = f"Sending a log of {_mib(size)}, cached, to a TCP connection by sendfile, 1 MiB at a time"
    bench.results.describe(READ, title, base=BARE_SENDFILE)
    job = Job(
        module="storage_read",
        operation="send_log",
        directory=str(bench.directory / "read"),
        log_bytes=size,
        segment_bytes=size // 4,
    )
    _prepare(bench, job, "write_log")
    turns = {
        BARE_SENDFILE: partial(_turn, bench, READ, job.to("send_files")),
        LOG: partial(_turn, bench, READ, job),
    }
    interleave(bench, turns)
    shutil.rmtree(job.directory)


def _compare_look_ups(bench: Bench) -> None:
    sizes = {SMALL: _SMALL_BYTES, LARGE: bench.pace.log_bytes}
    title = f"Finding a batch by a random offset in one segment; the large one is of {_mib(sizes[LARGE])}"
    bench.results.describe(LOOK_UP, title, base=SMALL)
    jobs = {
        name: Job(
            module="storage_read",
            operation="look_up",
            count=_LOOK_UPS,
            directory=str(bench.directory / f"look-up-{size}"),
            log_bytes=size,
        )
        for name, size in sizes.items()
    }
    for job in jobs.values():
        _prepare(bench, job, "write_log")
    interleave(bench, {name: partial(_turn, bench, LOOK_UP, job) for name, job in jobs.items()})
    for job in jobs.values():
        shutil.rmtree(job.directory)


def _measure_recovery(bench: Bench) -> None:
    size = bench.pace.log_bytes
    bench.results.describe(RECOVER, f"Checking one segment of {_mib(size)}, cached, batches of 16 KiB", base=LOG)
    job = Job(module="storage_open", operation="recover", directory=str(bench.directory / "recover"), log_bytes=size)
    _prepare(bench, job, "write_broken_off_log")
    interleave(bench, {LOG: partial(_turn, bench, RECOVER, job)})
    shutil.rmtree(job.directory)


def _measure_opening(bench: Bench) -> None:
    size = bench.pace.whole_bytes
    title = f"Opening a log of {_mib(size)} in segments of 1 GiB that was closed in order"
    bench.results.describe(OPEN, title, base=LOG)
    job = Job(module="storage_open", operation="open_clean", directory=str(bench.directory / "open"), log_bytes=size)
    _prepare(bench, job, "write_log")
    interleave(bench, {LOG: partial(_turn, bench, OPEN, job)})
    shutil.rmtree(job.directory)


def _turn(bench: Bench, case: str, job: Job) -> dict[str, Figures]:
    return {case: run_job(job, timeout_s=bench.pace.timeout_s)}


def _prepare(bench: Bench, job: Job, operation: str) -> None:
    progress(f"  writing {_mib(job.log_bytes)}")
    run_job(job.of_module("storage_files", operation), timeout_s=bench.pace.timeout_s * 4)


def _mib(size: int) -> str:
    return f"{size >> 20:,} MiB"
