"""How answers describe a partition: who leads it and who has it. Every partition has one replica."""

from typing import Any, Final

from kio.schema.errors import ErrorCode

from gomq.broker.partition import Partition

NO_LEADER: Final = -1


def describe_partition(index: int, partition: Partition, node_id: int) -> dict[str, Any]:
    """Lay out what Metadata and DescribeTopicPartitions say of a partition."""
    offline = partition.is_offline
    return {
        "error_code": ErrorCode.leader_not_available if offline else ErrorCode.none,
        "partition_index": index,
        "leader_id": NO_LEADER if offline else node_id,
        "leader_epoch": partition.leader_epoch,
        "replica_nodes": (node_id,),
        "isr_nodes": (node_id,),
        "eligible_leader_replicas": (),
        "last_known_elr": (),
        "offline_replicas": (node_id,) if offline else (),
    }
