"""How far a group got, and how far behind the ends of its partitions it is."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from gomq.client.admin.asking import Asker, each
from gomq.client.admin.group_descriptions import GroupDescription
from gomq.client.admin.groups import describe_group
from gomq.client.admin.offsets import OffsetBounds, find_led_topic, look_up_bounds
from gomq.client.admin.refusals import distinct, refusal
from gomq.client.groups.offsets import CommittedOffset
from gomq.errors import GroupIdNotFoundError, ProtocolError, UnknownTopicError
from gomq.protocol.api import Api
from gomq_storage.layout import TopicPartition


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupOffset:
    """How far a group got in a partition."""

    committed: int | None
    """The next offset to read; None where nothing was committed."""
    metadata: str
    """A note of whoever committed it."""
    leader_epoch: int | None
    """Of the last message that was processed, where it is known (KIP-320)."""
    beginning_offset: int | None
    """Offset of the first message kept; None where the partition is gone, or has no leader to ask."""
    end_offset: int | None
    """Offset behind the last message; None where the partition is gone, or has no leader to ask."""
    member_id: str | None
    """Who reads it now; None for nobody."""

    @property
    def lag(self) -> int | None:
        """How many offsets are still to be read; None where that cannot be known."""
        if self.committed is None or self.end_offset is None:
            return None
        return max(self.end_offset - self.committed, 0)


async def group_offsets(
    asker: Asker, group_id: str, topics: Iterable[str] | None, *, description: GroupDescription | None
) -> dict[TopicPartition, GroupOffset]:
    """Return how far a group got, by topic and partition.

    Args:
        asker: who asks.
        group_id: the group.
        topics: all partitions of these; None for those that it has committed for or reads now.
        description: what is known of it already; None to ask for that first.

    Raises:
        GroupIdNotFoundError: there is no such group.
        UnknownTopicError: there is no such topic.
        BrokerError: the broker refuses.
        ExceptionGroup: several of them failed.
    """
    if description is None:
        description = await _describe_if_there(asker, group_id)
    readers = _readers(description) if description else {}
    committed = await committed_offsets(asker, group_id)
    if description is None and not committed:
        raise GroupIdNotFoundError(f"group {group_id!r} does not exist")
    if topics is None:
        wanted = sorted(committed.keys() | readers.keys())
        bounds = await _bounds(asker, {partition.topic for partition in wanted}, may_be_gone=True)
    else:
        bounds = await _bounds(asker, distinct("topic", topics), may_be_gone=False)
        wanted = sorted(bounds)
    return {
        partition: _offset(committed.get(partition), bounds.get(partition), readers.get(partition))
        for partition in wanted
    }


async def committed_offsets(asker: Asker, group_id: str) -> dict[TopicPartition, CommittedOffset]:
    """Return all that a group has committed; nothing where there is no such group.

    Raises:
        BrokerError: the broker refuses.
    """
    values = {
        "group_id": group_id,
        "topics": None,
        "groups": [{"group_id": group_id, "topics": None}],  # since version 8
        "require_stable": False,
    }

    async def ask(node: int | None) -> dict[TopicPartition, CommittedOffset]:
        response = await asker.cluster.ask(Api.OFFSET_FETCH, values, node=node)
        found = _of_group(response, group_id)
        if getattr(found, "error_code", 0):
            raise refusal(f"offsets of group {group_id!r} cannot be told", found)
        return dict(_committed(group_id, found))

    return await asker.ask_coordinator(group_id, ask)


def _of_group(response: Any, group_id: str) -> Any:  # noqa: ANN401 - one class a version
    if not hasattr(response, "groups"):
        return response
    found = [group for group in response.groups if group.group_id == group_id]
    if not found:
        raise ProtocolError(f"the answer to OFFSET_FETCH does not mention group {group_id!r}")
    return found[0]


def _committed(group_id: str, found: Any) -> Iterable[tuple[TopicPartition, CommittedOffset]]:  # noqa: ANN401
    for topic in found.topics:
        for result in topic.partitions:
            partition = TopicPartition(topic.name, int(result.partition_index))
            if result.error_code:
                raise refusal(f"offset of group {group_id!r} in {partition} cannot be told", result)
            epoch = getattr(result, "committed_leader_epoch", -1)
            if result.committed_offset >= 0:
                yield (
                    partition,
                    CommittedOffset(
                        int(result.committed_offset), result.metadata or "", int(epoch) if epoch >= 0 else None
                    ),
                )


async def _describe_if_there(asker: Asker, group_id: str) -> GroupDescription | None:
    """Describe a group; None where there is none, or none whose members this broker can be asked for."""
    try:
        return await describe_group(asker, group_id)
    except GroupIdNotFoundError:
        return None


def _readers(found: GroupDescription) -> dict[TopicPartition, str]:
    """Say which member reads which partition."""
    return {partition: member.member_id for member in found.members for partition in member.assignment or ()}


async def _bounds(
    asker: Asker, topics: Iterable[str], *, may_be_gone: bool
) -> dict[TopicPartition, OffsetBounds | None]:
    async def of_topic(name: str) -> Mapping[int, OffsetBounds | None]:
        try:
            topic = await find_led_topic(asker, name)
        except UnknownTopicError:
            if not may_be_gone:
                raise
            return {}
        found = await look_up_bounds(asker, topic)
        return {partition.index: found.get(partition.index) for partition in topic.partitions}

    by_name = await each(topics, of_topic)
    return {TopicPartition(name, index): found for name, bounds in by_name.items() for index, found in bounds.items()}


def _offset(committed: CommittedOffset | None, bounds: OffsetBounds | None, member_id: str | None) -> GroupOffset:
    return GroupOffset(
        committed=committed.offset if committed else None,
        metadata=committed.metadata if committed else "",
        leader_epoch=committed.leader_epoch if committed else None,
        beginning_offset=bounds.beginning if bounds else None,
        end_offset=bounds.end if bounds else None,
        member_id=member_id,
    )
