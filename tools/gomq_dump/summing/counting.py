"""``gomq-dump --stats``: count what is in partitions and show that, as text or as JSON lines."""

import argparse
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from typing import BinaryIO

from gomq_dump.checks.groups import Group, group_files, size_of
from gomq_dump.checks.sources import guarded, open_file
from gomq_dump.exit_codes import DAMAGED, SOUND
from gomq_dump.findings import Finding
from gomq_dump.progress import progress
from gomq_dump.reading.paths import SegmentFile
from gomq_dump.rendering.text import finding_text
from gomq_dump.summing.stats import Stats
from gomq_storage.layout import LOG_SUFFIX


def count(files: Sequence[SegmentFile], arguments: argparse.Namespace, out: BinaryIO) -> int:
    """Count what is in the logs among files, show it, and return the exit code: 1 where something is damaged.

    Args:
        files: what was asked for, as ``paths.collect`` lists it.
        arguments: ``paths`` and ``format`` of the command line.
        out: where it is shown; findings go to stderr as text, and among the rest as JSON.
    """
    logs = [file for file in files if file.suffix == LOG_SUFFIX and not file.leftover]
    show: Callable[[str, Finding], None] = _show_text if arguments.format == "text" else _JsonFindings(out).show
    counted: list[Stats] = []
    is_sound = True
    with progress("counting", size_of(logs)) as advance:
        for group in group_files(logs, arguments.paths):
            stats = Stats(partition=group.partition)
            is_sound &= _count_group(group, stats, show, advance)
            counted.append(stats)
    total = Stats()
    for stats in counted:
        total.merge(stats)
    if arguments.format == "text":
        from gomq_dump.rendering.wording import joined  # noqa: PLC0415
        from gomq_dump.summing.stats_text import stats_lines  # noqa: PLC0415 - it is not always needed

        out.write(joined(stats_lines(counted, total, width=shutil.get_terminal_size().columns)))
    else:
        from gomq_dump.summing.stats_json import stats_line  # noqa: PLC0415

        for stats in (*counted, total):
            out.write(stats_line(stats, is_total=stats is total))
    return SOUND if is_sound else DAMAGED


def _count_group(
    group: Group, stats: Stats, show: Callable[[str, Finding], None], advance: Callable[[int], object]
) -> bool:
    is_sound = True
    for file in group.files:
        for finding in _count_log(file, stats, advance):
            is_sound &= not finding.is_damage
            show(file.path, finding)
    return is_sound


def _count_log(file: SegmentFile, stats: Stats, advance: Callable[[int], object]) -> Iterator[Finding]:
    """Count what is in a file, as far as the operating system can read it."""
    unread: list[Finding] = []
    with ExitStack() as opened:
        log = open_file(opened, file.path, unread.append)
        if log is not None:
            yield from guarded(stats.count_log(log, file.base_offset, advance), unread.append)
    yield from unread


def _show_text(path: str, finding: Finding) -> None:
    sys.stderr.buffer.write(finding_text(path, finding).encode(errors="surrogateescape"))
    sys.stderr.buffer.flush()


class _JsonFindings:
    """Shows findings as JSON lines."""

    def __init__(self, out: BinaryIO) -> None:
        from gomq_dump.rendering.json_objects import finding_line  # noqa: PLC0415 - text does without json

        self._out = out
        self._line = finding_line

    def show(self, path: str, finding: Finding) -> None:
        self._out.write(self._line(path, finding))
