"""Work out what must change in a data directory: its partitions, and the checkpoints that speak of them.

A partition's folder may also be repaired alone. If it lies in a data directory, the checkpoints there tell about it,
and in place they are mended with it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from gomq_dump.reading.kinds import OFFSET_TABLES, parse_partition_file
from gomq_dump.repairing.edits import Deed, Deeds
from gomq_dump.repairing.identity import mend_identity
from gomq_dump.repairing.metadata_snapshots import note_damaged_snapshots
from gomq_dump.repairing.partition import plan_partition
from gomq_dump.repairing.plan import PartitionPlan
from gomq_storage.checkpoint import MAX_FILE_BYTES, LogCheckpoint
from gomq_storage.checkpoint_text import decode_offsets, encode_offsets
from gomq_storage.errors import CorruptFileError
from gomq_storage.files import Files, read_whole
from gomq_storage.layout import (
    CLEAN_SHUTDOWN_FILE_NAME,
    CLEANER_OFFSET_FILE_NAME,
    LOCK_FILE_NAME,
    LOG_START_FILE_NAME,
    META_PROPERTIES_FILE_NAME,
    RECOVERY_POINT_FILE_NAME,
    TopicPartition,
    is_deleted_directory_name,
    parse_partition_directory_name,
)
from gomq_storage.log_notes import ALONE

_Tables = dict[str, dict[TopicPartition, int]]
_SIGNS: Final = (META_PROPERTIES_FILE_NAME, LOCK_FILE_NAME, *OFFSET_TABLES)
"""Of a data directory."""
_NEVER_COPIED: Final = frozenset({CLEAN_SHUTDOWN_FILE_NAME, LOCK_FILE_NAME})


class NothingToRepairError(Exception):
    """A directory is neither a partition's nor a data directory."""


@dataclass(slots=True)
class DirectoryPlan:
    """What a directory and the partitions in it must become."""

    directory: Path
    """Where the checkpoints are: the data directory, or the folder of a log of its own."""
    partitions: list[PartitionPlan]
    is_one_partition: bool
    """Whether only a partition's folder was asked for."""
    deeds: Deeds = field(default_factory=lambda: Deeds(""))
    """What is done to the directory's own files."""
    contents: dict[str, bytes] = field(default_factory=dict)
    removed: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    has_marker: bool = False
    """Whether the directory says that it was left in order."""

    @property
    def changes(self) -> bool:
        """Whether any file must change."""
        return bool(self.contents or self.removed or any(partition.changes for partition in self.partitions))

    @property
    def is_alone(self) -> bool:
        """Whether it is a partition's folder that is no part of a data directory."""
        return self.is_one_partition and self.partitions[0].directory == self.directory


def plan_directory(
    files: Files,
    path: Path,
    *,
    keeps_damaged: bool = True,
    alone: LogCheckpoint | None = None,
    progress: Callable[[int], object] = lambda _: None,
) -> DirectoryPlan:
    """Work out what must change in a partition's folder, or in a data directory.

    Args:
        files: the file system.
        path: the directory.
        keeps_damaged: whether bytes that are left out are to be kept aside.
        alone: what is known of a partition's folder that is no part of a data directory, and has no checkpoints.
        progress: told how many bytes of logs are done.

    Raises:
        NothingToRepairError: it is neither.
        OSError: something cannot be read.
        DamagedLogError: a log would not be sound even then.
    """
    chosen = partitions_in(files, path)
    is_one = chosen == [path]
    root = path.parent if is_one and is_data_directory(files, path.parent) else path
    plan = DirectoryPlan(root, [], is_one, Deeds(path.name if root == path and is_one else ""))
    sizes = files.sizes(root)
    tables = _read_tables(files, plan, sizes)
    known: dict[TopicPartition, PartitionPlan] = {}
    for directory in chosen:
        partition = parse_partition_directory_name(directory.name) or ALONE
        if root == directory:
            partition = ALONE
        checkpoint = _checkpoint_of(partition, tables)
        if partition == ALONE and alone is not None:
            checkpoint = alone
        planned = plan_partition(
            files,
            directory,
            name=directory.name,
            checkpoint=checkpoint,
            keeps_damaged=keeps_damaged,
            progress=progress,
        )
        plan.partitions.append(planned)
        known[partition] = planned
    _mend_tables(plan, tables, known)
    _mend_own_files(files, plan, sizes)
    return plan


def partitions_in(files: Files, path: Path) -> list[Path]:
    """List the partitions' folders that a path stands for: itself, or those in it.

    Raises:
        NothingToRepairError: there are none.
    """
    names, sizes = files.names(path), files.sizes(path)
    if any(parse_partition_file(name) is not None for name in sizes):
        return [path]
    found = sorted(
        (partition, name) for name in names if (partition := parse_partition_directory_name(name)) is not None
    )
    folders = [path / name for _, name in found if name not in sizes]
    if not folders and not is_data_directory(files, path):
        raise NothingToRepairError(
            f"{path} has neither segment files (00000000000000000000.log) nor partitions (orders-0)"
        )
    return folders


def is_data_directory(files: Files, path: Path) -> bool:
    """Whether a directory has what brokers keep beside their partitions."""
    return any(files.exists(path / name) for name in _SIGNS)


def _read_tables(files: Files, plan: DirectoryPlan, sizes: Mapping[str, int]) -> _Tables:
    """Read the checkpoints; those that cannot be read are to go, as a broker would make nothing of them."""
    tables: _Tables = {}
    for name in OFFSET_TABLES:
        if name in sizes:
            try:
                tables[name] = decode_offsets(read_whole(files, plan.directory / name, max_bytes=MAX_FILE_BYTES))
            except CorruptFileError as error:
                plan.removed.append(name)
                plan.deeds.add(
                    Deed.REMOVE, name, f"{error.reason}; a broker does without, and looks at all of the logs"
                )
    return tables


def _checkpoint_of(partition: TopicPartition, tables: _Tables) -> LogCheckpoint:
    return LogCheckpoint(
        recovery_point=tables.get(RECOVERY_POINT_FILE_NAME, {}).get(partition, 0),
        log_start=tables.get(LOG_START_FILE_NAME, {}).get(partition, 0),
        first_dirty=tables.get(CLEANER_OFFSET_FILE_NAME, {}).get(partition),
    )


def _mend_tables(plan: DirectoryPlan, tables: _Tables, known: Mapping[TopicPartition, PartitionPlan]) -> None:
    """See that no checkpoint speaks of offsets that a log does not have any more."""
    for name, offsets in tables.items():
        mended = dict(offsets)
        for partition, offset in offsets.items():
            planned = known.get(partition)
            if planned is None or offset <= planned.log_end:
                continue
            reason = f"{partition} is at {offset} in it, the log ends at {planned.log_end}"
            if name == LOG_START_FILE_NAME:
                del mended[partition]  # anything else would delete messages that are there
                reason += ": it starts with its first segment, deleted messages may be back"
            else:
                mended[partition] = planned.log_end
            plan.deeds.add(Deed.MEND, name, reason)
        if mended != offsets:
            plan.contents[name] = encode_offsets(mended)


def _mend_own_files(files: Files, plan: DirectoryPlan, sizes: Mapping[str, int]) -> None:
    """Sort out the other files of a data directory."""
    plan.has_marker = CLEAN_SHUTDOWN_FILE_NAME in sizes
    if plan.is_alone:
        own = {*plan.contents, *plan.removed, *_NEVER_COPIED}
        plan.partitions[0].kept = [name for name in plan.partitions[0].kept if name not in own]
        return
    if META_PROPERTIES_FILE_NAME in sizes:
        content = read_whole(files, plan.directory / META_PROPERTIES_FILE_NAME, max_bytes=MAX_FILE_BYTES)
        mended = mend_identity(content)
        if mended is None:
            plan.removed.append(META_PROPERTIES_FILE_NAME)
            reason = "it does not say whose directory this is; a broker makes a new one, with a new cluster id"
            plan.deeds.add(Deed.REMOVE, META_PROPERTIES_FILE_NAME, reason)
        elif mended != content:
            plan.contents[META_PROPERTIES_FILE_NAME] = mended
            reason = "its directory.id cannot be, and is left out; Kafka makes a new one, GoMQ does without"
            plan.deeds.add(Deed.MEND, META_PROPERTIES_FILE_NAME, reason)
    note_damaged_snapshots(files, plan.directory, sizes, plan.deeds)
    left_out = {*plan.contents, *plan.removed, *_NEVER_COPIED}
    plan.kept = [name for name in sorted(sizes) if name not in left_out]
    folders = {partition.directory.name for partition in plan.partitions}
    for name in files.names(plan.directory):
        if not plan.is_one_partition and name not in sizes and name not in folders:
            reason = "it is being deleted" if is_deleted_directory_name(name) else "it is no partition's folder"
            plan.deeds.add(Deed.NOTE, name, f"{reason}, and is left alone; a copy is made without it")
