"""From a request's head to its handler's answer. What cannot be answered closes the connection, as in Kafka."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from gomq.broker.context import Request, Result, State
from gomq.broker.handlers import (
    alter_configs,
    api_versions,
    create_partitions,
    create_topics,
    delete_groups,
    delete_records,
    delete_topics,
    describe_cluster,
    describe_configs,
    describe_groups,
    describe_log_dirs,
    describe_producers,
    describe_topic_partitions,
    elect_leaders,
    fetch,
    find_coordinator,
    get_telemetry_subscriptions,
    heartbeat,
    incremental_alter_configs,
    init_producer_id,
    join_group,
    leave_group,
    list_config_resources,
    list_groups,
    list_offsets,
    list_partition_reassignments,
    metadata,
    offset_commit,
    offset_delete,
    offset_fetch,
    offset_for_leader_epoch,
    produce,
    push_telemetry,
    sync_group,
)
from gomq.broker.large_messages import FEW_ELEMENTS, decode_large_request, error_codes_of, lay_out
from gomq.errors import ProtocolError
from gomq.net.address import Address
from gomq.net.session import Answer
from gomq.protocol.api import SERVED, Api
from gomq.protocol.requests import RequestHead, decode_request, read_client_id
from gomq.protocol.responses import encode_response
from gomq.protocol.shape import TooManyElementsError

_HANDLERS: Final[dict[Api, Callable[[State, Request], Awaitable[Result]]]] = {
    Api.PRODUCE: produce.handle,
    Api.FETCH: fetch.handle,
    Api.LIST_OFFSETS: list_offsets.handle,
    Api.METADATA: metadata.handle,
    Api.OFFSET_COMMIT: offset_commit.handle,
    Api.OFFSET_FETCH: offset_fetch.handle,
    Api.FIND_COORDINATOR: find_coordinator.handle,
    Api.JOIN_GROUP: join_group.handle,
    Api.HEARTBEAT: heartbeat.handle,
    Api.LEAVE_GROUP: leave_group.handle,
    Api.SYNC_GROUP: sync_group.handle,
    Api.DESCRIBE_GROUPS: describe_groups.handle,
    Api.LIST_GROUPS: list_groups.handle,
    Api.API_VERSIONS: api_versions.handle,
    Api.CREATE_TOPICS: create_topics.handle,
    Api.DELETE_TOPICS: delete_topics.handle,
    Api.DELETE_RECORDS: delete_records.handle,
    Api.INIT_PRODUCER_ID: init_producer_id.handle,
    Api.OFFSET_FOR_LEADER_EPOCH: offset_for_leader_epoch.handle,
    Api.DESCRIBE_CONFIGS: describe_configs.handle,
    Api.ALTER_CONFIGS: alter_configs.handle,
    Api.DELETE_GROUPS: delete_groups.handle,
    Api.INCREMENTAL_ALTER_CONFIGS: incremental_alter_configs.handle,
    Api.CREATE_PARTITIONS: create_partitions.handle,
    Api.DESCRIBE_CLUSTER: describe_cluster.handle,
    Api.DESCRIBE_LOG_DIRS: describe_log_dirs.handle,
    Api.DESCRIBE_PRODUCERS: describe_producers.handle,
    Api.DESCRIBE_TOPIC_PARTITIONS: describe_topic_partitions.handle,
    Api.ELECT_LEADERS: elect_leaders.handle,
    Api.GET_TELEMETRY_SUBSCRIPTIONS: get_telemetry_subscriptions.handle,
    Api.LIST_CONFIG_RESOURCES: list_config_resources.handle,
    Api.LIST_PARTITION_REASSIGNMENTS: list_partition_reassignments.handle,
    Api.PUSH_TELEMETRY: push_telemetry.handle,
    Api.OFFSET_DELETE: offset_delete.handle,
}
_APIS: Final = {int(api): api for api in SERVED}


async def dispatch(state: State, reached_at: Address, client_host: str, head: RequestHead, frame: memoryview) -> Answer:
    """Read a request and have it handled.

    Raises:
        ProtocolError: the API or its version is not served, or the request cannot be read.
    """
    api = _APIS.get(head.api_key)
    if api is None:
        raise ProtocolError(f"API {head.api_key} is not served")
    if head.version not in SERVED[api]:
        if api is not Api.API_VERSIONS:
            raise ProtocolError(f"{api.name} version {head.version} is not served")
        return [encode_response(api, 0, head.correlation_id, api_versions.unsupported_version())]
    try:
        body = decode_request(frame, api, head.version, max_elements=FEW_ELEMENTS)
    except TooManyElementsError:
        body = await decode_large_request(frame, api, head.version)
    request = Request(api, head.version, head.correlation_id, body, reached_at, read_client_id(frame), client_host)
    result = await _HANDLERS[api](state, request)
    if state.metrics is not None and isinstance(result, Mapping):
        state.metrics.failed(api, await error_codes_of(result))
    if not isinstance(result, Mapping):
        return result
    return [await lay_out(api, head.version, head.correlation_id, result)]
