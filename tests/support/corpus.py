"""One well-formed request of every API and version that is served, no array of which is empty."""

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from gomq.protocol.api import Api
from gomq.protocol.requests import encode_request
from tests.support.offsets import commit_values, fetch_offsets_values
from tests.support.wire import batch, create_values, fetch_values, produce_values

TOPIC_ID: Final = UUID("0f0e0d0c-0b0a-0908-0706-050403020100")

_PARTITION: Final = {"partition_index": 0, "current_leader_epoch": -1, "timestamp": -1}
_TOPIC_IDS_SINCE: Final = {Api.PRODUCE: 13, Api.FETCH: 13, Api.OFFSET_COMMIT: 10, Api.OFFSET_FETCH: 10}
_CONFIG: Final = {"name": "segment.bytes", "config_operation": 0, "value": "1048576"}


def sample_values(api: Api, version: int) -> Mapping[str, Any]:
    """Plain values for a request, with fields of other versions too."""
    topic = TOPIC_ID if version >= _TOPIC_IDS_SINCE.get(api, 99) else "orders"
    values: dict[Api, Mapping[str, Any]] = {
        Api.PRODUCE: produce_values({topic: {0: batch(b"message"), 1: b""}}),
        Api.FETCH: {
            **fetch_values({topic: [(0, 0), (1, 7)]}),
            "forgotten_topics_data": [{"topic": "old", "topic_id": TOPIC_ID, "partitions": [1, 2, 3]}],
            "cluster_id": "cluster",
        },
        Api.LIST_OFFSETS: {
            "replica_id": -1,
            "isolation_level": 0,
            "topics": [{"name": "orders", "partitions": [_PARTITION]}],
            "timeout": 100,
        },
        Api.METADATA: {
            "topics": [{"name": "orders", "topic_id": None}, {"name": "bills", "topic_id": None}],
            "allow_auto_topic_creation": False,
            "include_cluster_authorized_operations": False,
            "include_topic_authorized_operations": False,
        },
        **_membership_values(version),
        **_admin_values(),
        Api.OFFSET_COMMIT: commit_values("group", {topic: {0: 3, 1: 7}}),
        Api.OFFSET_FETCH: fetch_offsets_values("group", {topic: [0, 1]}),
        Api.OFFSET_DELETE: {
            "group_id": "group",
            "topics": [{"name": "orders", "partitions": [{"partition_index": 0}]}],
        },
        Api.FIND_COORDINATOR: {"key": "group", "key_type": 0, "coordinator_keys": ("group", "other")},
        Api.API_VERSIONS: {"client_software_name": "wire", "client_software_version": "1.0"},
        Api.CREATE_TOPICS: create_values("created", configs={"segment.bytes": "1048576"}),
        Api.DELETE_TOPICS: {
            "topics": [{"name": "deleted", "topic_id": None}],
            "topic_names": ("deleted",),
            "timeout": 1000,
        },
        Api.INIT_PRODUCER_ID: {
            "transactional_id": None,
            "transaction_timeout": 1000,
            "producer_id": -1,
            "producer_epoch": -1,
            "enable2_pc": False,
            "keep_prepared_txn": False,
        },
        Api.DELETE_RECORDS: {
            "topics": [{"name": "orders", "partitions": [{"partition_index": 0, "offset": 0}]}],
            "timeout": 1000,
        },
        Api.OFFSET_FOR_LEADER_EPOCH: {
            "replica_id": -1,
            "topics": [
                {"topic": "orders", "partitions": [{"partition": 0, "current_leader_epoch": 0, "leader_epoch": 0}]}
            ],
        },
        Api.DESCRIBE_CONFIGS: {
            "resources": [{"resource_type": 2, "resource_name": "orders", "configuration_keys": ("segment.ms",)}],
            "include_synonyms": True,
            "include_documentation": True,
        },
        Api.ALTER_CONFIGS: {
            "resources": [{"resource_type": 2, "resource_name": "altered", "configs": [_CONFIG]}],
            "validate_only": False,
        },
        Api.INCREMENTAL_ALTER_CONFIGS: {
            "resources": [{"resource_type": 2, "resource_name": "altered", "configs": [_CONFIG]}],
            "validate_only": False,
        },
    }
    return values[api]


def _admin_values() -> dict[Api, Mapping[str, Any]]:
    return {
        Api.CREATE_PARTITIONS: {
            "topics": [{"name": "nowhere", "count": 2, "assignments": [{"broker_ids": (1,)}]}],
            "timeout": 1000,
            "validate_only": False,
        },
        Api.DESCRIBE_CLUSTER: {
            "include_cluster_authorized_operations": True,
            "endpoint_type": 1,
            "include_fenced_brokers": True,
        },
        Api.DESCRIBE_TOPIC_PARTITIONS: {
            "topics": [{"name": "orders"}],
            "response_partition_limit": 10,
            "cursor": {"topic_name": "orders", "partition_index": 0},
        },
        Api.DESCRIBE_LOG_DIRS: {"topics": [{"topic": "orders", "partitions": (0, 1)}]},
        Api.DESCRIBE_PRODUCERS: {"topics": [{"name": "orders", "partition_indexes": (0, 1)}]},
        Api.ELECT_LEADERS: {
            "election_type": 0,
            "topic_partitions": [{"topic": "orders", "partitions": (0, 1)}],
            "timeout": 1000,
        },
        Api.LIST_PARTITION_REASSIGNMENTS: {
            "topics": [{"name": "orders", "partition_indexes": (0, 1)}],
            "timeout": 1000,
        },
        Api.LIST_CONFIG_RESOURCES: {"resource_types": (2, 4)},
        **_acl_values(),
        Api.GET_TELEMETRY_SUBSCRIPTIONS: {"client_instance_id": TOPIC_ID},
        Api.PUSH_TELEMETRY: {
            "client_instance_id": TOPIC_ID,
            "subscription_id": 7,
            "terminating": False,
            "compression_type": 0,
            "metrics": b"metrics",
        },
    }


def _acl_values() -> dict[Api, Mapping[str, Any]]:
    subject = {"principal": "User:somebody", "host": "*"}
    granted = {"operation": 3, "permission_type": 3}
    asked = {
        **{f"{name}_filter": value for name, value in subject.items()},
        "resource_type_filter": 2,
        "resource_name_filter": "orders",
        "pattern_type_filter": 3,
        **granted,
    }
    return {
        Api.DESCRIBE_ACLS: asked,
        Api.CREATE_ACLS: {
            "creations": [
                {"resource_type": 2, "resource_name": "orders", "resource_pattern_type": 3, **subject, **granted}
            ]
        },
        Api.DELETE_ACLS: {"filters": [asked]},
    }


def _membership_values(version: int) -> dict[Api, Mapping[str, Any]]:
    member = {"member_id": "nobody", "group_instance_id": None, "reason": "done"}
    request = {"group_id": "group", "generation_id": 1, **member}
    return {
        Api.JOIN_GROUP: {
            "group_id": f"joined in version {version}",  # or the next one would wait for this one to join again
            "session_timeout": 10_000,
            "rebalance_timeout": 10_000,
            "member_id": "",
            "group_instance_id": None,
            "protocol_type": "consumer",
            "protocols": [{"name": "range", "metadata": b"\0\0\0\0\0\0"}],
            "reason": "new",
        },
        Api.HEARTBEAT: request,
        Api.LEAVE_GROUP: {**request, "members": [member]},
        Api.SYNC_GROUP: {
            **request,
            "protocol_type": "consumer",
            "protocol_name": "range",
            "assignments": [{"member_id": "nobody", "assignment": b"all"}],
        },
        Api.DESCRIBE_GROUPS: {"groups": ("group", "nowhere"), "include_authorized_operations": True},
        Api.LIST_GROUPS: {"states_filter": ("Stable", "Empty"), "types_filter": ("classic",)},
        Api.DELETE_GROUPS: {"groups_names": ("nowhere",)},
    }


def sample_request(api: Api, version: int, *, correlation_id: int = 7) -> bytes:
    """The whole frame, its size in front."""
    return encode_request(api, version, correlation_id, "corpus", dict(sample_values(api, version)))
