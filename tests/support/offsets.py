"""What tests do with committed offsets over a raw connection."""

from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple
from uuid import UUID

from gomq.protocol.api import Api
from tests.support.wire import Wire

Topic = str | UUID
NO_OFFSET: Final = -1


class Committed(NamedTuple):
    """What one partition of an OffsetFetch says."""

    offset: int
    metadata: str = ""
    leader_epoch: int = -1
    error_code: int = 0


def commit_values(
    group: str,
    offsets: Mapping[Any, Mapping[int, int]],
    *,
    member_id: str = "",
    generation: int = -1,
    metadata: str | None = "",
    leader_epoch: int = -1,
    **fields: Any,
) -> dict[str, Any]:
    """Fields of an OffsetCommit request; topics by name, or by id for the versions that want that."""
    return {
        "group_id": group,
        "generation_id_or_member_epoch": generation,
        "member_id": member_id,
        "group_instance_id": None,
        "retention_time": -1,
        "topics": [
            {
                "name": topic,
                "topic_id": topic,
                "partitions": [
                    {
                        "partition_index": index,
                        "committed_offset": offset,
                        "committed_leader_epoch": leader_epoch,
                        "committed_metadata": metadata,
                    }
                    for index, offset in partitions.items()
                ],
            }
            for topic, partitions in offsets.items()
        ],
        **fields,
    }


def fetch_offsets_values(
    group: str, partitions: Mapping[Any, Iterable[int]] | None, *, stable: bool = False
) -> dict[str, Any]:
    """Fields of an OffsetFetch request about one group; None asks for all that it has committed."""
    topics = None
    if partitions is not None:
        topics = [
            {"name": topic, "topic_id": topic, "partition_indexes": tuple(indexes)}
            for topic, indexes in partitions.items()
        ]
    wanted = {"group_id": group, "topics": topics, "member_id": None, "member_epoch": -1}
    return {**wanted, "groups": [wanted], "require_stable": stable}


async def commit(
    wire: Wire, group: str, offsets: Mapping[Any, Mapping[int, int]], *, version: int = 9, **fields: Any
) -> dict[Topic, dict[int, int]]:
    """Commit offsets, and return the error code of each partition."""
    answer = await wire.ask(Api.OFFSET_COMMIT, version, **commit_values(group, offsets, **fields))
    return codes_of(answer, version)


def codes_of(answer: Any, version: int) -> dict[Topic, dict[int, int]]:
    """The error code of each partition of an answer to an OffsetCommit."""
    return {
        topic.topic_id if version >= 10 else topic.name: {
            entry.partition_index: int(entry.error_code) for entry in topic.partitions
        }
        for topic in answer.topics
    }


async def committed(
    wire: Wire,
    group: str,
    partitions: Mapping[Any, Iterable[int]] | None = None,
    *,
    version: int = 9,
    stable: bool = False,
) -> dict[Topic, dict[int, Committed]]:
    """Fetch what a group has committed; the group itself must have no error."""
    answer = await wire.ask(Api.OFFSET_FETCH, version, **fetch_offsets_values(group, partitions, stable=stable))
    (found,) = answer.groups if version >= 8 else (answer,)
    assert version < 2 or found.error_code == 0
    return {topic.topic_id if version >= 10 else topic.name: _partitions(topic) for topic in found.topics}


async def delete_offsets(wire: Wire, group: str, partitions: Mapping[str, Iterable[int]]) -> tuple[int, dict[Any, Any]]:
    """Delete offsets; the error code of the group, and of each partition."""
    topics = [
        {"name": topic, "partitions": [{"partition_index": index} for index in indexes]}
        for topic, indexes in partitions.items()
    ]
    answer = await wire.ask(Api.OFFSET_DELETE, 0, group_id=group, topics=topics)
    return int(answer.error_code), codes_of(answer, 0)


def _partitions(topic: Any) -> dict[int, Committed]:
    return {
        entry.partition_index: Committed(
            entry.committed_offset, entry.metadata, getattr(entry, "committed_leader_epoch", -1), int(entry.error_code)
        )
        for entry in topic.partitions
    }
