"""What was asked of ``gomq subscribe``, checked as a whole: what cannot go together is told before anybody is asked."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import click

from gomq.cli.places import Kind, Place, PlaceError, parse_place
from gomq_dump.format_string import FormatString

_NOT_FOR_GROUPS: Final = (
    "the last N of a partition are not for a group, whose members read on where others stopped: --from takes earliest, "
    "latest, an offset or a time with --group."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """The options, as they were given; ``None`` where one was not."""

    topics: Sequence[str]
    broker: str
    regex: re.Pattern[str] | None
    replay: bool
    begin: str | None
    end: str | None
    exits: bool
    count: int | None
    partitions: Sequence[int]
    group: str | None
    isolation: str
    keys: Sequence[bytes]
    grep: re.Pattern[bytes] | None
    speed: float | None
    max_wait: float | None
    form: FormatString | None
    key_delimiter: bytes | None
    delimiter: bytes | None
    headers: bool
    is_quiet: bool
    output_format: str

    def check(self) -> None:
        """Refuse what cannot be.

        Raises:
            click.UsageError: it says why, and what would do.
        """
        for problem in (*self._source_problems(), *self._group_problems(), *self._output_problems()):
            raise click.UsageError(problem)

    def begin_place(self, now_ms: int) -> Place:
        """Say where to begin."""
        if self.begin is None:
            return Place(Kind.EARLIEST if self.replay else Kind.LATEST)
        return _place(self.begin, "--from", now_ms)

    def end_place(self, now_ms: int) -> Place | None:
        """Say where to end, if anywhere."""
        return None if self.end is None else _place(self.end, "--to", now_ms)

    def _source_problems(self) -> Sequence[str]:
        if not self.topics and self.regex is None:
            return ("name a topic, or several, or a pattern: --regex PATTERN.",)
        if self.topics and self.regex is not None:
            return ("name topics or a pattern, not both.",)
        if self.partitions and self.regex is not None:
            return ("--partition is for topics that are named, not for a pattern.",)
        if self.replay and self.begin is not None:
            return ("--replay and --from say the same thing: give one of them.",)
        if self.max_wait is not None and self.speed is None:
            return ("--max-wait shortens pauses of a replay with --speed: give it one, such as --speed 1x.",)
        return ()

    def _group_problems(self) -> Sequence[str]:
        if self.group is None:
            return ()
        if self.speed is not None:
            return ("a replay with --speed is for one reader, without a group: leave out --group.",)
        if self.begin is not None and re.fullmatch(r"-\d+", self.begin):
            return (_NOT_FOR_GROUPS,)
        return ()

    def _output_problems(self) -> Sequence[str]:
        chosen = [
            name
            for name, given in (
                ("--format json", self.output_format == "json"),
                ("-f", self.form is not None),
                (
                    "--headers, --key-delimiter or --delimiter",
                    self.headers or self.key_delimiter is not None or self.delimiter is not None,
                ),
            )
            if given
        ]
        return (f"{' and '.join(chosen)} cannot go together: each says how to print.",) if len(chosen) > 1 else ()


def _place(text: str, name: str, now_ms: int) -> Place:
    try:
        place = parse_place(text, now_ms=now_ms)
    except PlaceError as error:
        raise click.BadParameter(f"{error}.", param_hint=name) from error
    if name == "--to" and place.kind is Kind.EARLIEST:
        raise click.BadParameter(f"nothing is before {text}.", param_hint=name)
    if name == "--to" and place.kind is Kind.TIME and place.number > now_ms:
        problem = f"{text} is still to come: nobody knows at which offset; --to takes a time that is past."
        raise click.BadParameter(problem, param_hint=name)
    return place
