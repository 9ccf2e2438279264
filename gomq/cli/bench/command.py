"""``gomq bench``: measure a broker from the outside, with GoMQ's client."""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

import click

from gomq.cli.asking import timeout_option
from gomq.cli.bench.plan import MARK_BYTES, Load
from gomq.cli.completion.completing import complete_topics
from gomq.cli.help import Group
from gomq.cli.options import Number, broker_option, examples, format_option, option, run, topic_name

if TYPE_CHECKING:  # help is not to wait for the client
    from gomq.cli.bench.session import Target

_Command: TypeAlias = Callable[..., Any]
_MOST_BYTES: Final = 100 << 20
_MOST_PARTITIONS: Final = (1 << 31) - 1
"""A request has no room for more; a broker takes fewer."""
_CODECS: Final = ("none", "gzip", "snappy", "lz4", "zstd")
_ACKS: Final[dict[str, Literal["all", 0, 1]]] = {"all": "all", "1": 1, "0": 0}
_SECONDS: Final = 5.0
_RATE: Final = 100.0
_COUNT: Final = 1_000_000

_topic: Final = click.argument("topic", required=False, callback=topic_name, shell_complete=complete_topics)
_count: Final = option("--count", type=click.IntRange(min=1), metavar="N", help="End after so many messages.")
_seconds: Final = option("--seconds", type=Number(min=0, min_open=True), metavar="S", help="End after so long.")
_rate: Final = option(
    "--rate", type=Number(min=0, min_open=True), metavar="N", help="Messages a second; else as many as go."
)
_interval: Final = option(
    "--interval",
    type=Number(min=0),
    default=1.0,
    metavar="SECONDS",
    help="How often a line on stderr says how it goes; 0 for never.",
)


def _publishing(command: _Command) -> _Command:
    """Give a command the options of whatever publishes."""
    options = (
        option("--size", type=click.IntRange(0, _MOST_BYTES), default=100, metavar="BYTES", help="Of a message."),
        option(
            "--partitions",
            type=click.IntRange(1, _MOST_PARTITIONS),
            default=1,
            help="Of the topic, where it is made for this.",
        ),
        option("--producers", type=click.IntRange(1, 1000), default=1, help="Each with connections of its own."),
        option("--acks", type=click.Choice(list(_ACKS)), default="all", help="all: on disk; 1: received; 0: sent."),
        option("-z", "--codec", type=click.Choice(_CODECS), default="none", help="Compress with."),
        option("--linger", type=Number(0, 60), default=0.0, metavar="SECONDS", help="Wait for fuller batches."),
        option(
            "--batch-bytes",
            type=click.IntRange(100, _MOST_BYTES),
            default=1_000_000,
            metavar="BYTES",
            help="The most that a batch of several messages has.",
        ),
    )
    for each in reversed(options):
        command = each(command)
    return command


@click.group(cls=Group, epilog=examples("gomq bench publish --size 1000", "gomq bench latency"))
def bench() -> None:
    """Measure a broker: how much it takes and gives, and how long a message takes.

    Where no topic is named, one is made and removed at the end, also after Ctrl-C. A MB is 1,000,000 bytes.
    """


@bench.command(
    epilog=examples(
        "gomq bench publish",
        "gomq bench publish --size 1024 --seconds 30 --acks 1 -z lz4",
        "gomq bench publish orders --rate 5000 --count 100000 --format json",
    )
)
@_topic
@broker_option
@_count
@_seconds
@_rate
@_publishing
@_interval
@timeout_option
@format_option
def publish(*, count: int | None, seconds: float | None, rate: float | None, **options: Any) -> int:  # noqa: ANN401
    """Publish as fast as it goes, or at a rate, and say how much that was and how long acknowledgements took.

    For 5 seconds, where neither --count nor --seconds is given. Times are those from handing a message over to its
    acknowledgement; with --rate, from when it was due. In a topic that is named the messages stay.
    """
    from gomq.cli.bench.runs import bench_publish  # noqa: PLC0415 - help is not to wait for the client

    load = _load(options, count, _SECONDS if count is None and seconds is None else seconds, rate)
    code: int = run(lambda: bench_publish(_target(options), load))
    return code


@bench.command(
    epilog=examples("gomq bench subscribe", "gomq bench subscribe orders --seconds 10", "gomq bench subscribe -z zstd")
)
@_topic
@broker_option
@_count
@_seconds
@_publishing
@_interval
@timeout_option
@format_option
def subscribe(*, count: int | None, seconds: float | None, **options: Any) -> int:  # noqa: ANN401 - the others
    """Receive what a topic has from its first message on, and say how much that was.

    Where none is named, one is filled first, with --count messages: a million if that is not given.
    """
    from gomq.cli.bench.runs import bench_subscribe  # noqa: PLC0415 - help is not to wait for the client

    if options["topic"] is None and count is None:
        count = _COUNT
    code: int = run(lambda: bench_subscribe(_target(options), _load(options, count, seconds, None)))
    return code


@bench.command(
    epilog=examples("gomq bench latency", "gomq bench latency --rate 1000 --seconds 30", "gomq bench latency --acks 1")
)
@_topic
@broker_option
@_count
@_seconds
@option("--rate", type=Number(0, 20000, min_open=True), default=_RATE, metavar="N", help="Messages a second.")
@_publishing
@_interval
@timeout_option
@format_option
def latency(*, count: int | None, seconds: float | None, rate: float, **options: Any) -> int:  # noqa: ANN401
    """Say how long messages take from when they are published until a consumer that waits for them has them.

    And how long until they are acknowledged. For 5 seconds, where neither --count nor --seconds is given.
    """
    from gomq.cli.bench.runs import bench_latency  # noqa: PLC0415 - help is not to wait for the client

    if options["size"] < 2 * MARK_BYTES:
        raise click.BadParameter(f"a message needs {2 * MARK_BYTES} bytes to be known again", param_hint="--size")
    load = _load(options, count, _SECONDS if count is None and seconds is None else seconds, rate)
    code: int = run(lambda: bench_latency(_target(options), replace(load, at_once=1)))
    return code


def _load(options: dict[str, Any], count: int | None, seconds: float | None, rate: float | None) -> Load:
    return Load(size=options["size"], count=count, seconds=seconds, rate=rate, batch_bytes=options["batch_bytes"])


def _target(options: dict[str, Any]) -> "Target":
    from gomq.cli.bench.session import Target  # noqa: PLC0415 - help is not to wait for the client

    return Target(
        broker=options["broker"],
        topic=options["topic"],
        partitions=options["partitions"],
        acks=_ACKS[options["acks"]],
        codec=options["codec"],
        linger=options["linger"],
        producers=options["producers"],
        timeout=options["timeout"],
        interval=options["interval"],
        output_format=options["output_format"],
    )
