"""``gomq-dump DATADIR``: a table of what is in a data directory, a line for each partition."""

import argparse
import os
import re
import sys
import time
from collections.abc import Container, Sequence
from typing import BinaryIO, Final

from gomq_dump.checks.complaints import MOST_LOOKS, WRITE_SECONDS
from gomq_dump.checks.groups import Group, group_files
from gomq_dump.exit_codes import DAMAGED, SOUND
from gomq_dump.reading.marked_folders import note_marked_folders
from gomq_dump.reading.paths import SegmentFile
from gomq_dump.summing.outline import SOUND as OK, Outline, outline

_HEAD: Final = (
    "TOPIC", "PARTITION", "SEGMENTS", "SIZE", "FIRST-OFFSET", "LAST-OFFSET", "FIRST-TIME", "LAST-TIME", "HEALTH",
)  # fmt: skip


def sum_up(files: Sequence[SegmentFile], arguments: argparse.Namespace, out: BinaryIO) -> int | None:
    """Show a line for each partition of data directories, and return the exit code: 1 where something is damaged.

    Args:
        files: what was asked for, as ``paths.collect`` lists it.
        arguments: ``paths`` and ``format`` of the command line.
        out: where it is shown.

    Returns:
        None where what was asked for is not all of a data directory, or of several: then nothing is shown.
    """
    groups = group_files(files, arguments.paths)
    if not _are_all_of_data_directories(groups, arguments.paths):
        return None
    notes = [note for group in groups if group.is_of_data_directory for note in note_marked_folders(group.directory)]
    groups = [group for group in groups if not group.is_of_data_directory]
    rows = [_look(group, group.files) for group in groups]
    _look_again(groups, rows)
    if arguments.format == "json":
        from gomq_dump.rendering.json_lines import line, shown_path  # noqa: PLC0415 - text does without json
        from gomq_dump.rendering.json_objects import finding_line  # noqa: PLC0415

        out.writelines(line(_fields(row, shown_path(row.directory))) for row in rows)
        out.writelines(finding_line(*note) for note in notes)
    else:
        from gomq_dump.rendering.text import finding_text  # noqa: PLC0415
        from gomq_dump.rendering.wording import joined, table  # noqa: PLC0415

        out.write(joined(table([_HEAD, *map(_cells, rows)], words=(0, len(_HEAD) - 1)) if rows else ["no partitions"]))
        out.flush()  # so that on a terminal the notes stand behind it
        sys.stderr.write("".join(finding_text(*note) for note in notes))
    return SOUND if all(row.is_sound for row in rows) else DAMAGED


def _are_all_of_data_directories(groups: Sequence[Group], paths: Sequence[str]) -> bool:
    """Whether no partition, and no file, was asked for by its own name: what they have would fill many pages."""
    asked = {_directory_of(path) for path in paths}
    return all(
        not group.is_named if group.is_of_data_directory else _has_neighbours(group.directory, asked)
        for group in groups
    )


def _has_neighbours(directory: str, asked: Container[str]) -> bool:
    """Whether a partition's directory was listed in one that was asked for."""
    return directory not in asked and _directory_of(os.path.dirname(directory) or os.curdir) in asked


def _directory_of(path: str) -> str:
    """Spell a path as the directory of a file in it is spelt."""
    return os.path.dirname(os.path.join(re.sub("/+", "/", path), ""))


def _look(group: Group, files: Sequence[SegmentFile]) -> Outline:
    return outline(group.partition, group.directory, files)


def _look_again(groups: Sequence[Group], rows: list[Outline]) -> None:
    """Look again where something seems wrong, as long as that changes: a broker may be writing to it."""
    doubted = [number for number, row in enumerate(rows) if not row.is_sound]
    for _ in range(MOST_LOOKS):
        if not doubted:
            return
        time.sleep(WRITE_SECONDS)
        before = {number: rows[number].health for number in doubted}
        for number in doubted:
            rows[number] = _look(groups[number], groups[number].files_now())
        doubted = [each for each in doubted if not rows[each].is_sound and rows[each].health != before[each]]


def _cells(row: Outline) -> tuple[str, ...]:
    from gomq_dump.rendering.wording import byte_count, moment, partition_name  # noqa: PLC0415

    offsets = ("-" if offset is None else str(offset) for offset in (row.first_offset, row.last_offset))
    times = (moment(timestamp) for timestamp in (row.first_timestamp, row.last_timestamp))
    health = f"{OK}, gaps" if row.gaps and row.health == OK else row.health
    return (*partition_name(row.partition), f"{row.segments:,}", byte_count(row.size), *offsets, *times, health)


def _fields(row: Outline, path: str) -> dict[str, object]:
    partition = row.partition
    return {
        "type": "partition",
        "path": path,
        "topic": None if partition is None else partition.topic,
        "partition": None if partition is None else partition.partition,
        "segments": row.segments,
        "size": row.size,
        "first_offset": row.first_offset,
        "last_offset": row.last_offset,
        "first_timestamp": row.first_timestamp,
        "last_timestamp": row.last_timestamp,
        "is_sound": row.is_sound,
        "health": row.health,
        "gaps": row.gaps,
    }
