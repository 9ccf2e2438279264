"""Plan repairs of partitions in memory, and look at what they would come to."""

from collections.abc import Mapping
from pathlib import Path

from gomq_dump.repairing.copying import write_copy
from gomq_dump.repairing.directory import plan_directory
from gomq_dump.repairing.edits import Action
from gomq_dump.repairing.partition import plan_partition
from gomq_dump.repairing.plan import PartitionPlan
from gomq_storage.batch import walk
from gomq_storage.checkpoint import LogCheckpoint
from tests.support.memory_files import MemoryFiles
from tests.support.sound_log import CLOSED, put, segment

NAME = "orders-0"


def plan(files: MemoryFiles, checkpoint: LogCheckpoint | None = None) -> PartitionPlan:
    """Plan the repair of a partition that is all of the file system."""
    return plan_partition(files, files.root, name=NAME, checkpoint=checkpoint)


def log_deeds(planned: PartitionPlan) -> list[tuple[str, int | None, int | None, int | None]]:
    """List what is done to batches: the deed, its byte, and the offsets it is about."""
    return [
        (action.deed.value, action.position, action.first_offset, action.last_offset)
        for action in planned.deeds.actions
        if action.position is not None
    ]


def deeds(actions: list[Action]) -> dict[str, str]:
    """Map each file that something is done to as a whole to what is done."""
    return {action.path.rpartition("/")[2]: action.deed.value for action in actions if action.position is None}


def changed(
    position: int, content: bytes, *, base_offset: int = 18, files: Mapping[str, bytes] = CLOSED
) -> MemoryFiles:
    """Put the sound log on a device, some bytes of one of its segments written over."""
    log = bytearray(files[segment(base_offset)])
    log[position : position + len(content)] = content
    return put({**files, segment(base_offset): bytes(log)})


def batches_in(log: bytes) -> dict[int, bytes]:
    """Take a log file apart: base offsets and batches."""
    return {header.base_offset: log[position : position + header.size] for position, header in walk(log)}


def mended(files: MemoryFiles) -> dict[str, bytes]:
    """Repair the log that is all of a file system into a copy, and return the copy's files."""
    device = MemoryFiles()
    source = device.root / NAME
    device.make_directory(source)
    for name, content in files.snapshot(files.root).items():
        device.put(source / name, content)
    target: Path = device.root / "mended"
    planned = plan_directory(device, source)
    write_copy(device, planned, target, asides=device.root / "aside", progress=lambda _: None)
    assert not plan_directory(device, target).changes
    return device.snapshot(target)
