"""The command ``gomq-dump import``: JSON lines to logs."""

import argparse
import json
import os
import sys
import time
from codecs import BOM_UTF8
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import BinaryIO, Final

from gomq_dump.command_parser import CommandParser
from gomq_dump.exit_codes import SOUND, UNUSABLE
from gomq_dump.importing.batches import UnfinishedBatchError
from gomq_dump.importing.lines import MAX_LINE_BYTES, LineError, read_line
from gomq_dump.importing.target import Options, Target
from gomq_dump.progress import progress
from gomq_storage.compression import Codec
from gomq_storage.config import MAX_SEGMENT_BYTES, MIN_SEGMENT_BYTES
from gomq_storage.errors import StorageError
from gomq_storage.files import OsFiles
from gomq_storage.layout import MAX_PARTITION, topic_name_problem

_DESCRIPTION: Final = """\
Make a partition's directory, or a data directory that gomq serve opens, of JSON lines.
"""
_EPILOG: Final = """\
FILE is what gomq-dump export writes, or lines written by hand: {"value": "text"} is enough, and
topic, partition, offset, timestamp (ms), key and headers may be given; bytes that are no text are
in key_base64 and value_base64. A null value is a tombstone.

DIR must not be there, or be empty. A name such as orders-0 makes that partition's directory; any
other makes a data directory, with a directory for each partition that the lines name.

Exit code: 0 it is made; 2 it is not, and nothing is left of it.

Examples:
  gomq-dump import orders.jsonl --to copy/orders-0
  gomq-dump import everything.jsonl --to data && gomq serve --data data
  echo '{"value": "first order", "key": "42"}' | gomq-dump import - --to data --topic orders
"""


class _UnusableError(Exception):
    """There is nothing to import, or nowhere to go with it."""


class _BadLineError(Exception):
    """A line cannot be used."""


def main(argv: Sequence[str]) -> int:
    """Run the command and return its exit code."""
    parser = _make_parser()
    try:
        arguments = parser.parse_args(argv)
        parser.check_format(arguments.format)
    except SystemExit as exit_:
        return exit_.code if isinstance(exit_.code, int) else UNUSABLE
    try:
        return _check_and_import(arguments)
    except (_UnusableError, StorageError) as error:
        print(f"gomq-dump: {error}", file=sys.stderr)
        return UNUSABLE


def _check_and_import(arguments: argparse.Namespace) -> int:
    target = Path(os.path.abspath(arguments.to))
    if target.is_symlink() or target.is_mount():
        raise _UnusableError(f"{arguments.to} is a link or a mount point, which no directory can take the place of")
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise _UnusableError(f"{arguments.to} is there already and not empty; name a directory that is not there yet")
    if not target.parent.is_dir():
        raise _UnusableError(f"{target.parent} is no directory; make it first")
    try:
        with _opened(arguments.file) as (file, size):
            made = _import(file, size, target, arguments)
    except _BadLineError as error:
        name = "standard input" if arguments.file == "-" else arguments.file
        raise _UnusableError(f"{name}:{error}") from error
    except BrokenPipeError:
        raise
    except OSError as error:
        raise _UnusableError(f"{error.filename or arguments.file}: {error.strerror}") from error
    _say(made, is_json=arguments.format == "json")
    return SOUND


def _make_parser() -> CommandParser:
    parser = CommandParser(
        prog="gomq-dump import",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("file", metavar="FILE", help="JSON lines; - is standard input")
    parser.add_argument("--to", metavar="DIR", required=True, help="the directory to make")
    parser.add_argument("--topic", type=_topic, metavar="NAME", help="the topic of lines that name none")
    parser.add_argument(
        "--partition", type=_number(0, MAX_PARTITION), default=0, metavar="N", help="theirs; 0 if not given"
    )
    parser.add_argument(
        "--codec",
        choices=[codec.name.lower() for codec in Codec],
        default="none",
        help="how to compress records that come without a batch; none if not given",
    )
    parser.add_argument(
        "--segment-bytes",
        type=_number(MIN_SEGMENT_BYTES, MAX_SEGMENT_BYTES),
        metavar="N",
        help="begin a new segment at this size, rather than where the exported ones began",
    )
    parser.add_format("how to say what was made: a line of text (the default), or of JSON")
    return parser


def _topic(text: str) -> str:
    if (problem := topic_name_problem(text)) is not None:
        raise argparse.ArgumentTypeError(problem)
    return text


def _number(low: int, high: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        if not text.isascii() or not text.isdecimal() or not low <= int(text) <= high:
            raise argparse.ArgumentTypeError(f"a number from {low} to {high}, not {text!r}")
        return int(text)

    return number


def _import(file: BinaryIO, size: int | None, path: Path, arguments: argparse.Namespace) -> Target:
    options = Options(
        topic=arguments.topic,
        partition=arguments.partition,
        codec=Codec[arguments.codec.upper()],
        segment_bytes=arguments.segment_bytes,
        now_ms=time.time_ns() // 1_000_000,
    )
    target = Target(OsFiles(), path, options)
    try:
        with progress("importing", size) as advance:
            number = 0
            for number, raw in enumerate(_lines(file), 1):
                _guard(number, partial(_take, target, raw))
                advance(len(raw))
            _expect_some(number, target)
            _guard(number, target.finish)
    except BaseException:
        target.abandon()
        raise
    return target


def _expect_some(number: int, target: Target) -> None:
    """Refuse lines that say nothing: what should have written some has failed."""
    if not target.partitions:
        raise _BadLineError(f"{number + 1}: expected a line for a message, a batch or a segment, there is none")


def _take(target: Target, raw: bytes) -> None:
    target.take(read_line(raw))


def _lines(file: BinaryIO) -> Iterator[bytes]:
    number = 0
    while raw := file.readline(MAX_LINE_BYTES + 1):
        number += 1
        if number == 1:
            raw = raw.removeprefix(BOM_UTF8)  # editors of Windows put it there
        if len(raw) > MAX_LINE_BYTES:
            raise _BadLineError(f"{number}: expected a line of at most {MAX_LINE_BYTES} bytes, it is longer")
        yield raw


def _guard(number: int, step: Callable[[], None]) -> None:
    """Do what a line asks for; where it cannot be done, say which line it is."""
    try:
        step()
    except (LineError, UnfinishedBatchError) as error:
        raise _BadLineError(f"{number}: {error}") from error


@contextmanager
def _opened(name: str) -> Iterator[tuple[BinaryIO, int | None]]:
    """Open what is to be read, and say how large it is, where that is known."""
    if name == "-":
        yield sys.stdin.buffer, None
        return
    with open(name, "rb") as file:
        yield file, os.fstat(file.fileno()).st_size


def _say(target: Target, *, is_json: bool) -> None:
    counts = {"partition": target.partitions, "batch": target.batches, "record": target.records}
    if is_json:
        fields = {"type": "imported", "directory": str(target.path)}
        print(json.dumps(fields | {f"{what}_count": count for what, count in counts.items()}))
        return
    made = (f"{count} {what}{_ending(what) if count != 1 else ''}" for what, count in counts.items())
    print(f"{target.path}: {', '.join(made)}")


def _ending(word: str) -> str:
    return "es" if word.endswith("ch") else "s"
