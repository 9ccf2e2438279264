"""Looking up offsets: a partition's first, its end, or the first at a time."""

from collections.abc import Iterable
from typing import Any, Final

import anyio

from gomq.client.cluster import Cluster, Purpose
from gomq.errors import GomqError, LeaderNotAvailableError, ProtocolError, error_for
from gomq.protocol.api import Api
from gomq_storage.layout import TopicPartition

LATEST: Final = -1
EARLIEST: Final = -2
_NOT_A_REPLICA: Final = -1
_NO_EPOCH: Final = -1
_READ_UNCOMMITTED: Final = 0


async def look_up_offsets(
    cluster: Cluster, topic: str, partitions: Iterable[int], *, timestamp: int, patience: float
) -> dict[int, int]:
    """Return an offset of each partition.

    Args:
        cluster: the brokers; they must know the topic.
        topic: whose partitions.
        partitions: which of them.
        timestamp: milliseconds for the first record at or after a time (-1 where there is none), ``LATEST`` for the
            offset of the next record, ``EARLIEST`` for that of the first.
        patience: seconds for which to ask again while leaders move.
    """
    deadline = anyio.current_time() + patience
    backoff = cluster.new_backoff()
    found: dict[int, int] = {}
    missing = set(partitions)
    while True:
        trouble = await _ask_leaders(cluster, topic, missing, timestamp, found)
        missing -= found.keys()
        if trouble is None:
            return found
        if not trouble.retriable or anyio.current_time() >= deadline:
            raise trouble
        await anyio.sleep(backoff.next())
        try:
            await cluster.refresh([topic])
        except GomqError as error:
            if not error.retriable:
                raise


async def _ask_leaders(
    cluster: Cluster, topic: str, partitions: set[int], timestamp: int, found: dict[int, int]
) -> GomqError | None:
    """Ask each leader about its partitions; return the last trouble met, if any."""
    by_leader: dict[int, list[int]] = {}
    trouble: GomqError | None = None
    for partition in sorted(partitions):
        leader = cluster.leader(topic, partition)
        if leader is None:
            trouble = LeaderNotAvailableError(f"{TopicPartition(topic, partition)} has no leader")
        else:
            by_leader.setdefault(leader, []).append(partition)
    for leader, led in by_leader.items():
        try:
            answer = await _ask(cluster, leader, topic, led, timestamp)
        except GomqError as error:
            trouble = error
            continue
        for partition in led:
            result = answer.get(partition)
            if result is None:
                trouble = ProtocolError(
                    f"the answer to ListOffsets does not mention {TopicPartition(topic, partition)}"
                )
            elif result.error_code:
                why = result.error_code.name.replace("_", " ")
                trouble = error_for(int(result.error_code), f"{TopicPartition(topic, partition)}: {why}")
            else:
                found[partition] = int(result.offset)
    return trouble


async def _ask(cluster: Cluster, leader: int, topic: str, partitions: list[int], timestamp: int) -> dict[int, Any]:
    wanted = [
        {"partition_index": index, "current_leader_epoch": _NO_EPOCH, "timestamp": timestamp} for index in partitions
    ]
    values = {
        "replica_id": _NOT_A_REPLICA,
        "isolation_level": _READ_UNCOMMITTED,
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
