"""A repair that is killed, or that the power or the disk fails, loses nothing: it can be run again."""

import errno
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gomq_dump.repairing.copying import write_copy
from gomq_dump.repairing.directory import DirectoryPlan, plan_directory
from gomq_dump.repairing.in_place import repair_in_place
from gomq_storage.batch import walk
from tests.support.log_batches import numbered
from tests.support.memory_files import MemoryFiles
from tests.support.small_log import SIZE, filled

NAME = "orders-0"
INTACT = [number for number in range(8) if number not in {1, 7}]


Work = Callable[[MemoryFiles, DirectoryPlan], None]


def _damaged_contents() -> dict[str, bytes]:
    files, log = filled(8)
    log.close()
    contents = files.snapshot(files.root)
    first, last = (name for name in contents if name.endswith(".log"))
    body = bytearray(contents[first])
    body[2 * SIZE - 1] ^= 1
    contents[first], contents[last] = bytes(body), contents[last][:-3]
    del contents["recovery-point-offset-checkpoint"]  # of a log of its own
    return contents


CONTENTS = _damaged_contents()
CHECKPOINT = b"0\n1\norders 0 24\n"


def damaged() -> MemoryFiles:
    """Make a data directory with a partition of two segments, a batch of each damaged."""
    files = MemoryFiles()
    directory = files.root / "data" / NAME
    for path in (directory.parent, directory):
        files.make_directory(path)
        files.sync_directory(path.parent)
    for name, content in CONTENTS.items():
        if name != ".kafka_cleanshutdown":
            files.put(directory / name, content)
    files.put(directory.parent / "recovery-point-offset-checkpoint", CHECKPOINT)
    files.put(directory.parent / ".kafka_cleanshutdown", b"{}")
    return files


def data(files: MemoryFiles) -> Path:
    return files.root / "data"


def ignore(_: int) -> None:
    """Nobody looks."""


def copy(files: MemoryFiles, plan: DirectoryPlan) -> None:
    write_copy(files, plan, files.root / "new", asides=files.root / "new.damaged", progress=ignore)


def in_place(files: MemoryFiles, plan: DirectoryPlan) -> None:
    number = 1
    while files.exists(backup := files.root / f"data.before-repair.{number}"):
        number += 1
    repair_in_place(files, plan, backup, ignore)


def tree(files: MemoryFiles, directory: Path) -> dict[str, dict[str, bytes]]:
    """Look at a data directory: its own files, and its partition's."""
    return {"": files.snapshot(directory), NAME: files.snapshot(directory / NAME)}


def intact_batches(files: MemoryFiles, directory: Path) -> list[bytes]:
    logs = [content for name, content in files.snapshot(directory / NAME).items() if name.endswith(".log")]
    records = [log[position : position + header.size] for log in logs for position, header in walk(log)]
    return [raw for raw in records if len(raw) == SIZE]


def assert_mended(files: MemoryFiles, directory: Path) -> None:
    assert not plan_directory(files, directory).changes
    found = intact_batches(files, directory)
    assert [raw[16:] for raw in found] == [numbered(number)[16:] for number in INTACT]


def calls_of(work: Work) -> int:
    """Count the calls that a repair makes when nothing goes wrong, from the end of its planning on."""
    files = damaged()
    plan = plan_directory(files, data(files))
    before = files.calls
    work(files, plan)
    return files.calls - before


def interrupted(work: Work, call: int, *, forever: bool, error: int = errno.EIO) -> Iterator[MemoryFiles]:
    files = damaged()
    plan = plan_directory(files, data(files))
    files.fail_call(files.calls + call, error=error, forever=forever)
    with pytest.raises(OSError):  # noqa: PT011 - any
        work(files, plan)
    files.fail_when(None)
    yield files


@pytest.mark.parametrize("work", [copy, in_place])
def test_a_repair_that_nothing_interrupts_is_sound(work) -> None:
    files = damaged()
    source = tree(files, data(files))
    plan = plan_directory(files, data(files))
    assert plan.changes
    work(files, plan)
    if work is copy:
        assert tree(files, data(files)) == source
    assert_mended(files.crash(), files.root / ("new" if work is copy else "data"))


def test_a_copy_is_there_as_a_whole_or_not_at_all_wherever_the_power_goes() -> None:
    for call in range(calls_of(copy)):
        for files in interrupted(copy, call, forever=True):
            after = files.crash(seed=call)
            assert tree(after, data(after)) == tree(damaged(), data(after))
            if after.exists(after.root / "new"):
                assert_mended(after, after.root / "new")
            elif call % 4 == 0:
                copy(after, plan_directory(after, data(after)))
                assert_mended(after, after.root / "new")


def test_a_repair_in_place_can_be_run_again_wherever_the_power_goes() -> None:
    for call in range(calls_of(in_place)):
        for files in interrupted(in_place, call, forever=True):
            after = files.crash(seed=call)
            plan = plan_directory(after, data(after))
            if plan.changes:
                in_place(after, plan)
            assert_mended(after, data(after))


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO])
def test_a_disk_that_fails_before_anything_is_in_its_place_leaves_all_as_it_was(error: int) -> None:
    total = calls_of(in_place)
    unchanged = 0
    for call in range(0, total, 3):
        for files in interrupted(in_place, call, forever=False, error=error):
            if tree(files, data(files)) == tree(damaged(), data(files)):
                unchanged += 1
            else:
                in_place(files, plan_directory(files, data(files)))
                assert_mended(files, data(files))
    assert unchanged > total // 6


def test_what_changes_in_place_is_kept_beside_it() -> None:
    files = damaged()
    before = tree(files, data(files))
    in_place(files, plan_directory(files, data(files)))
    backup = tree(files, files.root / "data.before-repair.1")
    after = tree(files, data(files))
    for folder, contents in before.items():
        for name, content in contents.items():
            assert after[folder].get(name) == content or backup[folder][name] == content
    aside = backup[""][f"{NAME}.00000000000000000000.log.byte-{SIZE}.offsets-3-5.damaged"]
    assert aside == CONTENTS["00000000000000000000.log"][SIZE : 2 * SIZE]
