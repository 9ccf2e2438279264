"""Which log files a partition consists of, with the compactions finished that a crash has interrupted.

A ``.swap`` file that is whole is the truth for its offsets, as ``gomq_storage.swap`` has it. One that is damaged counts
only where nothing else has its offsets.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from gomq_dump.repairing.edits import Deed, Deeds
from gomq_dump.repairing.patched import virtual_segment
from gomq_dump.repairing.pieces import LogPieces, Whole
from gomq_storage.files import File, Files
from gomq_storage.layout import (
    CLEANED_SUFFIX,
    LOG_SUFFIX,
    SEGMENT_SUFFIXES,
    SWAP_SUFFIX,
    TXN_INDEX_SUFFIX,
    parse_segment_file_name,
    parse_temporary_file_name,
    segment_file_name,
)
from gomq_storage.segment import Segment


class Source(NamedTuple):
    """A log file that a segment is made from."""

    base_offset: int
    name: str
    size: int
    file: File

    @property
    def is_swap(self) -> bool:
        """Whether it is still to take the place of others."""
        return self.name.endswith(SWAP_SUFFIX)

    def segment(self) -> Segment:
        """Read it as a segment, with indexes that are empty."""
        return virtual_segment(self.base_offset, self.file, self.size)


def find_sources(
    files: Files, directory: Path, sizes: Mapping[str, int], deeds: Deeds
) -> tuple[list[Source], list[str]]:
    """List the log files of a partition in the order of their offsets, and the names of files that are to go.

    Args:
        files: the file system.
        directory: the partition's folder.
        sizes: its files.
        deeds: told what is done about what a crash has left.
    """
    segment_files = {name: parsed for name in sizes if (parsed := parse_segment_file_name(name)) is not None}
    logs = {base: name for name, (base, suffix) in segment_files.items() if suffix == LOG_SUFFIX}
    removed: list[str] = []
    temporary = {name: parts for name in sizes if (parts := parse_temporary_file_name(name)) is not None}
    for name, (base, suffix, extra) in sorted(temporary.items()):
        if (suffix, extra) == (LOG_SUFFIX, SWAP_SUFFIX):
            source = Source(base, name, sizes[name], files.open(directory / name))
            removed += _take_swap(source, logs, sizes, deeds)
        elif extra in {SWAP_SUFFIX, CLEANED_SUFFIX}:
            removed.append(name)
            deeds.add(Deed.REMOVE, name, "an interrupted compaction left it")
    made = [Source(base, name, sizes[name], files.open(directory / name)) for base, name in sorted(logs.items())]
    return made, removed


def _take_swap(swap: Source, logs: dict[int, str], sizes: Mapping[str, int], deeds: Deeds) -> list[str]:
    """Let a ``.swap`` file take the place of the segments that it covers; return the names of files that are to go."""
    end, is_whole = swap.base_offset, True
    for piece in LogPieces(swap.segment()):
        if isinstance(piece, Whole) and not piece.wrong and piece.header.base_offset >= end:
            end = piece.header.next_offset
        else:
            is_whole = False
    covered = [base for base in logs if swap.base_offset <= base < max(end, swap.base_offset + 1)]
    if covered and not is_whole:
        deeds.add(Deed.REMOVE, swap.name, "it is damaged, and what a compaction made it of is still there")
        return [swap.name]
    deeds.add(Deed.FINISH, swap.name, "an interrupted compaction's result takes the place of what it was made of")
    names = [
        segment_file_name(base, suffix)
        for base in covered
        for suffix in (*SEGMENT_SUFFIXES, TXN_INDEX_SUFFIX)
        if base != swap.base_offset
    ]
    for base in covered:
        del logs[base]
    logs[swap.base_offset] = swap.name
    return [*(name for name in names if name in sizes), swap.name]
