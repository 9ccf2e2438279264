"""What a partition's folder must become, as a value that can be shown, and written."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

from gomq_dump.repairing.edits import Deeds, Edit
from gomq_dump.repairing.patched import PatchedFile
from gomq_storage.checkpoint import LogCheckpoint
from gomq_storage.files import File

STAGED_SUFFIX: Final = ".repaired"
"""Behind the name of a file that is to take the place of another: worth nothing until it does."""


class Aside(NamedTuple):
    """Bytes that are left out of a log, to be kept under a name of their own."""

    name: str
    source: File
    position: int
    size: int


@dataclass(slots=True)
class PartitionPlan:
    """What a partition's folder must become."""

    directory: Path
    name: str
    deeds: Deeds
    logs: dict[str, PatchedFile] = field(default_factory=dict)
    """Log files that are to be written, by their names."""
    contents: dict[str, bytes] = field(default_factory=dict)
    """Other files that are to be written."""
    removed: list[str] = field(default_factory=list)
    """Files that are to go."""
    kept: list[str] = field(default_factory=list)
    """Files that stay as they are."""
    asides: list[Aside] = field(default_factory=list)
    log_start: int = 0
    log_end: int = 0
    checkpoint: LogCheckpoint = field(default_factory=LogCheckpoint)
    """What the data directory's checkpoints said of it."""

    @property
    def changes(self) -> bool:
        """Whether any file must change."""
        return bool(self.logs or self.contents or self.removed)


def is_zeros(file: File, edit: Edit) -> bool:
    """Whether what an edit leaves out is nothing but zeros, which nobody needs."""
    step = 1 << 20
    end = edit.position + edit.size
    return not any(file.read(start, min(step, end - start)).strip(b"\0") for start in range(edit.position, end, step))


def aside_name(partition: str, log: str, edit: Edit) -> str:
    """Name a file so that it says where its bytes were: partition, segment, byte, and offsets where they are known."""
    offsets = ""
    if edit.first_offset is not None:
        last = edit.last_offset if edit.last_offset is not None else ""
        offsets = f".offsets-{edit.first_offset}-{last}"
    return f"{partition}.{log}.byte-{edit.position}{offsets}.damaged"
