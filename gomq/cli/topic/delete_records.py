"""``gomq topic delete-records``."""

import json
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

import click

from gomq.cli.asking import ask_admin, timeout_option
from gomq.cli.completion.completing import complete_topics
from gomq.cli.options import broker_option, confirm, examples, format_option, option, utf8, yes_option
from gomq.cli.places import Bounds, Kind, Place, PlaceError, offset_at, parse_place
from gomq.cli.tables import print_table
from gomq.errors import UnknownTopicError

if TYPE_CHECKING:  # help is not to wait for the client
    import gomq

_HEADINGS: Final = ("TOPIC", "PARTITION", "BEGIN-OFFSET")
_MAX_PARTITION: Final = (1 << 31) - 1


@click.command(
    "delete-records",
    epilog=examples(
        "gomq topic delete-records orders --partition 0 --before 1000",
        "gomq topic delete-records orders --before 7d            # what is older than a week",
        "gomq topic delete-records orders --before -100          # all but the last hundred",
        "gomq topic delete-records orders --before end --yes     # all of them",
    ),
)
@click.argument("name", metavar="TOPIC", callback=utf8, shell_complete=complete_topics)
@broker_option
@option(
    "--partition",
    "-p",
    "partitions",
    envvar="GOMQ_TOPIC_DELETE_RECORDS_PARTITION",
    type=click.IntRange(0, _MAX_PARTITION),
    multiple=True,
    metavar="N",
    help="All where it is not given.",
)
@option("--before", required=True, metavar="WHERE", help="The first message that stays: an offset, end, -N, a time.")
@yes_option
@timeout_option
@format_option
def delete_records(  # noqa: PLR0913 - the options
    *,
    name: str,
    broker: str,
    partitions: Sequence[int],
    before: str,
    yes: bool,
    timeout: float,
    output_format: str,
) -> None:
    """Delete a topic's first messages for good.

    It says how many they are and asks, unless --yes is given. Prints the first offset that there is in each partition
    then.
    """
    place = _place(before)
    if place.kind is Kind.OFFSET and not partitions:
        raise click.UsageError("an offset is one of a partition: --partition N says which.")

    async def plan(admin: "gomq.Admin") -> tuple[int, Mapping[int, int]]:
        return await _plan(admin, name, partitions, place)

    count, offsets = ask_admin(broker, timeout, plan)
    confirm(f"Delete {count} message{'' if count == 1 else 's'} of topic {name} for good?", yes=yes or not count)

    async def work(admin: "gomq.Admin") -> Mapping[int, int]:
        return await admin.delete_records(name, offsets)

    beginnings = ask_admin(broker, timeout, work)
    if output_format == "json":
        for index, beginning in beginnings.items():
            print(json.dumps({"topic": name, "partition": index, "beginning_offset": beginning}))
    else:
        print_table(_HEADINGS, [(name, str(index), str(beginning)) for index, beginning in beginnings.items()])


def _place(text: str) -> Place:
    try:
        place = parse_place(text, now_ms=time.time_ns() // 1_000_000)
    except PlaceError as error:
        raise click.BadParameter(f"{error}.", param_hint="--before") from error
    if place.kind is Kind.EARLIEST:
        raise click.BadParameter(f"nothing is before {text}.", param_hint="--before")
    return place


async def _plan(
    admin: "gomq.Admin", name: str, partitions: Sequence[int], place: Place
) -> tuple[int, Mapping[int, int]]:
    """Say how many offsets go, and before which offset in each partition."""
    topic = await admin.describe_topic(name)
    known = {
        each.index: Bounds(each.beginning_offset, each.end_offset)
        for each in topic.partitions
        if each.beginning_offset is not None and each.end_offset is not None
    }
    times: Mapping[int, int | None] = {}
    if place.kind is Kind.TIME:
        times = await admin.topic_offsets(name, place.time)
    offsets: dict[int, int] = {}
    for index in dict.fromkeys(partitions or known):
        if index not in known:
            raise UnknownTopicError(f"{name}-{index} does not exist, or has no leader")
        is_offset = place.kind is Kind.OFFSET  # one that is not there is refused, not moved
        offsets[index] = place.number if is_offset else offset_at(place, known[index], at_time=times.get(index))
    return sum(max(offset - known[index].first, 0) for index, offset in offsets.items()), offsets
