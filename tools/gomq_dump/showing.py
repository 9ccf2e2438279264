"""Show what was asked for: choose what reads the files, and whether one process or several show them."""

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, BinaryIO, Final, TypeAlias

from gomq_dump.findings import Finding
from gomq_dump.inspection import Inspection, Item
from gomq_dump.paths import SegmentFile, UnusablePathError
from gomq_dump.render import Renderer
from gomq_dump.selection import Selection
from gomq_storage.layout import LOG_SUFFIX

if TYPE_CHECKING:
    from gomq_dump.matching import BatchFilter

PARALLEL_BYTES: Final = 16 << 20
"""So much of logs is worth more than one process."""
MIN_WORKERS: Final = 2
"""With fewer, what it costs to hand out jobs is more than what it saves."""
_PAUSE_S: Final = 0.1
"""How long to wait before looking again whether a log has grown."""

MakeRenderer: TypeAlias = Callable[[BinaryIO], Renderer]


def show(
    files: list[SegmentFile], arguments: argparse.Namespace, selection: Selection, make_renderer: MakeRenderer
) -> bool:
    """Show files on standard output; return whether something is damaged.

    Raises:
        UnusablePathError: the files are none of those that are asked about.
    """
    out = sys.stdout.buffer
    if _is_much(files, arguments, selection):
        from gomq_dump.jobs import BatchWriter  # noqa: PLC0415 - only large logs need them
        from gomq_dump.parallel import ParallelShow  # noqa: PLC0415
        from gomq_dump.workers import processors  # noqa: PLC0415

        count = processors() - 1  # one is kept busy by what is done here
        if count >= MIN_WORKERS:
            writer = BatchWriter(make_renderer, _filter(arguments, selection))
            items = _items(files, arguments, selection, by_header=True)
            names_all = not _selects(arguments, selection)
            several = ParallelShow(make_renderer(out), out, writer, workers=count, names_all=names_all)
            return several.show(items)
    return _show_items(_items(files, arguments, selection), make_renderer(out))


def _show_items(items: Iterable[Item], renderer: Renderer) -> bool:
    is_damaged = False
    for item in items:
        renderer.show(item)
        is_damaged |= isinstance(item, Finding) and item.is_damage
    return is_damaged


def _selects(arguments: argparse.Namespace, selection: Selection) -> bool:
    return not selection.is_all or arguments.format_string is not None


def _is_much(files: list[SegmentFile], arguments: argparse.Namespace, selection: Selection) -> bool:
    """Whether records of many bytes are asked for, none of which depends on those in front of it."""
    wants_records = arguments.records or arguments.format_string is not None or selection.looks_into_records
    counts = selection.limit is not None or selection.tail is not None
    if not wants_records or counts or selection.follow or selection.at_position is not None:
        return False
    size = 0
    for file in files:
        if file.suffix == LOG_SUFFIX:
            with suppress(OSError):
                size += os.stat(file.path).st_size
    return size >= PARALLEL_BYTES


def _items(
    files: list[SegmentFile], arguments: argparse.Namespace, selection: Selection, *, by_header: bool = False
) -> Iterator[Item]:
    """Read what is to be shown; where it is by header, of batches what another filter has to look into."""
    if _selects(arguments, selection):
        return _selected_items(files, arguments, selection, by_header=by_header)
    inspection = Inspection(with_records=arguments.records and not by_header, with_data=by_header)
    return (item for file in files for item in inspection.read(file))


def _selected_items(
    files: list[SegmentFile], arguments: argparse.Namespace, selection: Selection, *, by_header: bool
) -> Iterator[Item]:
    from gomq_dump import following, selecting  # noqa: PLC0415 - decoding records takes time to import

    if selection.at_position is not None:
        if len(files) != 1:
            raise UnusablePathError(arguments.paths[0], "is not one .log file, as --at-position needs")
        with_records = arguments.records or arguments.format_string is not None
        return selecting.read_at(files[0], selection.at_position, with_records=with_records)
    logs = selecting.partition_logs(files)
    wanted = _filter(arguments, selection, by_header=by_header)
    if selection.follow:
        following.allow_open_files()
        return following.follow(logs, selection, wanted, pause=_pause)
    shown = selecting.Shown()
    return (item for log in logs for item in selecting.read_selected(log, selection, wanted, shown))


def _filter(arguments: argparse.Namespace, selection: Selection, *, by_header: bool = False) -> "BatchFilter":
    from gomq_dump.matching import BatchFilter  # noqa: PLC0415 - decoding records takes time to import

    shows_messages = arguments.format_string is not None
    with_records = arguments.records or shows_messages
    return BatchFilter(selection, with_records=with_records, with_control=not shows_messages, by_header=by_header)


def _pause() -> None:
    sys.stdout.buffer.flush()
    time.sleep(_PAUSE_S)
