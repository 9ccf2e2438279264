"""Where a partition's replicas may be: on the one broker. Kafka: ``validateManualPartitionAssignment``."""

from collections.abc import Sequence
from typing import Final

from kio.schema.errors import ErrorCode

from gomq.errors import BrokerError

REPLICATION_FACTOR: Final = 1
_MOST_SHOWN: Final = 10


def check_replicas(broker_ids: Sequence[int], node_id: int) -> None:
    """Check a partition's assignment to brokers.

    Raises:
        BrokerError: with INVALID_REPLICA_ASSIGNMENT: it is not to this broker, once.
    """
    if not broker_ids:
        problem = "a partition is assigned to no broker"
    elif unknown := [each for each in broker_ids if each != node_id]:
        problem = f"a partition is assigned to brokers {unknown[:_MOST_SHOWN]}, and the only one is {node_id}"
    elif len(broker_ids) > REPLICATION_FACTOR:
        problem = f"a partition is assigned to broker {node_id} more than once"
    else:
        return
    raise BrokerError(problem, code=ErrorCode.invalid_replica_assignment)
