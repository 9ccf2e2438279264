"""The command ``gomq-dump``: what it does with its arguments, its exit codes, how it ends when it is interrupted."""

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from importlib import import_module
from typing import BinaryIO, Final

from gomq_dump.arguments import make_parser
from gomq_dump.decoders.choosing import choice_of, implies_records
from gomq_dump.findings import Finding
from gomq_dump.inspection import Inspection, Item
from gomq_dump.paths import SegmentFile, UnusablePathError, collect, collect_topic
from gomq_dump.render import Renderer, TextRenderer
from gomq_dump.selection import Selection, selection_of
from gomq_dump.whole import answer, check_arguments

SOUND: Final = 0
DAMAGED: Final = 1
UNUSABLE: Final = 2
INTERRUPTED: Final = 128 + 2
"""What a shell says of a program that SIGINT ended."""
PIPE_CLOSED: Final = 128 + 13
"""What a shell says of a program that SIGPIPE ended."""
_COMMANDS: Final = {
    "repair": "gomq_dump.repairing.cli",
    "export": "gomq_dump.exporting.cli",
    "import": "gomq_dump.importing.cli",
}
"""First words that are no PATH, and what answers them; a file of such a name is ./repair."""
_PAUSE_S: Final = 0.1
"""How long to wait before looking again whether a log has grown."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    words = sys.argv[1:] if argv is None else list(argv)
    if sys.stdout is None:
        print("gomq-dump: cannot write: there is no standard output", file=sys.stderr)
        return UNUSABLE
    if words and words[0] in _COMMANDS:
        command: Callable[[Sequence[str]], int] = import_module(_COMMANDS[words[0]]).main
        return _guarded(lambda: command(words[1:]))
    return _guarded(lambda: _main(words))


def _guarded(run: Callable[[], int]) -> int:
    """Run something to its end, or to where it is interrupted or can write no more."""
    out = sys.stdout.buffer
    try:
        code = run()
        out.flush()
    except KeyboardInterrupt:
        return _leave(out, INTERRUPTED)
    except BrokenPipeError:
        return _leave(out, PIPE_CLOSED)
    except OSError as error:
        print(f"gomq-dump: cannot write: {error.strerror}", file=sys.stderr)
        return _leave(out, UNUSABLE)
    return code


def _main(words: Sequence[str]) -> int:
    try:
        parser = make_parser()
        arguments = parser.parse_args(words)
        arguments.records |= implies_records(choice_of(arguments))
        try:
            selection = selection_of(arguments, now_ms=time.time_ns() // 1_000_000)
            check_arguments(arguments, selection)
            renderer = _renderer(arguments, sys.stdout.buffer)
        except ValueError as error:
            parser.error(str(error))
    except SystemExit as exit_:
        return exit_.code if isinstance(exit_.code, int) else UNUSABLE
    files = _files(arguments)
    if files is None:
        return UNUSABLE
    code = answer(files, arguments, selection, sys.stdout.buffer)
    if code is not None:
        return code
    try:
        return _show(_items(files, arguments, selection), renderer)
    except UnusablePathError as error:
        print(f"gomq-dump: {error}", file=sys.stderr)
        return UNUSABLE


def _files(arguments: argparse.Namespace) -> list[SegmentFile] | None:
    """List the files that are to be read; None where there are none, which has been said."""
    files: list[SegmentFile] = []
    is_usable = True
    for path in arguments.paths:
        try:
            files += _files_of(path, arguments)
        except UnusablePathError as error:
            is_usable = False
            print(f"gomq-dump: {error}", file=sys.stderr)
    return files if is_usable else None


def _files_of(path: str, arguments: argparse.Namespace) -> list[SegmentFile]:
    wanted = frozenset(arguments.partition) or None
    if arguments.data is not None:
        return collect_topic(arguments.data, path, wanted)
    files = collect(path)
    if wanted is None:
        return files
    kept = [file for file in files if file.partition is not None and file.partition.partition in wanted]
    if not kept:
        raise UnusablePathError(path, f"has no partition {' or '.join(map(str, sorted(wanted)))}")
    return kept


def _items(files: list[SegmentFile], arguments: argparse.Namespace, selection: Selection) -> Iterator[Item]:
    """Read what is to be shown.

    Raises:
        UnusablePathError: the files are none of those that are asked about.
    """
    if not selection.is_all or arguments.format_string is not None:
        return _selected_items(files, arguments, selection)
    inspection = Inspection(with_records=arguments.records)
    return (item for file in files for item in inspection.read(file))


def _selected_items(files: list[SegmentFile], arguments: argparse.Namespace, selection: Selection) -> Iterator[Item]:
    from gomq_dump import following, matching, selecting  # noqa: PLC0415 - decoding records takes time to import

    shows_messages = arguments.format_string is not None
    if selection.at_position is not None:
        if len(files) != 1:
            raise UnusablePathError(arguments.paths[0], "is not one .log file, as --at-position needs")
        with_records = arguments.records or shows_messages
        return selecting.read_at(files[0], selection.at_position, with_records=with_records)
    logs = selecting.partition_logs(files)
    wanted = matching.BatchFilter(
        selection, with_records=arguments.records or shows_messages, with_control=not shows_messages
    )
    if selection.follow:
        return following.follow(logs, selection, wanted, pause=_pause)
    shown = selecting.Shown()
    return (item for log in logs for item in selecting.read_selected(log, selection, wanted, shown))


def _pause() -> None:
    sys.stdout.buffer.flush()
    time.sleep(_PAUSE_S)


def _show(items: Iterable[Item], renderer: Renderer) -> int:
    code = SOUND
    for item in items:
        renderer.show(item)
        if isinstance(item, Finding) and item.is_damage:
            code = DAMAGED
    return code


def _renderer(arguments: argparse.Namespace, out: BinaryIO) -> Renderer:
    """Make what shows items.

    Raises:
        ValueError: the format string means nothing, or there is one beside ``--format json``.
    """
    if arguments.format_string is not None:
        if arguments.format != "text":
            raise ValueError("-f writes what it says, --format json writes JSON: leave out one of them")
        from gomq_dump.format_string import FormatString  # noqa: PLC0415 - only where it is asked for
        from gomq_dump.render_format import FormatRenderer  # noqa: PLC0415

        return FormatRenderer(FormatString.parse(arguments.format_string), out, sys.stderr.buffer)
    if arguments.format == "text":
        return TextRenderer(out, sys.stderr.buffer, decode=choice_of(arguments))
    from gomq_dump.render_json import JsonRenderer  # noqa: PLC0415 - json and base64 would slow down every start

    return JsonRenderer(out, decode=choice_of(arguments))


def _leave(out: BinaryIO, code: int) -> int:
    """End without output: what is still buffered must not be tried again when the interpreter goes down."""
    with suppress(OSError):  # it is no file: then there is nothing to prevent
        os.dup2(os.open(os.devnull, os.O_WRONLY), out.fileno())
    return code
