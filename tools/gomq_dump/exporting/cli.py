"""The command ``gomq-dump export``: logs to JSON lines."""

import argparse
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby, zip_longest
from typing import Final

from gomq_dump.command_parser import CommandParser
from gomq_dump.exit_codes import DAMAGED, SOUND, UNUSABLE
from gomq_dump.exporting.lines import Place, batch_lines, log_start_line, segment_line
from gomq_dump.exporting.log_starts import LogStarts
from gomq_dump.findings import Finding, Problem
from gomq_dump.progress import progress
from gomq_dump.reading.batches import Batch, LogWalk
from gomq_dump.reading.paths import SegmentFile, UnusablePathError, collect
from gomq_dump.reading.reader import ByteReader
from gomq_dump.rendering.text import finding_text
from gomq_storage.compression import Codec
from gomq_storage.layout import LOG_SUFFIX, MAX_OFFSET

_CODEC_BITS: Final = 0b111

_DESCRIPTION: Final = """\
Write logs as JSON lines that hold all that is in them; gomq-dump import makes the same logs of them.
"""
_EPILOG: Final = """\
One line for each batch, with what its header says, in front of one line for each of its records.
Keys, values and headers are text where they are UTF-8, and in fields named ..._base64 where
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
    chosen = list(_within(files, arguments.from_offset, arguments.to_offset))
    code = _export_log_starts(chosen)
    return max([code, *(_export(file, arguments.from_offset, arguments.to_offset) for file in chosen)])


def _make_parser() -> argparse.ArgumentParser:
    parser = CommandParser(
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


def _within(files: Sequence[SegmentFile], from_offset: int, to_offset: int) -> Iterator[SegmentFile]:
    """Yield the files that may hold offsets of a range."""
    for file, following in zip_longest(files, files[1:]):
        end = MAX_OFFSET
        if following is not None and os.path.dirname(following.path) == os.path.dirname(file.path):
            end = max(following.base_offset, file.base_offset)
        if file.base_offset < to_offset and from_offset < end:
            yield file


def _export_log_starts(files: Sequence[SegmentFile]) -> int:
    """Say where logs start, of those that have files in front of that: one line each, in front of all others."""
    codes = [SOUND]
    starts = LogStarts(lambda path, finding: codes.append(_tell(path, finding)))
    for _, of_one in groupby(files, lambda file: os.path.dirname(file.path)):
        first = next(of_one)
        offset = starts.of(first)
        if offset > first.base_offset:
            sys.stdout.buffer.write(log_start_line(Place(first.partition, first.base_offset), offset))
    return max(codes)


def _export(file: SegmentFile, from_offset: int, to_offset: int) -> int:
    try:
        opened = ByteReader.open(file.path)
    except FileNotFoundError:  # retention and compaction go on while we read
        return SOUND
    except OSError as error:
        print(f"gomq-dump: {file.path}: {error.strerror}", file=sys.stderr)
        return UNUSABLE
    with opened as reader, progress(file.path, reader.size) as advance:
        return _export_log(file, reader, (from_offset, to_offset), advance)


def _export_log(
    file: SegmentFile, reader: ByteReader, wanted: tuple[int, int], advance: Callable[[int], object]
) -> int:
    code, out, is_empty = SOUND, sys.stdout.buffer, True
    place = Place(file.partition, file.base_offset)
    from_offset, to_offset = wanted
    for item in LogWalk(reader, file.base_offset):
        if isinstance(item, Finding):
            code = max(code, _tell(file.path, item))
            continue
        header = item.header
        if item.is_valid and header.base_offset >= to_offset:
            return code
        advance(header.size)
        if _can_be(item):
            is_empty = False
            if header.last_offset >= from_offset:
                raw = bytes(reader.view(item.position, header.size))
                out.write(batch_lines(place, raw, header))
    if is_empty and file.base_offset >= from_offset:
        out.write(segment_line(place))
    return code


def _can_be(batch: Batch) -> bool:
    """Whether a batch is whole, and what its header says can be; what is wrong with it is told besides."""
    header = batch.header
    is_codec = header.attributes & _CODEC_BITS <= Codec.ZSTD
    return batch.is_valid and is_codec and 0 <= header.record_count <= header.last_offset_delta + 1


def _tell(path: str, finding: Finding) -> int:
    """Say what is wrong, but for offsets that are missing: they are in what is exported, too."""
    if finding.problem is Problem.OFFSET_GAP:
        return SOUND
    print(finding_text(path, finding), file=sys.stderr, end="")
    return DAMAGED if finding.is_damage else SOUND
