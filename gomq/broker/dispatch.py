"""From a request's head to its handler's answer. What cannot be answered closes the connection, as in Kafka."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from gomq.broker.context import Request, Result, State
from gomq.broker.handlers import (
    alter_configs,
    api_versions,
    create_topics,
    delete_records,
    delete_topics,
    describe_configs,
    fetch,
    find_coordinator,
    incremental_alter_configs,
    init_producer_id,
    list_offsets,
    metadata,
    offset_for_leader_epoch,
    produce,
)
from gomq.errors import ProtocolError
from gomq.net.address import Address
from gomq.net.session import Answer
from gomq.protocol.api import SERVED, Api
from gomq.protocol.requests import RequestHead, decode_request
from gomq.protocol.responses import encode_response

_HANDLERS: Final[dict[Api, Callable[[State, Request], Awaitable[Result]]]] = {
    Api.PRODUCE: produce.handle,
    Api.FETCH: fetch.handle,
    Api.LIST_OFFSETS: list_offsets.handle,
    Api.METADATA: metadata.handle,
    Api.FIND_COORDINATOR: find_coordinator.handle,
    Api.API_VERSIONS: api_versions.handle,
    Api.CREATE_TOPICS: create_topics.handle,
    Api.DELETE_TOPICS: delete_topics.handle,
    Api.DELETE_RECORDS: delete_records.handle,
    Api.INIT_PRODUCER_ID: init_producer_id.handle,
    Api.OFFSET_FOR_LEADER_EPOCH: offset_for_leader_epoch.handle,
    Api.DESCRIBE_CONFIGS: describe_configs.handle,
    Api.ALTER_CONFIGS: alter_configs.handle,
    Api.INCREMENTAL_ALTER_CONFIGS: incremental_alter_configs.handle,
}
_APIS: Final = {int(api): api for api in SERVED}


async def dispatch(state: State, reached_at: Address, head: RequestHead, frame: memoryview) -> Answer:
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
        return _encode(api, 0, head.correlation_id, api_versions.unsupported_version())
    body = decode_request(frame, api, head.version)
    request = Request(api, head.version, head.correlation_id, body, reached_at)
    result = await _HANDLERS[api](state, request)
    return _encode(api, head.version, head.correlation_id, result)


def _encode(api: Api, version: int, correlation_id: int, result: Result) -> Answer:
    if isinstance(result, Mapping):
        return [encode_response(api, version, correlation_id, result)]
    return result
