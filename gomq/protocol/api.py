"""The one table of APIs: which versions the broker serves and which the client speaks.

Versions are those of kio's schemas, which are generated from Apache Kafka's own message files.
"""

from enum import IntEnum
from typing import Final, NamedTuple


class Api(IntEnum):
    """An API's key, the first field of every request."""

    PRODUCE = 0
    FETCH = 1
    LIST_OFFSETS = 2
    METADATA = 3
    OFFSET_COMMIT = 8
    OFFSET_FETCH = 9
    FIND_COORDINATOR = 10
    JOIN_GROUP = 11
    HEARTBEAT = 12
    LEAVE_GROUP = 13
    SYNC_GROUP = 14
    DESCRIBE_GROUPS = 15
    LIST_GROUPS = 16
    API_VERSIONS = 18
    CREATE_TOPICS = 19
    DELETE_TOPICS = 20
    DELETE_RECORDS = 21
    INIT_PRODUCER_ID = 22
    OFFSET_FOR_LEADER_EPOCH = 23
    DESCRIBE_ACLS = 29
    CREATE_ACLS = 30
    DELETE_ACLS = 31
    DESCRIBE_CONFIGS = 32
    ALTER_CONFIGS = 33
    DESCRIBE_LOG_DIRS = 35
    CREATE_PARTITIONS = 37
    DELETE_GROUPS = 42
    ELECT_LEADERS = 43
    INCREMENTAL_ALTER_CONFIGS = 44
    LIST_PARTITION_REASSIGNMENTS = 46
    OFFSET_DELETE = 47
    DESCRIBE_CLUSTER = 60
    DESCRIBE_PRODUCERS = 61
    CONSUMER_GROUP_DESCRIBE = 69
    GET_TELEMETRY_SUBSCRIPTIONS = 71
    PUSH_TELEMETRY = 72
    LIST_CONFIG_RESOURCES = 74
    DESCRIBE_TOPIC_PARTITIONS = 75

    @property
    def schema_name(self) -> str:
        """What kio calls the API."""
        return self.name.lower()


class Versions(NamedTuple):
    """A range of versions, both ends included."""

    oldest: int
    newest: int

    def __contains__(self, version: object) -> bool:
        return isinstance(version, int) and self.oldest <= version <= self.newest


SERVED: Final[dict[Api, Versions]] = {
    Api.PRODUCE: Versions(3, 13),
    Api.FETCH: Versions(4, 18),
    Api.LIST_OFFSETS: Versions(1, 11),
    Api.METADATA: Versions(0, 13),
    Api.OFFSET_COMMIT: Versions(2, 10),
    Api.OFFSET_FETCH: Versions(1, 10),
    Api.FIND_COORDINATOR: Versions(0, 6),
    Api.JOIN_GROUP: Versions(0, 9),
    Api.HEARTBEAT: Versions(0, 4),
    Api.LEAVE_GROUP: Versions(0, 5),
    Api.SYNC_GROUP: Versions(0, 5),
    Api.DESCRIBE_GROUPS: Versions(0, 6),
    Api.LIST_GROUPS: Versions(0, 5),
    Api.API_VERSIONS: Versions(0, 4),
    Api.CREATE_TOPICS: Versions(2, 7),
    Api.DELETE_TOPICS: Versions(1, 6),
    Api.DELETE_RECORDS: Versions(0, 2),
    Api.INIT_PRODUCER_ID: Versions(0, 5),
    Api.OFFSET_FOR_LEADER_EPOCH: Versions(2, 4),
    Api.DESCRIBE_ACLS: Versions(1, 3),
    Api.CREATE_ACLS: Versions(1, 3),
    Api.DELETE_ACLS: Versions(1, 3),
    Api.DESCRIBE_CONFIGS: Versions(1, 4),
    Api.ALTER_CONFIGS: Versions(0, 2),
    Api.DESCRIBE_LOG_DIRS: Versions(1, 5),
    Api.CREATE_PARTITIONS: Versions(0, 3),
    Api.ELECT_LEADERS: Versions(0, 2),
    Api.LIST_PARTITION_REASSIGNMENTS: Versions(0, 0),
    Api.DESCRIBE_CLUSTER: Versions(0, 2),
    Api.DESCRIBE_PRODUCERS: Versions(0, 0),
    Api.GET_TELEMETRY_SUBSCRIPTIONS: Versions(0, 0),
    Api.PUSH_TELEMETRY: Versions(0, 0),
    Api.LIST_CONFIG_RESOURCES: Versions(0, 1),
    Api.DESCRIBE_TOPIC_PARTITIONS: Versions(0, 0),
    Api.DELETE_GROUPS: Versions(0, 2),
    Api.INCREMENTAL_ALTER_CONFIGS: Versions(0, 1),
    Api.OFFSET_DELETE: Versions(0, 0),
}
"""What the broker answers."""

UNLISTED: Final = frozenset({Api.GET_TELEMETRY_SUBSCRIPTIONS, Api.PUSH_TELEMETRY})
"""What ApiVersions does not list: nobody wants clients' metrics (KIP-714)."""

ADVERTISED_PRODUCE_OLDEST: Final = 0
"""What ApiVersions says of Produce, though 0 to 2 are refused: librdkafka before 2.11 takes a broker
that does not list them for one without compression (KAFKA-18659; Kafka 4 says 0 for the same reason)."""

SPOKEN: Final[dict[Api, Versions]] = {
    Api.PRODUCE: Versions(3, 12),
    Api.FETCH: Versions(4, 17),
    Api.LIST_OFFSETS: Versions(1, 8),
    Api.METADATA: Versions(4, 12),
    Api.FIND_COORDINATOR: Versions(0, 5),
    Api.OFFSET_FETCH: Versions(1, 9),
    Api.OFFSET_COMMIT: Versions(2, 9),
    Api.JOIN_GROUP: Versions(2, 9),
    Api.SYNC_GROUP: Versions(0, 5),
    Api.HEARTBEAT: Versions(0, 4),
    Api.LEAVE_GROUP: Versions(0, 5),
    Api.API_VERSIONS: Versions(0, 3),
    Api.CREATE_TOPICS: Versions(2, 7),
    Api.DELETE_TOPICS: Versions(1, 5),
    Api.DELETE_RECORDS: Versions(0, 2),
    Api.INIT_PRODUCER_ID: Versions(0, 4),
    Api.OFFSET_FOR_LEADER_EPOCH: Versions(3, 4),
    Api.DESCRIBE_CONFIGS: Versions(1, 4),
    Api.INCREMENTAL_ALTER_CONFIGS: Versions(0, 1),
    Api.CREATE_PARTITIONS: Versions(0, 3),
    Api.DESCRIBE_LOG_DIRS: Versions(1, 4),
    Api.DESCRIBE_CLUSTER: Versions(0, 1),
    Api.DESCRIBE_PRODUCERS: Versions(0, 0),
    Api.DESCRIBE_GROUPS: Versions(0, 6),
    Api.CONSUMER_GROUP_DESCRIBE: Versions(0, 1),
    Api.LIST_GROUPS: Versions(0, 5),
    Api.DELETE_GROUPS: Versions(0, 2),
    Api.OFFSET_DELETE: Versions(0, 0),
}
"""What the client asks with. It produces to topics by name, so Produce stops before topic ids came in."""


def common_version(api: Api, offered: Versions) -> int | None:
    """Pick the newest version that the client speaks and a broker offers, or None."""
    spoken = SPOKEN[api]
    newest = min(spoken.newest, offered.newest)
    return newest if newest >= max(spoken.oldest, offered.oldest) else None
