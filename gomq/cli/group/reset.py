"""``gomq group reset-offsets``: where a group goes on, in two steps: a plan that is shown, and its execution."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import click

import gomq
from gomq.cli.asking import ask_admin, notice, timeout_option
from gomq.cli.completion.completing import complete_groups, complete_topics
from gomq.cli.group.plans import effect_of, from_csv, parse_length, row_fields, to_csv
from gomq.cli.naming import NamedPartitions, named_partitions
from gomq.cli.options import broker_option, examples, format_option, option, utf8
from gomq.cli.tables import print_table
from gomq.errors import ConfigurationError, GroupIdNotFoundError, NonEmptyGroupError
from gomq_dump.moments import parse_moment

if TYPE_CHECKING:  # help is not to wait for the client
    from gomq.client.admin import ResetPlan, ResetRow

Place: TypeAlias = str | int | datetime | timedelta
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_MS: Final = (datetime.max.replace(tzinfo=UTC) - _EPOCH) // timedelta(milliseconds=1)
_MOST_BYTES: Final = 16 << 20
_MAX_OFFSET: Final = (1 << 63) - 1
_HEADINGS: Final = ("GROUP", "TOPIC", "PARTITION", "CURRENT-OFFSET", "NEW-OFFSET", "AGAIN", "SKIPPED")
_TARGETS: Final = (
    "to_earliest", "to_latest", "to_current", "to_offset", "to_datetime", "by_duration", "shift_by", "from_file",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wanted:
    """Where a group is to go on, as it was said."""

    place: Place | None = None
    """The same for all partitions."""
    shift: int | None = None
    offsets: Mapping[tuple[str, int], int] | None = None
    """By topic and partition, of a file."""
    is_current: bool = False
    """Where it is; at the end where it is nowhere."""


@click.command(
    "reset-offsets",
    epilog=examples(
        "gomq group reset-offsets billing --to-earliest",
        "gomq group reset-offsets billing orders:0,1 --to-offset 1200 --execute",
        "gomq group reset-offsets billing orders --to-datetime 2026-11-26T10:00:00Z",
        "gomq group reset-offsets billing --by-duration 15m",
        "gomq group reset-offsets billing --to-current --export > offsets.csv",
        "gomq group reset-offsets billing --from-file offsets.csv --execute",
    ),
)
@click.argument("name", metavar="GROUP", callback=utf8, shell_complete=complete_groups)
@click.argument(
    "topics", nargs=-1, metavar="[TOPIC[:P,P]]...", callback=named_partitions, shell_complete=complete_topics
)
@broker_option
@option("--to-earliest", is_flag=True, help="To the first message kept.")
@option("--to-latest", is_flag=True, help="To the end.")
@option("--to-current", is_flag=True, help="To where it is; to the end where that is nowhere.")
@option("--to-offset", type=click.IntRange(0, _MAX_OFFSET), metavar="N", help="To this offset.")
@option("--to-datetime", metavar="TIME", help="To the first message at or after a time, or so long ago.")
@option("--by-duration", metavar="LENGTH", help="To the first message since so long ago: 15m, 1h30m, PT15M.")
@option("--shift-by", type=click.IntRange(-_MAX_OFFSET, _MAX_OFFSET), metavar="N", help="Forward, or back below 0.")
@option("--from-file", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="To what --export wrote.")
@option("--execute", is_flag=True, help="Do it; else it is only shown.")
@option("--export", is_flag=True, help="Print the new offsets as CSV, as kafka-consumer-groups does.")
@timeout_option
@format_option
def reset_offsets(  # noqa: PLR0913 - the options
    *,
    name: str,
    topics: Sequence[NamedPartitions],
    broker: str,
    execute: bool,
    export: bool,
    timeout: float,
    output_format: str,
    **targets: Any,  # noqa: ANN401 - the options that say where
) -> None:
    """Show where a group would go on, and with --execute have it go on there.

    In the topics that are named, or some of their partitions; where none is, in all for which it has committed. A
    group that has members is refused: stop them first. An offset that a partition does not have is moved to its
    nearest end. AGAIN and SKIPPED are messages that would be read once more, or never.
    """
    if export and output_format == "json":
        raise click.UsageError("--export prints CSV: say --format text, or leave out --export")
    wanted = _wanted(targets, name, topics)

    async def work(admin: "gomq.Admin") -> "ResetPlan":
        try:
            plan = await _plan(admin, name, topics, wanted)
            if execute:
                await admin.reset_offsets(plan)
        except NonEmptyGroupError as error:
            advice = str(error).replace("with remove_members", "with `gomq group remove-member`")
            raise NonEmptyGroupError(advice) from error
        return plan

    plan = ask_admin(broker, timeout, work)
    if export:
        print(to_csv(plan.rows), end="")
    elif output_format == "json":
        for row in plan.rows:
            print(json.dumps(row_fields(name, row), ensure_ascii=False))
    else:
        print_table(_HEADINGS, [_row(name, row) for row in plan.rows])
    _tell(plan, is_done=execute)


def _wanted(targets: Mapping[str, Any], group_id: str, topics: Sequence[NamedPartitions]) -> _Wanted:
    """Understand where the group is to go on: exactly one option says so."""
    given = [each for each in _TARGETS if targets[each] is not None and targets[each] is not False]  # 0 is an offset
    names = ["--" + each.replace("_", "-") for each in (given or _TARGETS)]
    if len(given) != 1:
        raise click.UsageError(f"say where to go on with one of {', '.join(names)}")
    if given == ["from_file"] and topics:
        raise click.UsageError("the file says which topics are meant: name none beside --from-file")
    value = targets[given[0]]
    try:
        return _understood(given[0], value, group_id)
    except (ValueError, OverflowError) as error:
        raise click.BadParameter(str(error), param_hint=names[0]) from error


def _understood(target: str, value: Any, group_id: str) -> _Wanted:  # noqa: ANN401 - the option's
    match target:
        case "to_earliest" | "to_latest" | "to_offset":
            wanted = _Wanted(place=value if target == "to_offset" else target.removeprefix("to_"))
        case "to_current":
            wanted = _Wanted(is_current=True)
        case "to_datetime":
            milliseconds = parse_moment(value, time.time_ns() // 1_000_000)
            wanted = _Wanted(place=_EPOCH + timedelta(milliseconds=min(max(milliseconds, 0), _LAST_MS)))
        case "by_duration":
            wanted = _Wanted(place=parse_length(value))
        case "shift_by":
            wanted = _Wanted(shift=value)
        case _:
            wanted = _Wanted(offsets=_of_file(value, group_id))
    return wanted


def _of_file(path: Path, group_id: str) -> dict[tuple[str, int], int]:
    offsets = from_csv(_read(path), group_id)
    if not offsets:
        raise ValueError(f"{path} has no offsets for group {group_id!r}")
    return {(each.topic, each.partition): each.offset for each in offsets}


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            raw = file.read(_MOST_BYTES + 1)
        if len(raw) <= _MOST_BYTES:
            return raw.decode("utf-8-sig")
    except OSError as error:
        raise ConfigurationError(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not UTF-8") from error
    raise ValueError(f"{path} is larger than {_MOST_BYTES} bytes")


async def _plan(admin: "gomq.Admin", name: str, topics: Sequence[NamedPartitions], wanted: _Wanted) -> "ResetPlan":
    to: Any = wanted.place
    if wanted.offsets is not None:
        to = {gomq.TopicPartition(topic, index): offset for (topic, index), offset in wanted.offsets.items()}
    elif wanted.is_current:
        to = await _current(admin, name, topics)
    partitions = None
    if topics and not isinstance(to, Mapping):
        partitions = await _partitions(admin, topics)
    return await admin.plan_reset(name, partitions=partitions, to=to, shift=wanted.shift)


async def _current(
    admin: "gomq.Admin", name: str, topics: Sequence[NamedPartitions]
) -> "Mapping[gomq.TopicPartition, int | str]":
    """Say where the group is: at the end of partitions for which it has committed nothing."""
    try:
        offsets = await admin.group_offsets(name)
    except GroupIdNotFoundError:
        offsets = {}
    committed = {partition: each.committed for partition, each in offsets.items() if each.committed is not None}
    if not topics and not committed:
        raise ConfigurationError(f"group {name!r} has committed nothing: say which topics or partitions are meant")
    partitions = await _partitions(admin, topics) if topics else list(committed)
    return {each: committed.get(each, "latest") for each in partitions}


async def _partitions(admin: "gomq.Admin", topics: Sequence[NamedPartitions]) -> "list[gomq.TopicPartition]":
    found: list[gomq.TopicPartition] = []
    for topic, named in topics:
        indexes = named
        if indexes is None:
            indexes = tuple(each.index for each in (await admin.describe_topic(topic)).partitions)
        found += [gomq.TopicPartition(topic, each) for each in indexes]
    return found


def _row(group_id: str, row: "ResetRow") -> Sequence[str]:
    effect = effect_of(row)
    numbers = (row.partition, row.current, row.new, effect.again, effect.skipped)
    return group_id, row.topic, *("-" if each is None else str(each) for each in numbers)


def _tell(plan: "ResetPlan", *, is_done: bool) -> None:
    for row in plan.rows:
        if row.is_clamped:
            held = f"it has {row.beginning_offset} to {row.end_offset}"
            notice(f"{row.topic}-{row.partition}: offset {row.wanted} is not there, {held}: its nearest end was taken")
        elif row.wanted is None:
            notice(f"{row.topic}-{row.partition}: no message is so late: the end was taken")
    changed = sum(row.is_change for row in plan.rows)
    partitions = f"{changed} partition{'' if changed == 1 else 's'}"
    effects = [effect_of(row) for row in plan.rows]
    again, skipped = sum(each.again or 0 for each in effects), sum(each.skipped or 0 for each in effects)
    if is_done:
        notice(f"group {plan.group_id!r} is reset in {partitions}: {again} read again, {skipped} skipped")
    else:
        notice(f"nothing was changed: --execute changes {partitions}, {again} are read again, {skipped} skipped")
