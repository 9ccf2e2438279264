"""``gomq mirror``: carry topics from one cluster to another, and go on where it stopped."""

import re
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

import click

from gomq.cli.asking import notice
from gomq.cli.interrupts import Interruption, interruptible
from gomq.cli.mirror import following, output
from gomq.cli.naming import pattern
from gomq.cli.options import FAILED, addresses, examples, format_option, option, run, utf8
from gomq.errors import ConnectionFailedError, GomqError
from gomq_dump.progress import progress

if TYPE_CHECKING:
    from gomq.client.mirroring.mirror import Mirror
    from gomq.client.mirroring.plan import MirrorPlan

_GRACE_SECONDS: Final = 10.0
_SIZE: Final = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,3})?)\s*([kKmMgG]?)i?[bB]?")
_FACTORS: Final = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}


class _Wanted(NamedTuple):
    """What the options say."""

    topics: Sequence[str]
    regex: re.Pattern[str] | None
    groups: Sequence[str]
    follow: bool
    dry_run: bool
    verify: bool
    output_format: str


def _bytes_per_second(_: click.Context, parameter: click.Parameter, value: str | None) -> float | None:
    if value is None:
        return None
    match = _SIZE.fullmatch(value)
    if match is None or float(match[1]) == 0:
        raise click.BadParameter(f"{value!r} is no number of bytes such as 500K, 20M or 1G", param=parameter)
    return float(match[1]) * _FACTORS[match[2].lower()]


@click.command(
    epilog=examples(
        "gomq mirror localhost:9092 kafka.example.com:9092 orders payments",
        "gomq mirror localhost:9092 kafka.example.com:9092 -r 'shop\\..*' --dry-run",
        "gomq mirror localhost:9092 kafka.example.com:9092 orders --group billing --verify",
        "gomq mirror localhost:9092 kafka.example.com:9092 orders --follow --rate 20M",
    )
)
@click.argument("source", callback=addresses, metavar="SOURCE")
@click.argument("target", callback=addresses, metavar="DEST")
@click.argument("topics", nargs=-1, callback=utf8, metavar="[TOPIC]...")
@option("-r", "--regex", callback=pattern, metavar="PATTERN", help="Topics of the source that it matches whole.")
@option(
    "--follow",
    is_flag=True,
    help="Go on with what comes, new partitions too, until Ctrl-C; else end where the topics end now.",
)
@option(
    "-g",
    "--group",
    "groups",
    envvar="GOMQ_MIRROR_GROUP",
    multiple=True,
    callback=utf8,
    metavar="GROUP",
    help="Let this group go on at DEST where it is at SOURCE; with --follow, every minute.",
)
@option("--dry-run", is_flag=True, help="Print what would be done, and do nothing.")
@option("--verify", is_flag=True, help="Read both sides again at the end, and compare every message.")
@option(
    "--rate",
    callback=_bytes_per_second,
    metavar="BYTES",
    help="Carry over at most so many bytes a second; K, M and G are understood.",
)
@option("--replication-factor", type=click.IntRange(1, 32767), help="Of topics that are created; DEST decides if not.")
@option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True, max=86400),
    default=120.0,
    metavar="SECONDS",
    help="For how long a side that is gone is waited for.",
)
@format_option
def mirror(  # noqa: PLR0913 - the options
    *,
    source: str,
    target: str,
    topics: Sequence[str],
    regex: re.Pattern[str] | None,
    follow: bool,
    groups: Sequence[str],
    dry_run: bool,
    verify: bool,
    rate: float | None,
    replication_factor: int | None,
    timeout: float,
    output_format: str,
) -> int:
    """Copy topics from the cluster at SOURCE to the one at DEST, both GoMQ, Kafka or whatever speaks its protocol.

    A topic that DEST does not have is created there, with as many partitions and the same configs. Messages go to the
    partition they come from, with key, value, headers and timestamp, compressed as they are; those of aborted
    transactions are left out.

    Started again it goes on where it stopped, however it was stopped: nothing is left out, nothing is there twice, as
    long as nobody else writes to the topics at DEST. Offsets are the same on both sides if the source has its topic
    from offset 0 on and without gaps; where it has gaps (compaction, retention, transactions) a checkpoint in the
    topic __gomq_mirror_checkpoints at DEST says which offset is which, and --group translates by it.
    """
    from gomq.client.mirroring.mirror import Mirror  # noqa: PLC0415 - help is not to wait for the client
    from gomq.client.mirroring.settings import MirrorSettings  # noqa: PLC0415

    if not topics and regex is None:
        raise click.UsageError("Name the topics to copy, or match them with --regex")
    if follow and verify:
        raise click.UsageError("--follow has no end to --verify at: run it once more without --follow")
    settings = MirrorSettings(patience=timeout, bytes_per_second=rate, replication_factor=replication_factor)
    wanted = _Wanted(topics, regex, groups, follow, dry_run, verify, output_format)

    async def work() -> int:
        async with interruptible(grace=_GRACE_SECONDS) as interruption:
            code = 0
            with interruption.scope:
                async with Mirror(source, target, settings=settings) as connected:
                    code = await _mirror(connected, wanted, interruption)
        return interruption.exit_code or code

    try:
        code: int = run(work)
    except ConnectionFailedError as error:  # no option names another broker, as the hint of other commands says
        raise GomqError(str(error)) from error
    return code


async def _mirror(connected: "Mirror", wanted: _Wanted, interruption: Interruption) -> int:
    plan = await connected.plan(wanted.topics, pattern=wanted.regex)
    output.tell_notices(plan)
    if wanted.dry_run:
        output.print_plan(plan, wanted.output_format)
        if wanted.groups:
            notice("groups are translated once the messages are there, by what was copied")
        return 0
    interruption.stop = connected.stop
    groups = wanted.groups
    try:
        if wanted.follow:
            groups = await following.follow(connected, plan, groups)
        else:
            with progress("mirroring", plan.offsets_to_copy, unit="messages") as advance:
                await connected.copy(plan, on_progress=advance)
    finally:
        sys.stderr.flush()
        output.print_copied(connected.copied(), wanted.output_format)
    if interruption.exit_code and not wanted.follow:
        notice("stopped; the same command goes on from here")
        return 0
    code = await _verify(connected, plan, wanted) if wanted.verify else 0
    output.print_groups(await connected.copy_groups(plan, groups), wanted.output_format)
    return code


async def _verify(connected: "Mirror", plan: "MirrorPlan", wanted: _Wanted) -> int:
    total = sum(each.source_offset for each in connected.copied())
    with progress("verifying", total, unit="messages") as advance:
        verified = await connected.verify(plan, on_progress=advance)
    output.print_verified(verified, wanted.output_format)
    return 0 if all(each.is_same for each in verified) else FAILED
