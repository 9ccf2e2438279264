"""What is said of partitions as a whole instead of showing what is in them: ``--verify``, ``--stats``, the summary.

Each is imported only when it is asked for.
"""

import argparse
from collections.abc import Sequence
from typing import BinaryIO

from gomq_dump.reading.paths import SegmentFile
from gomq_dump.selecting.selection import Selection


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that ask for something of the whole."""
    group = parser.add_argument_group(
        "checking and counting", "Nothing of what is in the files is shown then, and nothing can be selected."
    )
    group.add_argument(
        "--verify",
        action="store_true",
        help="check logs, indexes, snapshots and checkpoints against each other, and say what is wrong",
    )
    group.add_argument("--deep", action="store_true", help="verify every record too, which takes many times as long")
    group.add_argument(
        "--stats", action="store_true", help="how much there is, in which codecs, of what sizes and from when"
    )


def check_arguments(arguments: argparse.Namespace, selection: Selection) -> None:
    """See that what was asked for goes together.

    Raises:
        ValueError: it does not; the message says why.
    """
    option = "--stats" if arguments.stats else "--verify" if arguments.verify or arguments.deep else None
    if option is None:
        return
    if arguments.stats and (arguments.verify or arguments.deep):
        raise ValueError("--stats and --verify: ask for one after the other, each reads all there is")
    if arguments.records or arguments.format_string is not None:
        raise ValueError(f"{option} shows nothing of what is in the files: leave out --records, --decode and -f")
    if not selection.is_all:
        raise ValueError(f"{option} is about all there is: nothing can be selected beside it but --partition")


def answer(
    files: Sequence[SegmentFile], arguments: argparse.Namespace, selection: Selection, out: BinaryIO
) -> int | None:
    """Say something of files as a whole, if that was asked for, and return the exit code; else return None."""
    if arguments.stats:
        from gomq_dump.summing.counting import count  # noqa: PLC0415 - only what is asked for

        return count(files, arguments, out)
    if arguments.verify or arguments.deep:
        from gomq_dump.checks.command import verify  # noqa: PLC0415

        return verify(files, arguments, out)
    shows_all = not arguments.records and arguments.format_string is None and selection.is_all
    if shows_all and arguments.data is None:
        from gomq_dump.summing.summary import sum_up  # noqa: PLC0415

        return sum_up(files, arguments, out)
    return None
