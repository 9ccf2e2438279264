"""The command ``gomq-dump``: its arguments, its exit codes, and how it ends when it is interrupted."""

import argparse
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from typing import BinaryIO, Final

from gomq_dump.findings import Finding
from gomq_dump.inspection import Inspection
from gomq_dump.paths import SegmentFile, UnusablePathError, collect
from gomq_dump.render import Renderer, TextRenderer

SOUND: Final = 0
DAMAGED: Final = 1
UNUSABLE: Final = 2
INTERRUPTED: Final = 128 + 2
"""What a shell says of a program that SIGINT ended."""
PIPE_CLOSED: Final = 128 + 13
"""What a shell says of a program that SIGPIPE ended."""
_FORMATS: Final = ("text", "json")

_DESCRIPTION: Final = """\
Show what is in the segment files of GoMQ or Apache Kafka, and what is wrong with them.
Files are only ever read; no broker need be running, and one may be.
"""
_EPILOG: Final = """\
PATH is a .log, .index or .timeindex file, a partition's directory (all its segments in
order, each log in front of its indexes) or a data directory (all its partitions).

Text is what Kafka's kafka-dump-log prints, findings go to stderr. JSON is one object a line,
findings among them; bytes that are no UTF-8 text are in fields named ..._base64.

Exit code: 0 all sound (a note, such as offsets that compaction removed, is no damage),
1 something is damaged, 2 something else is wrong, such as a PATH that is not there.

Options can be set in the environment too: GOMQ_DUMP_RECORDS=1, GOMQ_DUMP_FORMAT=json.

Examples:
  gomq-dump data/orders-0                                     batches and indexes of a partition
  gomq-dump --records data/orders-0/00000000000000000000.log  each message
  gomq-dump data > /dev/null && echo sound                    check everything a broker has
  gomq-dump --records --format json data/orders-0 | jq -r 'select(.type=="record") | .value'
  gomq-dump --format json data | jq -c 'select(.type=="finding")'
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    parser = _parser()
    try:
        arguments = parser.parse_args(argv)
        if arguments.format not in _FORMATS:
            parser.error(f"GOMQ_DUMP_FORMAT is {arguments.format!r}, choose from {', '.join(_FORMATS)}")
    except SystemExit as exit_:
        return exit_.code if isinstance(exit_.code, int) else UNUSABLE
    if sys.stdout is None:
        print("gomq-dump: cannot write: there is no standard output", file=sys.stderr)
        return UNUSABLE
    out = sys.stdout.buffer
    try:
        code = _run(arguments, out)
        out.flush()
    except KeyboardInterrupt:
        return _leave(out, INTERRUPTED)
    except BrokenPipeError:
        return _leave(out, PIPE_CLOSED)
    except OSError as error:
        print(f"gomq-dump: cannot write: {error.strerror}", file=sys.stderr)
        return _leave(out, UNUSABLE)
    return code


def _run(arguments: argparse.Namespace, out: BinaryIO) -> int:
    files: list[SegmentFile] = []
    unusable = False
    for path in arguments.paths:
        try:
            files += collect(path)
        except UnusablePathError as error:
            unusable = True
            print(f"gomq-dump: {error}", file=sys.stderr)
    if unusable:
        return UNUSABLE
    renderer = _renderer(arguments.format, out)
    inspection = Inspection(with_records=arguments.records)
    code = SOUND
    for file in files:
        for item in inspection.read(file):
            renderer.show(item)
            if isinstance(item, Finding) and item.is_damage:
                code = DAMAGED
    return code


def _renderer(output_format: str, out: BinaryIO) -> Renderer:
    if output_format == "text":
        return TextRenderer(out, sys.stderr.buffer)
    module = import_module("gomq_dump.render_json")  # json and base64 would slow down every start
    renderer: Renderer = module.JsonRenderer(out)
    return renderer


def _leave(out: BinaryIO, code: int) -> int:
    """End without output: what is still buffered must not be tried again when the interpreter goes down."""
    with suppress(OSError):  # it is no file: then there is nothing to prevent
        os.dup2(os.open(os.devnull, os.O_WRONLY), out.fileno())
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="gomq-dump",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("paths", nargs="+", metavar="PATH", help="what to look at; see below")
    parser.add_argument(
        "--records",
        "--print-data-log",
        action="store_true",
        default=os.environ.get("GOMQ_DUMP_RECORDS", "") not in {"", "0"},
        help="show each record too, with key, value and headers (--print-data-log is Kafka's name for it)",
    )
    parser.add_argument(
        "--format",
        choices=_FORMATS,
        default=os.environ.get("GOMQ_DUMP_FORMAT", "text"),
        help="text as kafka-dump-log prints it (the default), or JSON lines",
    )
    return parser
