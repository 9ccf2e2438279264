"""The command ``gomq-dump repair``: its arguments, and what it says at the end."""

import argparse
import fcntl
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from gomq_dump.command_parser import CommandParser
from gomq_dump.exit_codes import DAMAGED, SOUND, UNUSABLE
from gomq_dump.progress import progress
from gomq_dump.repairing.copying import write_copy
from gomq_dump.repairing.directory import (
    DirectoryPlan,
    NothingToRepairError,
    is_data_directory,
    partitions_in,
    plan_directory,
)
from gomq_dump.repairing.edits import Action, Deed
from gomq_dump.repairing.in_place import repair_in_place
from gomq_dump.repairing.report import Report
from gomq_dump.repairing.source_files import SourceFiles
from gomq_storage.checkpoint import LogCheckpoint
from gomq_storage.directory import lock_directory
from gomq_storage.errors import DirectoryInUseError, StorageError
from gomq_storage.files import Files
from gomq_storage.layout import LOCK_FILE_NAME, LOG_SUFFIX

_DESCRIPTION: Final = """\
Mend a partition's directory, or a data directory with all its partitions.

Nothing is written without --execute: what would be done is printed, one line for each deed.
"""
_EPILOG: Final = """\
A torn tail is cut off; damaged batches are left out of the log, and what of a batch's header no
checksum covers is put right where its neighbours say what it must be. Offsets stay what they
are: an empty batch stands for those that are gone. Indexes, producer snapshots, leader epochs
and checkpoints that do not agree with the log are made anew. All other batches stay byte for byte.

Exit code: 0 nothing is to be done, or it was done; 1 there is something to do, and nothing was
done; 2 it could not be done.

Examples:
  gomq-dump repair data/orders-0                                what is wrong, and what would be done
  gomq-dump repair data --to mended --execute                   a repaired copy; data is only read
  gomq-dump repair data/orders-0 --in-place --execute           once what changes is copied beside it
  gomq-dump repair data --format json | jq -c 'select(.action=="drop")'
"""


class RepairError(Exception):
    """The repair cannot be done; the message says why, and what to do."""


def main(argv: Sequence[str]) -> int:
    """Run the command and return its exit code."""
    parser = _make_parser()
    try:
        arguments = parser.parse_args(argv)
        _check(parser, arguments)
    except SystemExit as exit_:
        return exit_.code if isinstance(exit_.code, int) else UNUSABLE
    try:
        return _repair(SourceFiles(arguments.directory), arguments)
    except BrokenPipeError:
        raise
    except (NothingToRepairError, RepairError, StorageError) as error:
        return _fail(str(error))
    except OSError as error:
        where = f"{error.filename}: " if error.filename is not None else ""
        return _fail(f"{where}{error.strerror}")


def _make_parser() -> CommandParser:
    parser = CommandParser(
        prog="gomq-dump repair",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("directory", metavar="DIR", type=Path, help="a partition's directory or a data directory")
    target = parser.add_mutually_exclusive_group()
    target.add_argument("--to", metavar="NEWDIR", type=Path, help="write a repaired copy; DIR is only read")
    target.add_argument(
        "--in-place",
        action="store_true",
        help="repair DIR itself, once every file that changes was copied to DIR.before-repair.1 beside it; "
        "refused while a broker uses the data directory",
    )
    parser.add_argument("--execute", action="store_true", help="do it, rather than print what would be done")
    parser.add_argument(
        "--damaged",
        choices=("aside", "drop"),
        default="aside",
        help="keep damaged bytes in files whose names say where they were (the default), or drop them",
    )
    parser.add_format("lines of text (the default), or JSON lines")
    return parser


def _check(parser: CommandParser, arguments: argparse.Namespace) -> None:
    parser.check_format(arguments.format)
    if arguments.execute and arguments.to is None and not arguments.in_place:
        parser.error("--execute needs --to NEWDIR, which leaves DIR as it is, or --in-place")


def _repair(files: Files, arguments: argparse.Namespace) -> int:
    directory = _place_of(files, arguments.directory)
    report = Report(sys.stdout.buffer, is_json=arguments.format == "json")
    if arguments.to is not None:
        _check_target(directory, arguments.to)
    if arguments.in_place and arguments.execute:
        with _locked(_data_directory_of(files, directory)):
            return _plan_and_do(files, directory, arguments, report)
    _warn_of_broker(_data_directory_of(files, directory))
    return _plan_and_do(files, directory, arguments, report)


def _plan_and_do(files: Files, directory: Path, arguments: argparse.Namespace, report: Report) -> int:
    plan = _plan(files, directory, keeps_damaged=arguments.damaged == "aside")
    actions = actions_of(plan)
    for action in actions:
        report.show(action)
    deeds = sum(action.deed is not Deed.NOTE for action in actions)
    if not arguments.execute:
        _say_what_would_be(report, plan, deeds)
        return DAMAGED if deeds else SOUND
    if arguments.in_place:
        where, kept = _do_in_place(files, plan)
    else:
        where, kept = _do_copy(files, plan, arguments.to)
    after = _plan(files, where, keeps_damaged=False, alone=plan.partitions[0].checkpoint if plan.partitions else None)
    left = [action for action in actions_of(after) if action.deed is not Deed.NOTE]
    if left:
        raise RepairError(f"{where} is not sound even now: {left[0].path}: {left[0].reason}; please report this")
    done = f"{_things(deeds)} done" if deeds else "nothing was to be done"
    but = "" if deeds == len(actions) else ", but for what is noted"
    text = f"{done}; {where} is sound{but}" + (f"; see {kept} for what was left out" if kept is not None else "")
    report.close(text, executed=True, actions=deeds, directory=str(where), kept_in=str(kept) if kept else None)
    return SOUND


def actions_of(plan: DirectoryPlan) -> list[Action]:
    """List all that a plan does, in the order in which it is shown."""
    deeds = [plan.deeds, *(partition.deeds for partition in plan.partitions)]
    return [action for each in deeds for action in each.actions]


def _plan(files: Files, directory: Path, *, keeps_damaged: bool, alone: LogCheckpoint | None = None) -> DirectoryPlan:
    total = sum(
        size
        for partition in partitions_in(files, directory)
        for name, size in files.sizes(partition).items()
        if name.endswith(LOG_SUFFIX)
    )
    with progress("reading", total) as advance:
        return plan_directory(files, directory, keeps_damaged=keeps_damaged, alone=alone, progress=advance)


def _say_what_would_be(report: Report, plan: DirectoryPlan, deeds: int) -> None:
    partitions = len(plan.partitions)
    what = f"{partitions} partition{'s' if partitions != 1 else ''}"
    if not deeds:
        report.close(f"{what}: nothing is to be done", executed=False, actions=0)
        return
    how = "add --to NEWDIR --execute for a repaired copy, or --in-place --execute"
    report.close(f"{what}: {_things(deeds)} to do, nothing was written; {how}", executed=False, actions=deeds)


def _things(count: int) -> str:
    return f"{count} thing{'s' if count != 1 else ''}"


def _do_copy(files: Files, plan: DirectoryPlan, target: Path) -> tuple[Path, Path | None]:
    target = Path(os.path.abspath(target))
    asides = target.with_name(target.name + ".damaged")
    with progress("writing", _bytes_to_write(files, plan, with_kept=True)) as advance:
        write_copy(files, plan, target, asides=asides, progress=advance)
    return target, asides if any(partition.asides for partition in plan.partitions) else None


def _do_in_place(files: Files, plan: DirectoryPlan) -> tuple[Path, Path | None]:
    where = plan.partitions[0].directory if plan.is_one_partition else plan.directory
    if not plan.changes:
        return where, None
    number = 1
    while files.exists(backup := plan.directory.with_name(f"{plan.directory.name}.before-repair.{number}")):
        number += 1
    try:
        with progress("writing", _bytes_to_write(files, plan, with_kept=False)) as advance:
            repair_in_place(files, plan, backup, advance)
    except OSError as error:
        reason = f"{error.filename or plan.directory}: {error.strerror}"
        if not files.exists(backup):
            raise RepairError(f"{reason}; nothing was changed, there is no place for a copy of what changes") from error
        raise RepairError(f"{reason}; files that were changed are as they were in {backup}; run it again") from error
    return where, backup


def _bytes_to_write(files: Files, plan: DirectoryPlan, *, with_kept: bool) -> int:
    total = 0
    for partition in plan.partitions:
        sizes = files.sizes(partition.directory) if with_kept else {}
        total += sum(log.size() for log in partition.logs.values())
        total += sum(sizes.get(name, 0) for name in partition.kept)
    return total


def _check_target(directory: Path, target: Path) -> None:
    if target.is_symlink() or target.is_mount():
        raise RepairError(f"{target} is a link or a mount point, which no directory can take the place of")
    if Path(os.path.realpath(target)).is_relative_to(os.path.realpath(directory)):
        raise RepairError(f"{target} is in what is to be repaired, which stays as it is; name another directory")
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise RepairError(f"{target} is there already and not empty; name a directory that is not there yet")
    if not target.absolute().parent.is_dir():
        raise RepairError(f"{target.absolute().parent} is no directory; make it first")


def _place_of(files: Files, path: Path) -> Path:
    """Find out where a directory is: in the data directory that it is named in, or where a link to it leads."""
    named = Path(os.path.abspath(path))
    return named if _data_directory_of(files, named) is not None else Path(os.path.realpath(path))


def _data_directory_of(files: Files, directory: Path) -> Path | None:
    """Find the data directory that a broker would lock; None for a partition's folder that is in none."""
    if partitions_in(files, directory) != [directory]:
        return directory
    return directory.parent if is_data_directory(files, directory.parent) else None


@contextmanager
def _locked(data: Path | None) -> Iterator[None]:
    """Keep brokers out while the body runs."""
    try:
        lock = lock_directory(data) if data is not None else -1
    except DirectoryInUseError as error:
        raise RepairError(f"a broker is using {data}: stop it first, or write a copy with --to NEWDIR") from error
    try:
        yield
    finally:
        if lock >= 0:
            os.close(lock)


def _warn_of_broker(data: Path | None) -> None:
    """Say that a broker is at work: what it writes meanwhile may look torn. It is asked for both kinds of lock."""
    if data is None:
        return
    try:
        lock = os.open(data / LOCK_FILE_NAME, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return  # there is none, or it is somebody else's: then this can only read, too
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        fcntl.lockf(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        print(
            f"gomq-dump: a broker is using {data}; what it writes meanwhile may look damaged. Stop it for a repair.",
            file=sys.stderr,
        )
    finally:
        os.close(lock)


def _fail(message: str) -> int:
    print(f"gomq-dump: {message}", file=sys.stderr)
    return UNUSABLE
