"""``gomq publish``: each line of files, or of what comes in, is a message."""

import json
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from gomq.cli.completion.completing import complete_topics
from gomq.cli.delimiters import delimiter
from gomq.cli.help import Sectioned
from gomq.cli.options import Number, broker_option, examples, format_option, option, pairs, run, topic_name
from gomq.cli.publish.choices import ANY, Choices
from gomq.errors import GomqError, UnknownTopicError
from gomq.net.scope import first_failure
from gomq_dump.moments import MomentError, parse_moment
from gomq_storage.compression import Codec

if TYPE_CHECKING:
    from gomq.cli.publish.form import Form
    from gomq.cli.publish.run import Plan
    from gomq.cli.publish.tally import Tally
    from gomq.client import Producer
    from gomq.client.producing.settings import Acks

_ACKS: Final[dict[str, "Acks"]] = {"all": "all", "1": 1, "0": 0}
_GRACE_SECONDS: Final = 10.0
"""For what is on its way when somebody presses Ctrl-C."""
_MOST_SECONDS: Final = 86_400
_MAX_PARTITION: Final = (1 << 31) - 1


def _key(_: click.Context, __: click.Parameter, value: str | None) -> bytes | None:
    return None if value is None else os.fsencode(value)


def _timestamp(_: click.Context, parameter: click.Parameter, value: str | None) -> int | None:
    if value is None:
        return None
    try:
        moment = parse_moment(value, time.time_ns() // 1_000_000)
    except MomentError as error:
        raise click.BadParameter(f"{error}.", param=parameter) from error
    if moment < 0:
        raise click.BadParameter(f"{value!r} is before 1970, where timestamps begin.", param=parameter)
    return moment


def _partition(_: click.Context, parameter: click.Parameter, value: str | None) -> int | str | None:
    """Take a number, or the word for none in particular."""
    if value is None or value == ANY:
        return value
    if not (value.isascii() and value.isdecimal() and len(value) <= 10 and int(value) <= _MAX_PARTITION):
        raise click.BadParameter(f"{value!r} is no number of a partition, nor {ANY!r}.", param=parameter)
    return int(value)


def _rate(_: click.Context, parameter: click.Parameter, value: str | None) -> float | None:
    """Take 100, 100/s, 30/m or 10/h."""
    if value is None:
        return None
    number, slash, unit = value.partition("/")
    seconds = {"s": 1, "m": 60, "h": 3600}.get(unit if slash else "s")
    try:
        rate = float(number) / seconds if seconds else 0.0
    except ValueError:
        rate = 0.0
    if not 0 < rate < float("inf"):
        raise click.BadParameter(f"{value!r} is no rate: 100 or 100/s, 30/m, 10/h.", param=parameter)
    return rate


_SECTIONS: Final = {
    "What is read": ("--input", "--delimiter", "--whole", "--count"),
    "How it becomes messages": ("--key", "--key-delimiter", "--null", "--header", "--timestamp", "--partition"),
    "How it is sent": ("--rate", "--codec", "--acks", "--timeout"),
    "The broker": ("--broker", "--format"),
}


@click.command(
    cls=Sectioned,
    sections=_SECTIONS,
    epilog=examples(
        "gomq publish orders orders.txt                 # a line is a message",
        "tail -f app.log | gomq publish logs",
        r"gomq publish orders orders.tsv -K '\t'         # key, tab, value",
        "gomq publish images --whole *.png              # a file is a message",
        "echo | gomq publish orders -k 42 --null        # a tombstone for key 42",
        r"find . -print0 | gomq publish paths -D '\0'",
        "gomq publish orders big.txt -z zstd --rate 1000/s",
        "gomq subscribe a --replay --exit --format json | gomq publish b --input json",
    ),
)
@click.argument("topic", callback=topic_name, shell_complete=complete_topics)
@click.argument(
    "files",
    nargs=-1,
    metavar="[FILE]...",
    type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path),
)
@broker_option
@option(
    "--input",
    "input_format",
    envvar="GOMQ_PUBLISH_INPUT",
    type=click.Choice(["text", "json"]),
    default="text",
    help="json: each line is an object, as `gomq subscribe --format json` prints it.",
)
@option("-k", "--key", callback=_key, metavar="TEXT", help="Key of each message.")
@option(
    "-K",
    "--key-delimiter",
    callback=delimiter,
    metavar="TEXT",
    help=r"What is in front of it is the message's key; \t is a tab.",
)
@option("-D", "--delimiter", callback=delimiter, metavar="TEXT", help=r"Between messages, not a newline: \0, \xNN.")
@option("--whole", "is_whole", envvar="GOMQ_PUBLISH_WHOLE", is_flag=True, help="Each file is one message.")
@option(
    "-Z",
    "--null",
    "empty_is_null",
    envvar="GOMQ_PUBLISH_NULL",
    is_flag=True,
    help="An empty value is null, a tombstone: with a key it deletes that in a compacted topic.",
)
@option(
    "-H",
    "--header",
    "headers",
    envvar="GOMQ_PUBLISH_HEADER",
    callback=pairs,
    multiple=True,
    metavar="NAME=VALUE",
    help="Header of each message.",
)
@option(
    "--timestamp",
    callback=_timestamp,
    metavar="TIME",
    help="Of each message: 2026-11-26T10:00Z, @MS, or 15m for so long ago.",
)
@option(
    "-p",
    "--partition",
    callback=_partition,
    metavar="N|any",
    help="For all messages; any: chosen by the key, or in turn, also where --input json names one.",
)
@option("--count", "-c", type=click.IntRange(min=1), metavar="N", help="End after so many messages.")
@option("--rate", callback=_rate, metavar="N[/s]", help="At most so many messages a second; /m and /h, too.")
@option(
    "-z", "--codec", type=click.Choice([codec.name.lower() for codec in Codec]), default="none", help="Compress with."
)
@option("--acks", type=click.Choice(list(_ACKS)), default="all", help="all: on disk; 1: received; 0: sent.")
@option(
    "--timeout",
    type=Number(min=0, min_open=True, max=_MOST_SECONDS),
    default=120.0,
    metavar="SECONDS",
    help="For how long delivery is tried.",
)
@format_option
def publish(**options: Any) -> int:  # noqa: ANN401 - the options, which Choices has with their types
    """Publish lines as messages.

    Each line of the files, or of the standard input, is one. It ends when all are acknowledged. Lines that come slowly
    are published as they come. A topic that does not exist is created if the broker does that.

    An object of --input json may name a partition, which the topic must have; -p counts more.

    The first Ctrl-C ends the reading; what was read is still published, for ten seconds at most, and then it says what
    is acknowledged and where to go on. The second one ends it at once. A failure says so, too.
    """
    choices = Choices(**options)
    choices.check()
    code: int = run(lambda: _publish(choices))
    return code


async def _publish(choices: Choices) -> int:
    from gomq.cli.interrupts import interruptible  # noqa: PLC0415 - help is not to wait for the client
    from gomq.cli.publish.input import STDIN, Input  # noqa: PLC0415
    from gomq.cli.publish.run import Publishing  # noqa: PLC0415
    from gomq_dump.progress import progress  # noqa: PLC0415

    files = choices.files or (STDIN,)
    if STDIN in files and sys.stdin is not None and sys.stdin.isatty():
        print("% each line that you type is a message; Ctrl-D ends it", file=sys.stderr)
    source = Input(files, None if choices.is_whole else choices.delimiter or b"\n")
    producer = _producer(choices)
    async with interruptible(grace=_GRACE_SECONDS) as interruption:
        with progress("publishing", source.total_bytes()) as on_progress:
            publishing = Publishing(producer, _plan(choices), source, interruption, on_progress)
            try:
                with interruption.scope:
                    async with producer:
                        interruption.stop = source.stop
                        await publishing.run()
            except Exception as failure:
                if publishing.tally.has_begun:
                    _tell(publishing.tally, choices, "gomq: ")
                error = first_failure(failure)
                if choices.is_json and isinstance(error, UnknownTopicError) and " partition " in str(error):
                    raise GomqError(f"{error}; -p any chooses partitions anew, -p N takes one") from error
                raise
        if interruption.exit_code:
            publishing.note_interruption()
    _tell(publishing.tally, choices, "interrupted: " if interruption.exit_code else "")
    return interruption.exit_code


def _producer(choices: Choices) -> "Producer":
    from gomq.client import Producer  # noqa: PLC0415

    return Producer(
        choices.broker,
        acks=_ACKS[choices.acks],
        codec=choices.codec,
        delivery_timeout=choices.timeout,
    )


def _plan(choices: Choices) -> "Plan":
    from gomq.cli.pacing import Rate  # noqa: PLC0415
    from gomq.cli.publish.run import Plan  # noqa: PLC0415

    return Plan(
        topic=choices.topic,
        form=_form(choices),
        partition=None if choices.partition == ANY else choices.partition,
        rate=None if choices.rate is None else Rate(choices.rate),
        count=choices.count,
    )


def _form(choices: Choices) -> "Form":
    from gomq.cli.publish.form import Common, Lines, Objects  # noqa: PLC0415

    headers = tuple((name, value.encode()) for name, value in choices.headers)
    common = Common(key=choices.key, headers=headers, timestamp=choices.timestamp)
    if choices.is_json:
        return Objects(common=common, keeps_partitions=choices.partition is None)
    return Lines(common=common, key_delimiter=choices.key_delimiter, empty_is_null=choices.empty_is_null)


def _tell(tally: "Tally", choices: Choices, prefix: str) -> None:
    if choices.output_format == "json":
        print(json.dumps(tally.fields()))
    else:
        print(f"{prefix}{tally}", file=sys.stderr)
