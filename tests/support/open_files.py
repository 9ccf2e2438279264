"""Files that are made for a test of descriptors, and those that this process has open."""

import os
from pathlib import Path

from gomq_storage.files import OsFile, OsFiles


def open_below(directory: Path) -> list[str]:
    """List the files of a directory that this process has open, by name, one for each descriptor."""
    found = []
    for entry in Path("/proc/self/fd").iterdir():
        try:
            target = Path(os.readlink(entry))
        except FileNotFoundError:
            continue
        if target.parent == directory:
            found.append(target.name)
    return sorted(found)


def open_sockets() -> int:
    """Count the sockets that this process has open."""
    count = 0
    for entry in Path("/proc/self/fd").iterdir():
        try:
            count += os.readlink(entry).startswith("socket:")
        except FileNotFoundError:
            continue
    return count


def made(directory: Path, count: int, *, max_open: int) -> list[OsFile]:
    """Make files that hold their number."""
    files = OsFiles(max_open)
    made = [files.open(directory / str(number), create=True) for number in range(count)]
    for number, file in enumerate(made):
        file.write(0, [str(number).encode()])
    return made
