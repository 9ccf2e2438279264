"""Repair a directory where it is, once everything that changes was copied beside it.

The files that take the place of others are written beside them first, as ``<name>.repaired``. So each file is the old
one or the new one, whenever the power goes; and the new ones do not depend on each other, so that the next repair
finds what is left to do.
"""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from gomq_dump.repairing.copying import keep_aside
from gomq_dump.repairing.directory import DirectoryPlan
from gomq_dump.repairing.plan import STAGED_SUFFIX, PartitionPlan
from gomq_dump.repairing.staging import Progress, copy_synced, ensure_directory, write_synced
from gomq_storage.files import Files
from gomq_storage.layout import (
    CLEAN_SHUTDOWN_FILE_NAME,
    LOG_SUFFIX,
    OFFSET_INDEX_SUFFIX,
    SWAP_SUFFIX,
    TIME_INDEX_SUFFIX,
    TXN_INDEX_SUFFIX,
)


class _Folder(NamedTuple):
    """What changes in one directory."""

    path: Path
    backup: Path
    new: dict[str, Iterable[bytes]]
    removed: list[str]
    doomed_indexes: list[str]
    """Indexes of logs that change: they must be gone before the log changes, a wrong one is worse than none."""


def repair_in_place(files: Files, plan: DirectoryPlan, backup: Path, progress: Progress) -> None:
    """Repair a directory where it is.

    1. Copy every file that changes or goes to the backup, the damaged bytes too, and sync all of it.
    2. Write each new file beside the one it is for, and sync it.
    3. Take away the marker of a clean stop, so that the next broker checks what it finds.
    4. The data directory's files, then each partition's: remove the indexes of logs that change, rename the new files
       into their places, remove what goes; the names are synced after each of these.

    Interrupted in front of 3, nothing has changed; later, each file is the old one or the new one: run it again.

    Args:
        files: the file system.
        plan: what to do.
        backup: a directory for what changes; it must not be there, and its parent must.
        progress: told how many bytes are written.

    Raises:
        OSError: something failed. In front of step 3 the directory is as it was.
    """
    folders = list(_folders(plan, backup))
    try:
        _back_up(files, plan, folders, backup)
        for folder in folders:
            for name, chunks in folder.new.items():
                write_synced(files, folder.path / (name + STAGED_SUFFIX), chunks, progress)
            files.sync_directory(folder.path)
    except BaseException:
        _remove_staged(files, folders)
        raise
    if plan.has_marker:
        files.remove(plan.directory / CLEAN_SHUTDOWN_FILE_NAME)
        files.sync_directory(plan.directory)
    for folder in folders:
        _put_into_place(files, folder)


def _folders(plan: DirectoryPlan, backup: Path) -> Iterator[_Folder]:
    if plan.contents or plan.removed or plan.has_marker:
        own = {name: [content] for name, content in plan.contents.items()}
        yield _Folder(plan.directory, backup, dict(own), plan.removed, [])
    for partition in plan.partitions:
        if partition.changes:
            yield _folder_of(partition, backup if plan.is_alone else backup / partition.name)


def _folder_of(plan: PartitionPlan, backup: Path) -> _Folder:
    doomed = [
        name.removesuffix(LOG_SUFFIX) + suffix
        for name in plan.logs
        for suffix in (OFFSET_INDEX_SUFFIX, TIME_INDEX_SUFFIX, TXN_INDEX_SUFFIX)
    ]
    logs = {name: log.chunks() for name, log in plan.logs.items()}
    contents = {name: [content] for name, content in plan.contents.items()}
    return _Folder(plan.directory, backup, {**logs, **contents}, plan.removed, doomed)


def _back_up(files: Files, plan: DirectoryPlan, folders: list[_Folder], backup: Path) -> None:
    files.make_directory(backup)
    for folder in folders:
        ensure_directory(files, folder.backup)
        names = {*folder.new, *folder.removed}
        if folder.path == plan.directory and plan.has_marker:
            names.add(CLEAN_SHUTDOWN_FILE_NAME)
        for name in sorted(names & files.sizes(folder.path).keys()):
            copy_synced(files, folder.path / name, folder.backup / name)
        files.sync_directory(folder.backup)
    for partition in plan.partitions:
        keep_aside(files, partition, backup)
    files.sync_directory(backup)
    files.sync_directory(backup.parent)


def _put_into_place(files: Files, folder: _Folder) -> None:
    there = files.sizes(folder.path).keys()
    doomed = [name for name in folder.doomed_indexes if name in there and name in folder.new]
    _remove(files, folder.path, doomed)
    for name in folder.new:
        files.rename(folder.path / (name + STAGED_SUFFIX), folder.path / name)
    files.sync_directory(folder.path)
    # What an interrupted compaction covers must be gone for good before the file that says so.
    for is_swap in (False, True):
        going = [name for name in folder.removed if name in there and name.endswith(SWAP_SUFFIX) is is_swap]
        _remove(files, folder.path, going)


def _remove(files: Files, directory: Path, names: list[str]) -> None:
    for name in names:
        files.remove(directory / name)
    if names:
        files.sync_directory(directory)


def _remove_staged(files: Files, folders: list[_Folder]) -> None:
    for folder in folders:
        for name in folder.new:
            with suppress(OSError):
                files.remove(folder.path / (name + STAGED_SUFFIX))
