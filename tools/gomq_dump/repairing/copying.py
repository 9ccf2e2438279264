"""Write a repaired copy of a directory; what is repaired is only read."""

from pathlib import Path
from typing import Final

from gomq_dump.repairing.directory import DirectoryPlan
from gomq_dump.repairing.plan import PartitionPlan
from gomq_dump.repairing.staging import (
    Progress,
    chunks_of,
    copy_synced,
    ensure_directory,
    remove_tree,
    write_synced,
)
from gomq_storage.files import Files

PARTIAL_SUFFIX: Final = ".gomq-dump-partial"
"""Behind a directory's name while it is being written: worth nothing."""


def write_copy(files: Files, plan: DirectoryPlan, target: Path, *, asides: Path, progress: Progress) -> None:
    """Write a repaired copy.

    1. Write all of it to ``<target>.gomq-dump-partial``, every file and name synced.  2. Keep damaged bytes aside.
    3. Rename the copy to its own name, and sync that. Interrupted before, there is no copy; the next call begins anew.

    Args:
        files: the file system.
        plan: what to write.
        target: the copy; nothing, or an empty directory.
        asides: the directory that damaged bytes go to, made where it is missing.
        progress: told how many bytes are written.

    Raises:
        OSError: it could not be written; there is no copy.
    """
    partial = target.with_name(target.name + PARTIAL_SUFFIX)
    remove_tree(files, partial)
    files.make_directory(partial)
    try:
        _write(files, plan, partial, progress)
        for partition in plan.partitions:
            keep_aside(files, partition, asides)
        files.rename(partial, target)
    except BaseException:
        remove_tree(files, partial)
        raise
    files.sync_directory(target.parent)


def _write(files: Files, plan: DirectoryPlan, partial: Path, progress: Progress) -> None:
    if plan.is_one_partition:
        own = plan.contents if plan.is_alone else {}
        _write_partition(files, plan.partitions[0], partial, own, progress)
        return
    for name in plan.kept:
        copy_synced(files, plan.directory / name, partial / name)
    for name, content in plan.contents.items():
        write_synced(files, partial / name, [content])
    for partition in plan.partitions:
        files.make_directory(partial / partition.name)
        _write_partition(files, partition, partial / partition.name, {}, progress)
    files.sync_directory(partial)


def _write_partition(
    files: Files, plan: PartitionPlan, target: Path, own: dict[str, bytes], progress: Progress
) -> None:
    for name, log in plan.logs.items():
        write_synced(files, target / name, log.chunks(), progress)
    for name, content in {**plan.contents, **own}.items():
        write_synced(files, target / name, [content])
    for name in plan.kept:
        copy_synced(files, plan.directory / name, target / name, progress)
    files.sync_directory(target)


def keep_aside(files: Files, plan: PartitionPlan, asides: Path) -> None:
    """Keep the bytes that a partition's log is without from now on."""
    if not plan.asides:
        return
    ensure_directory(files, asides)
    for aside in plan.asides:
        write_synced(files, asides / aside.name, chunks_of(aside.source, aside.position, aside.size))
    files.sync_directory(asides)
    files.sync_directory(asides.parent)
