"""Show what was asked for: choose what reads the files."""

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, BinaryIO, Final, TypeAlias

from gomq_dump.findings import Finding
from gomq_dump.reading.inspection import Inspection, Item
from gomq_dump.reading.paths import SegmentFile, UnusablePathError, collect_asked
from gomq_dump.rendering.text import Renderer
from gomq_dump.selecting.selection import Selection

if TYPE_CHECKING:
    from gomq_dump.selecting.matching import BatchFilter
    from gomq_dump.selecting.selected import PartitionLog

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
    renderer, is_damaged = make_renderer(sys.stdout.buffer), False
    for item in _items(files, arguments, selection):
        renderer.show(item)
        is_damaged |= isinstance(item, Finding) and item.is_damage
    return is_damaged


def _selects(arguments: argparse.Namespace, selection: Selection) -> bool:
    return not selection.is_all or arguments.format_string is not None


def _items(files: list[SegmentFile], arguments: argparse.Namespace, selection: Selection) -> Iterator[Item]:
    if _selects(arguments, selection):
        return _selected_items(files, arguments, selection)
    inspection = Inspection(with_records=arguments.records)
    return (item for file in files for item in inspection.read(file))


def _selected_items(files: list[SegmentFile], arguments: argparse.Namespace, selection: Selection) -> Iterator[Item]:
    from gomq_dump.selecting import following, selected  # noqa: PLC0415 - decoding records takes time to import

    if selection.at_position is not None:
        if len(files) != 1:
            raise UnusablePathError(arguments.paths[0], "is not one .log file, as --at-position needs")
        with_records = arguments.records or arguments.format_string is not None
        return selected.read_at(files[0], selection.at_position, with_records=with_records)
    logs = selected.partition_logs(files)
    wanted = _filter(arguments, selection)
    if selection.follow:
        following.allow_open_files()
        looks = partial(_logs_now, arguments)
        return following.follow(following.growing(logs), selection, wanted, look=looks, pause=_pause)
    shown = selected.Shown()
    return (item for log in logs for item in selected.read_selected(log, selection, wanted, shown))


def _logs_now(arguments: argparse.Namespace) -> "list[PartitionLog]":
    """List the logs that there are by now; none while there is nothing where somebody is to look."""
    from gomq_dump.selecting.following import growing  # noqa: PLC0415 - it is there already
    from gomq_dump.selecting.selected import partition_logs  # noqa: PLC0415

    files: list[SegmentFile] = []
    for path in arguments.paths:
        with suppress(UnusablePathError):
            files += collect_asked(path, data=arguments.data, partitions=arguments.partition)
    with suppress(UnusablePathError):
        return growing(partition_logs(files))
    return []


def _filter(arguments: argparse.Namespace, selection: Selection) -> "BatchFilter":
    from gomq_dump.selecting.matching import BatchFilter  # noqa: PLC0415 - decoding records takes time to import

    shows_messages = arguments.format_string is not None
    with_records = arguments.records or shows_messages
    return BatchFilter(selection, with_records=with_records, with_control=not shows_messages)


def _pause() -> None:
    sys.stdout.buffer.flush()
    time.sleep(_PAUSE_S)
