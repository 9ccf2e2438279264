"""The inspector: records beside Kafka's own tool, checking a log that is cached, how soon the first line comes."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Final

from benchmarks.contestant_kafka import java, kafka
from benchmarks.dump_logs import KINDS, PLAIN, write_batches, write_records
from benchmarks.plan import Bench, interleave, progress
from benchmarks.results import Figures, MeasurementError

DUMP: Final = "gomq-dump"
DUMP_JSON: Final = "gomq-dump, JSON"
DUMP_FORMAT: Final = "gomq-dump, -f"
KAFKA_DUMP: Final = "kafka-dump-log"
FIRST_LINE: Final = "dump.first_line"
VERIFY: Final = "dump.verify"
VERIFIED: Final = {"16 KiB batches": 16 << 10, "64 KiB batches": 64 << 10, "1 MiB batches": 1 << 20}
_SEGMENT_BYTES: Final = 100 << 20
_READ_BYTES: Final = 1 << 20
_COMMAND: Final = (sys.executable, "-c", "import sys; from gomq_dump.cli import main; sys.exit(main())")
_KAFKA_JVM: Final = (
    *("-Xmx256M", "-server", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20", "-XX:InitiatingHeapOccupancyPercent=35"),
    *("-XX:+ExplicitGCInvokesConcurrent", "-Djava.awt.headless=true", "-Dfile.encoding=UTF-8"),
)
"""What kafka-run-class gives the JVM of a tool."""


def records_case(kind: str, output: str) -> str:
    """Name the case of a kind of records; ``output`` is ``null`` or ``pipe``."""
    return f"dump.{kind}.{output}"


def compare_dump(bench: Bench) -> None:
    """Measure everything; what cannot be measured is reported and does not keep the rest from its turn."""
    for measure in (_compare_records, _measure_verify, _measure_first_line):
        try:
            measure(bench)
        except (MeasurementError, OSError) as error:
            bench.results.failures.append(f"dump: {error}")
            progress(f"  failed: {error}")


def _compare_records(bench: Bench) -> None:
    for kind in KINDS:
        progress(f"dump: {kind}")
        directory = bench.directory / "dump" / "records-0"
        log, count = write_records(directory, kind, _SEGMENT_BYTES)
        for output in ("null", "pipe") if kind == PLAIN else ("null",):
            case = records_case(kind, output)
            where = "/dev/null" if output == "null" else "a pipe"
            title = f"Every record of a segment of 100 MiB to {where}: {count:,} records, {kind}"
            bench.results.describe(case, title, base=DUMP if kafka() is None else KAFKA_DUMP)
            commands: dict[str, Sequence[str]] = {
                DUMP: (*_COMMAND, "--records", str(log)),
                DUMP_JSON: (*_COMMAND, "--records", "--format", "json", str(log)),
                DUMP_FORMAT: (*_COMMAND, "-f", r"%o\t%k\t%s\n", str(log)),
            }
            if kafka() is not None:
                tool = "org.apache.kafka.tools.DumpLogSegments"
                commands[KAFKA_DUMP] = java(*_KAFKA_JVM, tool, "--print-data-log", "--files", str(log))
            turns = {
                name: partial(_run, bench, case, command, log, is_piped=output == "pipe")
                for name, command in commands.items()
            }
            interleave(bench, turns, rounds=bench.pace.perf_test_rounds)
        shutil.rmtree(directory)


def _measure_verify(bench: Bench) -> None:
    size = bench.pace.log_bytes
    progress("dump: --verify")
    title = f"gomq-dump --verify of one segment of {size >> 20:,} MiB, cached, from start to end"
    bench.results.describe(VERIFY, title, base=next(iter(VERIFIED)))
    for name, batch_bytes in VERIFIED.items():
        directory = bench.directory / "dump" / "verify-0"
        log = write_batches(directory, batch_bytes, size)
        command = (*_COMMAND, "--verify", str(directory))
        interleave(bench, {name: partial(_run, bench, VERIFY, command, log, is_piped=True)})
        shutil.rmtree(directory)


def _measure_first_line(bench: Bench) -> None:
    progress("dump: first line")
    bench.results.describe(FIRST_LINE, "From exec to the first line: a small segment; one of 1 GiB and its last record",
                           base=DUMP)  # fmt: skip
    small, large = bench.directory / "dump" / "small-0", bench.directory / "dump" / "large-0"
    write_records(small, PLAIN, 64 << 10)
    write_records(large, PLAIN, bench.pace.log_bytes)
    turns = {
        DUMP: partial(_first_line, bench, (*_COMMAND, "--records", str(small))),
        f"{DUMP} --tail 1": partial(_first_line, bench, (*_COMMAND, "--tail", "1", str(large))),
    }
    interleave(bench, turns, rounds=bench.pace.starts)
    shutil.rmtree(small.parent)


def _run(bench: Bench, case: str, command: Sequence[str], log: Path, *, is_piped: bool) -> dict[str, Figures]:
    start = time.perf_counter()
    with subprocess.Popen(
        command, stdout=subprocess.PIPE if is_piped else subprocess.DEVNULL, stderr=subprocess.PIPE
    ) as process:
        if process.stdout is not None:
            while os.read(process.stdout.fileno(), _READ_BYTES):
                pass
        try:
            _, complaint = process.communicate(timeout=bench.pace.timeout_s)
        except subprocess.TimeoutExpired as error:
            process.kill()
            raise MeasurementError(f"{command[-2]} did not end within {bench.pace.timeout_s:g} s") from error
    elapsed_s = time.perf_counter() - start
    if process.returncode != 0:
        raise MeasurementError(f"{command[-2]} ended with {process.returncode}: {complaint.decode()[-200:]}")
    return {case: {"elapsed_s": elapsed_s, "mb_per_s": log.stat().st_size / elapsed_s / 1e6}}


def _first_line(bench: Bench, command: Sequence[str]) -> dict[str, Figures]:
    start = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        elapsed_s = time.perf_counter() - start
        process.stdout.close()
        process.wait(bench.pace.timeout_s)
    if not line:
        raise MeasurementError("gomq-dump printed nothing")
    return {FIRST_LINE: {"first_line_ms": elapsed_s * 1e3}}
