"""Resetting a group's offsets: looking up what a plan needs, and carrying it out.

Only a group without members can be reset, as with Kafka's own tool. A member that joins between the plan and its
execution is safe: offsets are committed without a generation, and brokers refuse that where there are members.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from gomq.client.admin.asking import Asker
from gomq.client.admin.group_descriptions import GroupState
from gomq.client.admin.group_offsets import committed_offsets
from gomq.client.admin.groups import describe_group
from gomq.client.admin.offsets import OffsetBounds, find_led_topic
from gomq.client.admin.refusals import by_topic, failures_of, raise_failures
from gomq.client.admin.resets import Reset, ResetPlan, plan, shifted
from gomq.client.consuming.offsets import NO_OFFSET, look_up
from gomq.client.consuming.settings import READ_UNCOMMITTED
from gomq.client.consuming.start import EARLIEST, LATEST, Start, fixed_offset, timestamp_of
from gomq.errors import (
    ConfigurationError,
    GomqError,
    GroupIdNotFoundError,
    IllegalGenerationError,
    NonEmptyGroupError,
    RebalanceInProgressError,
    UnknownMemberIdError,
    UnknownTopicError,
)
from gomq.protocol.api import Api
from gomq_storage.layout import TopicPartition

_INACTIVE: Final = frozenset({GroupState.EMPTY, GroupState.DEAD})
_HAS_MEMBERS: Final = (UnknownMemberIdError, IllegalGenerationError, RebalanceInProgressError)
"""What brokers say to a commit without a generation while there are members."""
_NO_GENERATION: Final = -1
_ADVICE: Final = "stop its members, or put them out with remove_members, and try again"


async def plan_reset(asker: Asker, reset: Reset, *, now_ms: int) -> ResetPlan:
    """Say what a reset would do; see ``Admin.plan_reset``."""
    await _refuse_members(asker, reset.group_id)
    committed = {each: offset.offset for each, offset in (await committed_offsets(asker, reset.group_id)).items()}
    if reset.topics is not None:
        scope = await _partitions_of(asker, reset.topics)
    else:
        named = reset.named_partitions
        if named is None and not committed:
            raise ConfigurationError(
                f"group {reset.group_id!r} has committed nothing: say which topics or partitions are meant"
            )
        scope = await _existing(asker, committed if named is None else named)
    bounds = await _bounds(asker, scope)
    wanted: Mapping[TopicPartition, int | None]
    if reset.shift is not None:
        wanted = shifted(scope, committed, reset.shift)
    else:
        wanted = await _look_up_starts(asker, reset.starts(scope), now_ms=now_ms)
    return plan(reset.group_id, wanted, committed=committed, bounds=bounds)


async def reset_offsets(asker: Asker, planned: ResetPlan) -> None:
    """Carry a plan out; see ``Admin.reset_offsets``."""
    await _refuse_members(asker, planned.group_id)
    offsets = {
        row.topic_partition: {"committed_offset": row.new, "committed_leader_epoch": -1, "committed_metadata": ""}
        for row in planned.rows
    }
    values = {
        "group_id": planned.group_id,
        "generation_id_or_member_epoch": _NO_GENERATION,
        "member_id": "",
        "group_instance_id": None,
        "retention_time": -1,  # before version 5: what the broker has
        "topics": by_topic(offsets),
    }

    async def ask(node: int | None) -> list[GomqError]:
        response = await asker.cluster.ask(Api.OFFSET_COMMIT, values, node=node)
        return failures_of(offsets, response, f"offset of group {planned.group_id!r} in {{}} cannot be reset")

    if not offsets:
        return
    failures = await asker.ask_coordinator(planned.group_id, ask)
    if failures and isinstance(failures[0], _HAS_MEMBERS):
        raise NonEmptyGroupError(f"group {planned.group_id!r} cannot be reset: a member has joined it; {_ADVICE}")
    raise_failures(failures)


async def _refuse_members(asker: Asker, group_id: str) -> None:
    try:
        found = await describe_group(asker, group_id)
    except GroupIdNotFoundError:
        return  # offsets may be committed for a group that nobody has joined yet
    if found.state not in _INACTIVE or found.members:
        count = len(found.members)
        members = f"{count} member{'s' if count != 1 else ''}"
        raise NonEmptyGroupError(
            f"group {group_id!r} cannot be reset while it has {members}, state {found.state}; {_ADVICE}"
        )


async def _partitions_of(asker: Asker, topics: Iterable[str]) -> list[TopicPartition]:
    """Find all partitions of topics; the cluster knows these then."""
    found = [await find_led_topic(asker, name) for name in topics]
    return [TopicPartition(topic.name, each.index) for topic in found for each in topic.partitions]


async def _existing(asker: Asker, partitions: Iterable[TopicPartition]) -> list[TopicPartition]:
    """Take partitions that there are; the cluster knows their topics then."""
    scope = sorted(set(partitions))
    there = await _partitions_of(asker, dict.fromkeys(partition.topic for partition in scope))
    if missing := sorted(set(scope) - set(there)):
        raise UnknownTopicError(f"{missing[0]} does not exist")
    return scope


async def _bounds(asker: Asker, scope: Iterable[TopicPartition]) -> dict[TopicPartition, OffsetBounds]:
    beginnings, ends = [await _look_up(asker, dict.fromkeys(scope, timestamp)) for timestamp in (EARLIEST, LATEST)]
    return {partition: OffsetBounds(beginnings[partition], ends[partition]) for partition in beginnings}


async def _look_up_starts(
    asker: Asker, starts: Mapping[TopicPartition, Start], *, now_ms: int
) -> dict[TopicPartition, int | None]:
    wanted: dict[TopicPartition, int | None] = {}
    timestamps: dict[TopicPartition, int] = {}
    for partition, start in starts.items():
        if (offset := fixed_offset(start)) is not None:
            wanted[partition] = offset
        else:
            timestamps[partition] = timestamp_of(start, now_ms=now_ms)
    found = await _look_up(asker, timestamps)
    return wanted | {partition: None if offset == NO_OFFSET else offset for partition, offset in found.items()}


async def _look_up(asker: Asker, wanted: Mapping[TopicPartition, int]) -> dict[TopicPartition, int]:
    return await look_up(asker.cluster, wanted, isolation=READ_UNCOMMITTED, patience=asker.patience)
