"""``gomq-dump --verify``: say what is wrong with partitions and data directories, and nothing of what is in them."""

import argparse
import sys
import time
from collections.abc import Sequence
from typing import BinaryIO, Protocol

from gomq_dump.checks.complaints import Complaints
from gomq_dump.checks.groups import group_files, size_of
from gomq_dump.checks.run import Verdict, check_groups
from gomq_dump.exit_codes import DAMAGED, SOUND
from gomq_dump.progress import progress
from gomq_dump.reading.paths import SegmentFile
from gomq_dump.rendering.text import finding_text
from gomq_storage.layout import LOG_SUFFIX


class Report(Protocol):
    """Says what is wrong."""

    def show(self, complaints: Complaints) -> None:
        """Show the complaints of a group of files."""

    def close(self, verdict: Verdict, seconds: float) -> None:
        """Sum up."""


def verify(files: Sequence[SegmentFile], arguments: argparse.Namespace, out: BinaryIO) -> int:
    """Verify files, print what is wrong with them and one line about all of it, and return the exit code.

    Args:
        files: what was asked for, as ``paths.collect`` lists it.
        arguments: ``paths``, ``format`` and ``deep`` of the command line.
        out: where it is printed; findings too, for they are what was asked for.
    """
    report: Report = _JsonReport(out) if arguments.format == "json" else _TextReport(out)
    verdict, held, start = Verdict(), Complaints(), time.perf_counter()
    would_break_the_bar = sys.stderr is not None and sys.stderr.isatty() and out.isatty()
    with progress("verifying", size_of([file for file in files if file.suffix == LOG_SUFFIX])) as advance:
        groups = group_files(files, arguments.paths)
        for complaints in check_groups(groups, verdict, is_deep=arguments.deep, advance=advance):
            if would_break_the_bar:
                held.add_all(complaints)
            else:
                report.show(complaints)
    report.show(held)
    report.close(verdict, time.perf_counter() - start)
    return DAMAGED if verdict.damage else SOUND


class _TextReport:
    """A line for each finding, and one for all."""

    def __init__(self, out: BinaryIO) -> None:
        self._out = out

    def show(self, complaints: Complaints) -> None:
        for path, finding in complaints:
            self._write(finding_text(path, finding))
        if complaints.left_out:
            self._write(f"and {complaints.left_out:,} more\n")

    def close(self, verdict: Verdict, seconds: float) -> None:
        counts = verdict.counts
        looked_at = [
            *([_count(verdict.partitions, "partition")] if verdict.partitions else []),
            _count(counts.files, "file"),
            _count(counts.batches, "batch", "batches"),
            f"{counts.log_bytes / 1e6:,.1f} MB of logs",
        ]
        found = [
            *([f"{_count(verdict.damage, 'finding')} of damage"] if verdict.damage else ["sound"]),
            *([_count(verdict.notes, "note")] if verdict.notes else []),
        ]
        speed = f"{seconds:.2f} s ({counts.log_bytes / max(seconds, 1e-9) / 1e9:.2f} GB/s)"
        self._write(f"verified {', '.join(looked_at)} in {speed}: {', '.join(found)}\n")

    def _write(self, text: str) -> None:
        self._out.write(text.encode(errors="surrogateescape"))


class _JsonReport:
    """An object for each finding, and one for all."""

    def __init__(self, out: BinaryIO) -> None:
        from gomq_dump.rendering.json_lines import line  # noqa: PLC0415 - text does without json
        from gomq_dump.rendering.json_objects import finding_line  # noqa: PLC0415

        self._out = out
        self._line = line
        self._finding_line = finding_line

    def show(self, complaints: Complaints) -> None:
        for path, finding in complaints:
            self._out.write(self._finding_line(path, finding))

    def close(self, verdict: Verdict, seconds: float) -> None:
        counts = verdict.counts
        fields = {
            "type": "verified",
            "is_sound": not verdict.damage,
            "damage": verdict.damage,
            "notes": verdict.notes,
            "partitions": verdict.partitions,
            "files": counts.files,
            "batches": counts.batches,
            "log_bytes": counts.log_bytes,
            "seconds": round(seconds, 3),
            "bytes_per_second": round(counts.log_bytes / max(seconds, 1e-9)),
        }
        self._out.write(self._line(fields))


def _count(number: int, one: str, many: str | None = None) -> str:
    return f"{number:,} {one if number == 1 else many or one + 's'}"
