"""Looking up offsets: a partition's first, its end, or the first at a time."""

from collections.abc import Iterable
from typing import Any, Final

from gomq.client.cluster.cluster import Cluster, Purpose
from gomq.client.cluster.leaders import ask_leaders
from gomq.protocol.api import Api

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

    async def ask(leader: int, led: list[int]) -> dict[int, Any]:
        wanted = [
            {"partition_index": index, "current_leader_epoch": _NO_EPOCH, "timestamp": timestamp} for index in led
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

    found = await ask_leaders(cluster, topic, partitions, ask, patience=patience)
    return {partition: int(result.offset) for partition, result in found.items()}
