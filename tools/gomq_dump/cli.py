"""The command ``gomq-dump``: what it does with its arguments, its exit codes, how it ends when it is interrupted."""

import argparse
import os
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib import import_module
from typing import Final, TextIO

from gomq_dump.arguments import make_parser
from gomq_dump.decoders.choosing import choice_of, implies_records
from gomq_dump.exit_codes import DAMAGED, INTERRUPTED, PIPE_CLOSED, SOUND, UNUSABLE
from gomq_dump.reading.paths import SegmentFile, UnusablePathError, collect_asked
from gomq_dump.rendering.text import TextRenderer
from gomq_dump.selecting.selection import selection_of
from gomq_dump.selecting.showing import MakeRenderer, show
from gomq_dump.summing.whole import answer, check_arguments

_COMMANDS: Final = {
    "repair": "gomq_dump.repairing.cli",
    "export": "gomq_dump.exporting.cli",
    "import": "gomq_dump.importing.cli",
}
"""First words that are no PATH, and what answers them; a file of such a name is ./repair."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    words = sys.argv[1:] if argv is None else list(argv)
    if sys.stderr is None:  # it was closed: what is said there is for nobody, and no file may get its number
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - until the process ends
    if sys.stdout is None:
        print("gomq-dump: cannot write: there is no standard output", file=sys.stderr)
        return UNUSABLE
    if words and words[0] in _COMMANDS:
        command: Callable[[Sequence[str]], int] = import_module(_COMMANDS[words[0]]).main
        return _guarded(lambda: command(words[1:]))
    return _guarded(lambda: _main(words))


def _guarded(run: Callable[[], int]) -> int:
    """Run something to its end, or to where it is interrupted or can write no more."""
    try:
        code = run()
        sys.stdout.flush()
        sys.stderr.flush()  # what argparse could not say there it passes over
    except KeyboardInterrupt:
        code = INTERRUPTED
    except BrokenPipeError:
        code = PIPE_CLOSED
    except OSError as error:
        code = UNUSABLE
        with suppress(OSError):  # it may be stderr that cannot be written
            print(f"gomq-dump: cannot write: {error.strerror}", file=sys.stderr)
    else:
        return code
    _give_up(sys.stdout)
    try:
        sys.stderr.flush()
    except OSError:
        _give_up(sys.stderr)
    return code


def _main(words: Sequence[str]) -> int:
    try:
        parser = make_parser()
        arguments = parser.parse_args(words)
        arguments.records |= implies_records(choice_of(arguments))
        try:
            selection = selection_of(arguments, now_ms=time.time_ns() // 1_000_000)
            check_arguments(arguments, selection)
            make_renderer = _choose_renderer(arguments)
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
        return DAMAGED if show(files, arguments, selection, make_renderer) else SOUND
    except UnusablePathError as error:
        print(f"gomq-dump: {error}", file=sys.stderr)
        return UNUSABLE


def _files(arguments: argparse.Namespace) -> list[SegmentFile] | None:
    """List the files that are to be read; None where there are none, which has been said."""
    files: list[SegmentFile] = []
    is_usable = True
    for path in arguments.paths:
        try:
            files += collect_asked(path, data=arguments.data, partitions=arguments.partition)
        except UnusablePathError as error:
            is_usable = False
            print(f"gomq-dump: {error}", file=sys.stderr)
    return files if is_usable else None


def _choose_renderer(arguments: argparse.Namespace) -> MakeRenderer:
    """Choose what shows items on a stream.

    Raises:
        ValueError: the format string means nothing, or there is one beside ``--format json``.
    """
    notices = sys.stderr.buffer
    if arguments.format_string is not None:
        if arguments.format != "text":
            raise ValueError("-f writes what it says, --format json writes JSON: leave out one of them")
        from gomq_dump.format_string import FormatString  # noqa: PLC0415 - only where it is asked for
        from gomq_dump.rendering.formatted import FormatRenderer  # noqa: PLC0415

        form = FormatString.parse(arguments.format_string)
        return lambda out: FormatRenderer(form, out, notices)
    decode = choice_of(arguments)
    if arguments.format == "text":
        return lambda out: TextRenderer(out, notices, decode=decode)
    from gomq_dump.rendering.json_objects import JsonRenderer  # noqa: PLC0415 - json and base64 would slow down every start

    return lambda out: JsonRenderer(out, decode=decode)


def _give_up(stream: TextIO) -> None:
    """Write no more: what is still buffered must not be tried again when the interpreter goes down."""
    with suppress(OSError):  # it is no file: then there is nothing to prevent
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
