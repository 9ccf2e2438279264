"""What a client may do, as answers tell it: bit fields of Kafka's ``AclOperation`` codes.

Whoever reaches the broker may do everything, so each kind of resource has all operations that there are for it
(Kafka: ``AclEntry.supportedOperations``).
"""

from enum import IntEnum
from functools import reduce
from operator import or_
from typing import Final

NOT_ASKED: Final = -(2**31)
"""What is told where the request does not ask."""


class Operation(IntEnum):
    """Kafka's codes."""

    READ = 3
    WRITE = 4
    CREATE = 5
    DELETE = 6
    ALTER = 7
    DESCRIBE = 8
    CLUSTER_ACTION = 9
    DESCRIBE_CONFIGS = 10
    ALTER_CONFIGS = 11
    IDEMPOTENT_WRITE = 12


def bit_field(*operations: Operation) -> int:
    """Set the bits of some operations."""
    return reduce(or_, (1 << operation for operation in operations), 0)


ON_TOPIC: Final = bit_field(
    Operation.READ,
    Operation.WRITE,
    Operation.CREATE,
    Operation.DELETE,
    Operation.ALTER,
    Operation.DESCRIBE,
    Operation.DESCRIBE_CONFIGS,
    Operation.ALTER_CONFIGS,
)
ON_CLUSTER: Final = bit_field(
    Operation.CREATE,
    Operation.ALTER,
    Operation.DESCRIBE,
    Operation.CLUSTER_ACTION,
    Operation.DESCRIBE_CONFIGS,
    Operation.ALTER_CONFIGS,
    Operation.IDEMPOTENT_WRITE,
)
