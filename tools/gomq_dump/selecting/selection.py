"""What of the logs is asked for: the options that select, as one value. Bytes and values; the clock is an argument."""

import argparse
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from gomq_dump.command_parser import Repeated
from gomq_dump.moments import MomentError, parse_moment

MAX_OFFSET: Final = 2**63 - 1


class SelectionError(ValueError):
    """Options that cannot go together, or a value that means nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which batches and records are to be shown; all, unless something is said."""

    from_offset: int = 0
    to_offset: int = MAX_OFFSET
    """The first offset that is not to be shown any more."""
    at_position: int | None = None
    """Byte of a log file: the one batch that starts there."""
    since_ms: int | None = None
    until_ms: int | None = None
    """The first moment that is not to be shown any more."""
    keys: frozenset[bytes] = frozenset()
    """Those that records may have; empty where any will do."""
    pattern: re.Pattern[bytes] | None = None
    """What has to be found in a key, a value or a header's value."""
    limit: int | None = None
    """How many records at most, in all."""
    tail: int | None = None
    """How many of the last records that are selected otherwise, of each partition."""
    follow: bool = False
    """Whether to go on as the logs grow."""

    @property
    def is_all(self) -> bool:
        """Whether nothing was said."""
        return self == _ALL

    @property
    def looks_into_records(self) -> bool:
        """Whether a batch's header does not say which of its records are selected."""
        return bool(self.keys) or self.pattern is not None or self.since_ms is not None or self.until_ms is not None

    @property
    def shows_records(self) -> bool:
        """Whether it is records that are asked for, and not batches."""
        return bool(self.keys) or self.pattern is not None or self.limit is not None or self.tail is not None


_ALL: Final = Selection()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that select."""
    group = parser.add_argument_group(
        "selecting",
        "Of logs only, whose indexes are used and not shown. Batches come with those of their records\n"
        "that were asked for; --key, --grep, --limit and --tail imply --records.",
    )
    offset, count = _number("an offset"), _number("a number of records")
    group.add_argument("--from-offset", type=offset, metavar="OFFSET", help="from this offset on")
    group.add_argument("--to-offset", type=offset, metavar="OFFSET", help="up to this offset, itself not included")
    group.add_argument("--since", metavar="TIME", help="from this time on: 2026-11-26T10:00:00Z, @MS, 15m (ago)")
    group.add_argument("--until", metavar="TIME", help="up to this time, itself not included")
    group.add_argument("--key", action=Repeated, default=[], metavar="TEXT", help="records with this key; repeatable")
    group.add_argument("--grep", metavar="REGEX", help="records with a match in key, value or a header's value")
    group.add_argument("--limit", type=count, metavar="N", help="no more than N records, in all")
    group.add_argument("--tail", type=count, metavar="N", help="the last N records of each partition")
    group.add_argument(
        "--at-position", type=_number("a position"), metavar="BYTE", help="the batch at this byte of a .log file"
    )
    group.add_argument(
        "--follow", action="store_true", help="go on as the log grows, until Ctrl-C; --tail 0: only what is new"
    )


def selection_of(arguments: argparse.Namespace, now_ms: int) -> Selection:
    """Make a selection of what was said on the command line.

    Raises:
        SelectionError: it makes no sense; the message says why.
    """
    since_ms = _moment("--since", arguments.since, now_ms)
    until_ms = _moment("--until", arguments.until, now_ms)
    to_offset = MAX_OFFSET if arguments.to_offset is None else arguments.to_offset
    selection = Selection(
        from_offset=arguments.from_offset or 0,
        to_offset=to_offset,
        at_position=arguments.at_position,
        since_ms=since_ms,
        until_ms=until_ms,
        keys=frozenset(key.encode(errors="surrogateescape") for key in arguments.key),
        pattern=_pattern(arguments.grep),
        limit=arguments.limit,
        tail=arguments.tail,
        follow=arguments.follow,
    )
    _check(selection)
    return selection


def _check(selection: Selection) -> None:
    if selection.from_offset >= selection.to_offset:
        raise SelectionError("--to-offset is the first offset that is not shown: it must be above --from-offset")
    since_ms, until_ms = selection.since_ms, selection.until_ms
    if since_ms is not None and until_ms is not None and since_ms >= until_ms:
        raise SelectionError("--until is the first moment that is not shown: it must be after --since")
    if selection.follow and until_ms is not None:
        raise SelectionError("--follow and --until: nobody knows when the last record of that time has come")
    if selection.at_position is not None and selection != Selection(at_position=selection.at_position):
        raise SelectionError("--at-position names one batch already: nothing else can be selected beside it")


def _moment(option: str, text: str | None, now_ms: int) -> int | None:
    if text is None:
        return None
    try:
        return parse_moment(text, now_ms)
    except MomentError as error:
        raise SelectionError(f"{option}: {error}") from error


def _pattern(text: str | None) -> re.Pattern[bytes] | None:
    if text is None:
        return None
    try:
        return re.compile(text.encode(errors="surrogateescape"))
    except (re.error, OverflowError, RecursionError) as error:
        raise SelectionError(f"--grep: {text!r} is no regular expression of Python's: {error}") from error


def _number(what: str) -> Callable[[str], int]:
    """Make what reads a count, an offset or a position."""

    def read(text: str) -> int:
        if not text.isascii() or not text.isdigit() or len(text) > len(str(MAX_OFFSET)) or int(text) > MAX_OFFSET:
            raise argparse.ArgumentTypeError(f"{text!r} is not {what}: write a number from 0 to {MAX_OFFSET}")
        return int(text)

    return read
