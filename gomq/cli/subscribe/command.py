"""``gomq subscribe``: messages of topics on stdout, from wherever they shall begin."""

import os
import re
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import click

from gomq.cli.completion.completing import complete_groups, complete_topics
from gomq.cli.delimiters import delimiter
from gomq.cli.help import Sectioned
from gomq.cli.naming import pattern
from gomq.cli.options import Number, broker_option, examples, format_option, option, run, utf8
from gomq.cli.places import Place
from gomq.cli.subscribe.choices import Choices
from gomq.errors import ClosedError
from gomq_dump.format_string import FormatString, FormatStringError

if TYPE_CHECKING:
    from gomq.cli.subscribe.output import Render
    from gomq.cli.subscribe.run import Wanted
    from gomq.client import Consumer

_GRACE_SECONDS: Final = 1.0
"""For what is being printed when somebody presses Ctrl-C, before it is broken off."""
_MAX_PARTITION: Final = (1 << 31) - 1


def _partitions(_: click.Context, parameter: click.Parameter, values: Sequence[str]) -> tuple[int, ...]:
    """Take numbers, each by itself or several with commas."""
    texts = [text for value in values for text in value.split(",")]
    for text in texts:
        if not (text.isascii() and text.isdecimal() and len(text) <= 10 and int(text) <= _MAX_PARTITION):
            raise click.BadParameter(f"{text!r} is no number of a partition.", param=parameter)
    return tuple(dict.fromkeys(map(int, texts)))


def _keys(_: click.Context, __: click.Parameter, values: Sequence[str]) -> tuple[bytes, ...]:
    return tuple(map(os.fsencode, values))


def _bytes_pattern(_: click.Context, parameter: click.Parameter, value: str | None) -> re.Pattern[bytes] | None:
    try:
        return None if value is None else re.compile(os.fsencode(value))
    except (re.error, RecursionError, OverflowError) as error:
        raise click.BadParameter(f"{value!r} is no regular expression: {error}.", param=parameter) from error


def _form(_: click.Context, parameter: click.Parameter, value: str | None) -> FormatString | None:
    try:
        return None if value is None else FormatString.parse(value)
    except FormatStringError as error:
        raise click.BadParameter(f"{error}.", param=parameter) from error


def _speed(_: click.Context, parameter: click.Parameter, value: str | None) -> float | None:
    """Take 10x, 0.5x or 10."""
    if value is None:
        return None
    try:
        speed = float(value.removesuffix("x"))
    except ValueError:
        speed = 0.0
    if not 0 < speed < float("inf"):
        raise click.BadParameter(
            f"{value!r} is no speed: 1x is the original timing, 10x ten times faster.", param=parameter
        )
    return speed


_SECTIONS: Final = {
    "What is read": ("--regex", "--partition", "--replay", "--from", "--to", "--group", "--isolation"),
    "When it ends": ("--exit", "--count"),
    "Which messages are printed, and when": ("--key", "--grep", "--speed", "--max-wait"),
    "How they are printed": ("--format", "--format-string", "--key-delimiter", "--delimiter", "--headers", "--quiet"),
    "The broker": ("--broker",),
}


@click.command(
    cls=Sectioned,
    sections=_SECTIONS,
    epilog=examples(
        "gomq subscribe orders                          # what comes from now on",
        "gomq subscribe orders --replay --exit          # all there is",
        "gomq subscribe orders --from 15m --format json",
        "gomq subscribe orders --from -10 --exit        # the last ten of each partition",
        "gomq subscribe orders --from 100 --to 200 -p 0",
        r"gomq subscribe orders payments -f '%t %p %o %k: %s\n'",
        "gomq subscribe orders --group billing          # goes on where the group stopped",
        "gomq subscribe orders --replay --speed 10x --max-wait 5",
        "gomq subscribe a --replay --exit --format json | gomq publish b --input json",
    ),
)
@click.argument("topics", nargs=-1, metavar="[TOPIC]...", callback=utf8, shell_complete=complete_topics)
@broker_option
@option("-r", "--regex", callback=pattern, metavar="PATTERN", help="Topics that it matches whole, new ones included.")
@option("--replay", is_flag=True, help="Begin with the first message kept, not with those published from now on.")
@option(
    "--from",
    "begin",
    envvar="GOMQ_SUBSCRIBE_FROM",
    metavar="WHERE",
    help="Begin at an offset or time, not with what comes now: 100, -10 for the last ten, 15m for so long ago.",
)
@option(
    "--to",
    "end",
    envvar="GOMQ_SUBSCRIBE_TO",
    metavar="WHERE",
    help="Stop before this offset or time, in each partition.",
)
@option(
    "--exit",
    "exits",
    envvar="GOMQ_SUBSCRIBE_EXIT",
    is_flag=True,
    help="End where the topics ended when they were opened; else wait for more.",
)
@option("--count", "-c", type=click.IntRange(min=1), metavar="N", help="End after so many messages.")
@option(
    "-p",
    "--partition",
    "partitions",
    envvar="GOMQ_SUBSCRIBE_PARTITION",
    callback=_partitions,
    multiple=True,
    metavar="N[,N]",
    help="These partitions only.",
)
@option(
    "--group",
    "-G",
    shell_complete=complete_groups,
    metavar="GROUP",
    help="Share partitions with its members; commit what was printed.",
)
@option(
    "--isolation",
    type=click.Choice(["read_uncommitted", "read_committed"]),
    default="read_uncommitted",
    help="read_committed leaves out what was published in transactions that were aborted or are open.",
)
@option(
    "--key",
    "keys",
    envvar="GOMQ_SUBSCRIBE_KEY",
    callback=_keys,
    multiple=True,
    metavar="TEXT",
    help="Messages with this key only.",
)
@option(
    "--grep",
    callback=_bytes_pattern,
    metavar="PATTERN",
    help="Messages only in whose key, value or header values it is found.",
)
@option("--speed", callback=_speed, metavar="Nx", help="Replay in the original timing: 1x, 10x, 0.5x.")
@option("--max-wait", type=Number(min=0), metavar="SECONDS", help="The longest pause with --speed.")
@option(
    "-f",
    "--format-string",
    "form",
    envvar="GOMQ_SUBSCRIBE_FORMAT_STRING",
    callback=_form,
    metavar="FORMAT",
    help=r"kcat's letters: %t topic, %p partition, %o offset, %T timestamp, %k key, %s value, %h headers, \n.",
)
@option(
    "-K",
    "--key-delimiter",
    callback=delimiter,
    metavar="TEXT",
    help=r"Print keys, and this between key and value; \t is a tab.",
)
@option(
    "-D",
    "--delimiter",
    callback=delimiter,
    metavar="TEXT",
    help=r"What is behind each message, instead of a newline: \0, \xNN.",
)
@option("--headers", is_flag=True, help="Print NAME=VALUE,... and a tab in front of each message.")
@option(
    "-q", "--quiet", "is_quiet", envvar="GOMQ_SUBSCRIBE_QUIET", is_flag=True, help="No notices of where partitions end."
)
@format_option
def subscribe(**options: Any) -> int:  # noqa: ANN401 - the options, which Choices has with their types
    """Print topics' messages.

    Of each its value and a newline, or with --format json one object a line. In JSON, keys, values and headers are
    text where they are UTF-8; bytes that are not are in fields named ..._base64, as gomq-dump has them. Within a
    partition messages come in their order.

    WHERE is earliest, latest, an offset, -N for the last N of each partition, a time (2026-11-26T10:00:00Z, UTC
    without a zone; @1764151200000, ms since the epoch) or so long ago (15m, 1h30m).

    With --group, what was committed counts more than --replay and --from: these say where to begin in partitions for
    which the group has committed nothing. Reading without a group leaves no trace at the broker.
    """
    if options["group"] is not None and options["begin"] == "stored":
        options["begin"] = None  # kcat's word for what a group does anyhow
    choices = Choices(**options)
    choices.check()
    now_ms = time.time_ns() // 1_000_000
    begin, end = choices.begin_place(now_ms), choices.end_place(now_ms)
    code: int = run(lambda: _subscribe(choices, begin, end))
    return code


async def _subscribe(choices: Choices, begin: Place, end: Place | None) -> int:
    from gomq.cli.interrupts import interruptible  # noqa: PLC0415 - help is not to wait for the client
    from gomq.cli.subscribe.run import print_messages  # noqa: PLC0415
    from gomq.cli.subscribe.span import Span, tell, tell_of_committed  # noqa: PLC0415

    span = Span(begin=begin, end=end, exits=choices.exits)
    async with interruptible(grace=_GRACE_SECONDS) as interruption:
        with interruption.scope:
            if choices.group is not None and (choices.begin or choices.replay):
                notice = await tell_of_committed(choices.broker, choices.group, tuple(choices.topics))
                if notice and not choices.is_quiet:
                    tell(notice)
            consumer = _consumer(choices, span.start(in_group=choices.group is not None))
            try:
                await print_messages(consumer, _wanted(choices, span), _render(choices), interruption)
            except ClosedError:  # the first Ctrl-C has closed it, while brokers were asked where to begin or to end
                if not interruption.exit_code:
                    raise
    return interruption.exit_code


def _consumer(choices: Choices, start: Any) -> "Consumer":  # noqa: ANN401 - what Span.start returns
    from gomq.client import Consumer, TopicPartition  # noqa: PLC0415

    topics: Any = choices.topics if choices.regex is None else choices.regex
    partitions = [TopicPartition(topic, index) for topic in choices.topics for index in choices.partitions]
    return Consumer(
        choices.broker,
        None if partitions else topics,
        partitions=partitions or None,
        start=start,
        group=choices.group,
        isolation="read_committed" if choices.isolation == "read_committed" else "read_uncommitted",
    )


def _wanted(choices: Choices, span: Any) -> "Wanted":  # noqa: ANN401 - a Span
    from gomq.cli.subscribe.filter import Filter  # noqa: PLC0415
    from gomq.cli.subscribe.pacing import Pacing  # noqa: PLC0415
    from gomq.cli.subscribe.run import Wanted  # noqa: PLC0415

    longest = float("inf") if choices.max_wait is None else choices.max_wait
    return Wanted(
        span=span,
        kept=Filter(keys=frozenset(choices.keys), pattern=choices.grep),
        count=choices.count,
        pacing=None if choices.speed is None else Pacing(choices.speed, max_wait=longest),
        is_in_group=choices.group is not None,
        is_quiet=choices.is_quiet,
    )


def _render(choices: Choices) -> "Render":
    from gomq.cli.subscribe import output  # noqa: PLC0415

    if choices.output_format == "json":
        return output.as_json
    if choices.form is not None:
        return output.as_format(choices.form)
    return output.as_text(choices.delimiter or b"\n", key_delimiter=choices.key_delimiter, headers=choices.headers)
