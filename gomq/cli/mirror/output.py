"""What ``gomq mirror`` prints: tables, or an object a line."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from gomq.cli.asking import notice
from gomq.cli.tables import print_table

if TYPE_CHECKING:
    from gomq.client.mirroring.group_offsets import CopiedOffset
    from gomq.client.mirroring.lane import CopiedPartition
    from gomq.client.mirroring.plan import MirrorPlan
    from gomq.client.mirroring.verifying import VerifiedPartition


def tell_notices(plan: "MirrorPlan", told: "MirrorPlan | None" = None) -> None:
    """Say what a user should know of a plan; not again what another one has said of a topic already."""
    known = set() if told is None else {topic.name for topic in told.topics}
    for topic in plan.topics:
        if topic.name not in known:
            for line in topic.notices:
                notice(line)


def print_plan(plan: "MirrorPlan", output_format: str) -> None:
    """Print what would be done: a row for each partition."""
    rows: list[dict[str, Any]] = [
        {
            "topic": topic.name,
            "partition": partition.partition,
            "is_new": topic.is_new or partition.partition >= topic.partitions_there,
            "source_offset": partition.position,
            "source_end": partition.source_end,
            "target_offset": partition.start.target,
            "offsets_to_copy": partition.offsets_to_copy,
            "keeps_offsets": partition.keeps_offsets,
        }
        for topic, partition in plan.partitions()
    ]
    if output_format == "json":
        _print_objects("planned", rows)
        return
    headings = ("TOPIC", "PARTITION", "AT-DEST", "FROM-OFFSET", "TO-OFFSET", "DEST-OFFSET", "OFFSETS", "SAME-OFFSETS")
    print_table(
        headings,
        [
            (
                row["topic"],
                str(row["partition"]),
                "is created" if row["is_new"] else "is there",
                *(str(row[name]) for name in ("source_offset", "source_end", "target_offset", "offsets_to_copy")),
                _word(row["keeps_offsets"]),
            )
            for row in rows
        ],
    )


def print_copied(copied: "Sequence[CopiedPartition]", output_format: str) -> None:
    """Print what was carried over."""
    if output_format == "json":
        _print_objects("copied", map(asdict, copied))
        return
    if copied:
        print_table(
            ("TOPIC", "PARTITION", "MESSAGES", "BYTES", "SOURCE-OFFSET", "DEST-OFFSET", "SAME-OFFSETS"),
            [
                (
                    each.topic,
                    *map(str, (each.partition, each.messages, each.bytes, each.source_offset, each.target_offset)),
                    _word(each.keeps_offsets),
                )
                for each in copied
            ],
        )
    for each in copied:
        if each.lost:
            notice(
                f"{each.topic}-{each.partition}: {each.lost} offsets were deleted at the source before their turn came"
            )


def print_verified(verified: "Sequence[VerifiedPartition]", output_format: str) -> None:
    """Print what comparing found, and on stderr where the sides differ first."""
    if output_format == "json":
        _print_objects("verified", ({**asdict(each), "is_same": each.is_same} for each in verified))
        return
    print()
    print_table(
        ("TOPIC", "PARTITION", "COMPARED", "ONLY-AT-SOURCE", "ONLY-AT-DEST", "SAME"),
        [
            (
                each.topic,
                *map(str, (each.partition, each.compared, each.only_at_source, each.only_at_target)),
                _word(each.is_same),
            )
            for each in verified
        ],
    )
    for each in verified:
        if each.difference is not None:
            where = f"offset {_number(each.difference.source_offset)} at the source"
            there = f"{_number(each.difference.target_offset)} at DEST"
            notice(f"{each.topic}-{each.partition}: differs at {where}, {there}: {each.difference.what}")


def print_groups(copied: "Sequence[CopiedOffset]", output_format: str) -> None:
    """Print how far groups are at both sides."""
    if output_format == "json":
        _print_objects("group", map(asdict, copied))
        return
    if copied:
        print()
        print_table(
            ("GROUP", "TOPIC", "PARTITION", "SOURCE-OFFSET", "DEST-OFFSET"),
            [
                (each.group, each.topic, *map(str, (each.partition, each.source_offset, each.target_offset)))
                for each in copied
            ],
        )
    for each in copied:
        if each.is_further:
            notice(f"group {each.group!r} has gone on at DEST in {each.topic}-{each.partition}, and stays where it is")
        if each.is_ahead:
            notice(
                f"group {each.group!r} is ahead of what is at DEST in {each.topic}-{each.partition}: mirror again, "
                "and copy it then"
            )


def _print_objects(kind: str, objects: Iterable[dict[str, Any]]) -> None:
    for fields in objects:
        print(json.dumps({"type": kind, **fields}, ensure_ascii=False))


def _word(value: bool) -> str:  # noqa: FBT001 - a cell
    return "yes" if value else "no"


def _number(value: int | None) -> str:
    return "-" if value is None else str(value)
