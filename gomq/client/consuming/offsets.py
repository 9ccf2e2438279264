"""Looking up offsets: a partition's first, its end, or the first at a time."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import anyio

from gomq.client.cluster.cluster import Cluster, Purpose
from gomq.client.cluster.leaders import ask_leaders
from gomq.client.consuming.settings import READ_UNCOMMITTED
from gomq.client.consuming.start import EARLIEST, LATEST
from gomq.net.scope import first_failure
from gomq.protocol.api import Api
from gomq_storage.layout import TopicPartition

__all__ = ("EARLIEST", "LATEST", "NO_OFFSET", "look_up", "look_up_offsets")

NO_OFFSET: Final = -1
"""What a broker answers where no message is so late."""
_NOT_A_REPLICA: Final = -1
_NO_EPOCH: Final = -1


async def look_up_offsets(
    cluster: Cluster,
    topic: str,
    partitions: Iterable[int],
    *,
    timestamp: int,
    patience: float,
) -> dict[int, int]:
    """Return an offset of each partition of a topic; see ``look_up``."""
    wanted = {TopicPartition(topic, index): timestamp for index in partitions}
    found = await look_up(cluster, wanted, isolation=READ_UNCOMMITTED, patience=patience)
    return {target.partition: offset for target, offset in found.items()}


async def look_up(
    cluster: Cluster, wanted: Mapping[TopicPartition, int], *, isolation: int, patience: float
) -> dict[TopicPartition, int]:
    """Return an offset of each partition.

    Args:
        cluster: the brokers; they must know the topics.
        wanted: of each partition a timestamp: milliseconds for the first record at or after a time (``NO_OFFSET``
            where there is none), ``LATEST`` for the offset of the next record, ``EARLIEST`` for that of the first.
        isolation: 1 takes the last stable offset for the end.
        patience: seconds for which to ask again while leaders move.

    Raises:
        GomqError: the first that went wrong with any of them.
    """
    found: dict[TopicPartition, int] = {}
    by_topic: dict[str, dict[int, int]] = {}
    for target, timestamp in wanted.items():
        by_topic.setdefault(target.topic, {})[target.partition] = timestamp

    async def of_topic(topic: str, timestamps: dict[int, int]) -> None:
        results = await _of_topic(cluster, topic, timestamps, isolation=isolation, patience=patience)
        found.update((TopicPartition(topic, index), offset) for index, offset in results.items())

    try:
        async with anyio.create_task_group() as group:
            for topic, timestamps in by_topic.items():
                group.start_soon(of_topic, topic, timestamps)
    except ExceptionGroup as failures:
        raise first_failure(failures) from None
    return {target: found[target] for target in wanted}


async def _of_topic(
    cluster: Cluster, topic: str, timestamps: Mapping[int, int], *, isolation: int, patience: float
) -> dict[int, int]:
    async def ask(leader: int, led: list[int]) -> dict[int, Any]:
        wanted = [
            {"partition_index": index, "current_leader_epoch": _NO_EPOCH, "timestamp": timestamps[index]}
            for index in led
        ]
        values = {
            "replica_id": _NOT_A_REPLICA,
            "isolation_level": isolation,
            "topics": [{"name": topic, "partitions": wanted}],
        }
        connection = await cluster.connect(leader, Purpose.CONTROL)
        response = await connection.ask(Api.LIST_OFFSETS, values)
        return {
            int(partition.partition_index): partition
            for each in response.topics
            if each.name == topic
            for partition in each.partitions
        }

    found = await ask_leaders(cluster, topic, timestamps, ask, patience=patience)
    return {partition: int(result.offset) for partition, result in found.items()}
