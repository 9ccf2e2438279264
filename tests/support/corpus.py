"""One well-formed request of every API and version that is served, no array of which is empty."""

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from gomq.protocol.api import Api
from gomq.protocol.requests import encode_request
from tests.support.wire import batch, create_values, fetch_values, produce_values

TOPIC_ID: Final = UUID("0f0e0d0c-0b0a-0908-0706-050403020100")

_PARTITION: Final = {"partition_index": 0, "current_leader_epoch": -1, "timestamp": -1}
_CONFIG: Final = {"name": "segment.bytes", "config_operation": 0, "value": "1048576"}


def sample_values(api: Api, version: int) -> Mapping[str, Any]:
    """Plain values for a request, with fields of other versions too."""
    topic = TOPIC_ID if api in {Api.PRODUCE, Api.FETCH} and version >= 13 else "orders"
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


def sample_request(api: Api, version: int, *, correlation_id: int = 7) -> bytes:
    """The whole frame, its size in front."""
    return encode_request(api, version, correlation_id, "corpus", dict(sample_values(api, version)))
