"""Snapshots of KRaft's metadata, ``<offset>-<epoch>.checkpoint`` and ``bootstrap.checkpoint``.

Nothing can mend what is damaged in them.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from gomq_dump.repairing.edits import Deed, Deeds
from gomq_dump.repairing.patched import virtual_segment
from gomq_dump.repairing.pieces import Damaged, LogPieces
from gomq_storage.files import Files

SUFFIX: Final = ".checkpoint"


def note_damaged_snapshots(files: Files, directory: Path, sizes: Mapping[str, int], deeds: Deeds) -> None:
    """Note which snapshots of a directory are damaged; they stay as they are.

    Args:
        files: the file system.
        directory: a partition's folder, or a data directory.
        sizes: its files.
        deeds: told of them.
    """
    for name in sorted(sizes):
        if not name.endswith(SUFFIX):
            continue
        pieces = LogPieces(virtual_segment(0, files.open(directory / name), sizes[name]))
        damaged = next((piece for piece in pieces if isinstance(piece, Damaged) or piece.wrong), None)
        if damaged is not None:
            reason = "it is a snapshot of a cluster's metadata, damaged, which only another controller's can replace"
            deeds.add(Deed.NOTE, name, f"{reason}; it stays as it is (byte {damaged.position})")
