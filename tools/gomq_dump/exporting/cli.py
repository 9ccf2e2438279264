"""The command ``gomq-dump export``: logs to JSON lines."""

import argparse
import sys
from collections.abc import Iterator, Sequence
from typing import Final

from gomq_dump.batches import Batch, LogWalk
from gomq_dump.exporting.lines import Place, batch_lines
from gomq_dump.findings import Finding, Problem
from gomq_dump.paths import SegmentFile, UnusablePathError, collect
from gomq_dump.progress import progress
from gomq_dump.reader import ByteReader
from gomq_dump.render import finding_text
from gomq_storage.layout import LOG_SUFFIX, MAX_OFFSET

SOUND: Final = 0
DAMAGED: Final = 1
UNUSABLE: Final = 2

_DESCRIPTION: Final = """\
Write logs as JSON lines that hold all that is in them; gomq-dump import makes the same logs of them.
"""
_EPILOG: Final = """\
One line for each batch, with what its header says, in front of one line for each of its records.
Keys, values and header values are text where they are UTF-8, and in fields named ..._base64 where
they are not; null is Kafka's null. Damaged batches are not exported; stderr says which.

Exit code: 0 everything is exported; 1 something is damaged and missing; 2 something else is wrong.

Examples:
  gomq-dump export data/orders-0 > orders.jsonl          one partition
  gomq-dump export data | zstd > everything.jsonl.zst    all of a data directory
  gomq-dump export data/orders-0 | gomq-dump import - --to copy/orders-0
  gomq-dump export data/orders-0 | jq -r 'select(.type=="record") | .value'
"""


def main(argv: Sequence[str]) -> int:
    """Run the command and return its exit code."""
    parser = _make_parser()
    try:
        arguments = parser.parse_args(argv)
    except SystemExit as exit_:
        return exit_.code if isinstance(exit_.code, int) else UNUSABLE
    try:
        files = [file for path in arguments.paths for file in _logs_of(path)]
    except UnusablePathError as error:
        print(f"gomq-dump: {error}", file=sys.stderr)
        return UNUSABLE
    return _export(files, from_offset=arguments.from_offset, to_offset=arguments.to_offset)


def _make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="gomq-dump export",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "paths", nargs="+", metavar="PATH", help="a .log file, a partition's directory or a data directory"
    )
    parser.add_argument(
        "--from-offset", type=_offset, default=0, metavar="N", help="from the batch on that holds this offset"
    )
    parser.add_argument(
        "--to-offset", type=_offset, default=MAX_OFFSET, metavar="N", help="only batches that begin before this offset"
    )
    return parser


def _offset(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or int(text) > MAX_OFFSET:
        raise argparse.ArgumentTypeError(f"an offset is a number from 0 on, not {text!r}")
    return int(text)


def _logs_of(path: str) -> Iterator[SegmentFile]:
    logs = [file for file in collect(path) if file.suffix == LOG_SUFFIX and not file.leftover]
    if not logs:
        raise UnusablePathError(path, "has no log file in it")
    yield from logs


def _export(files: Sequence[SegmentFile], *, from_offset: int, to_offset: int) -> int:
    code, out = SOUND, sys.stdout.buffer
    for file in files:
        try:
            with ByteReader.open(file.path) as reader, progress(file.path, reader.size) as advance:
                for item in LogWalk(reader, file.base_offset):
                    if isinstance(item, Finding):
                        code = max(code, _tell(file, item))
                        continue
                    advance(item.header.size)
                    header = item.header
                    if item.is_valid and header.last_offset >= from_offset and header.base_offset < to_offset:
                        out.write(b"".join(_lines_of(file, reader, item)))
        except FileNotFoundError:  # retention and compaction go on while we read
            continue
    return code


def _lines_of(file: SegmentFile, reader: ByteReader, batch: Batch) -> Iterator[bytes]:
    raw = bytes(reader.view(batch.position, batch.header.size))
    return batch_lines(Place(file.partition, file.base_offset), raw, batch.header)


def _tell(file: SegmentFile, finding: Finding) -> int:
    """Say what is wrong, but for offsets that are missing: they are in what is exported, too."""
    if finding.problem is Problem.OFFSET_GAP:
        return SOUND
    print(finding_text(file.path, finding), file=sys.stderr, end="")
    return DAMAGED if finding.is_damage else SOUND
