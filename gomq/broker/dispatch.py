"""From a request's head to its handler's answer. What cannot be answered closes the connection, as in Kafka."""

from collections.abc import Awaitable, Callable, Mapping
from importlib import import_module
from typing import Final, TypeAlias

from gomq.broker.context import Request, Result, State
from gomq.broker.handlers import (
    api_versions,
    fetch,
    find_coordinator,
    heartbeat,
    init_producer_id,
    join_group,
    leave_group,
    list_offsets,
    metadata,
    offset_commit,
    offset_fetch,
    produce,
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

_Handler: TypeAlias = Callable[[State, Request], Awaitable[Result]]
_HANDLERS: Final[dict[Api, _Handler]] = {
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
    Api.API_VERSIONS: api_versions.handle,
    Api.INIT_PRODUCER_ID: init_producer_id.handle,
}
"""What producers and consumers ask. The handlers of the rest, which administrators ask, are added at first use: no
start waits for them, and many a broker never needs them."""
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
            raise ProtocolError(_not_served(api, head.version))
        return [encode_response(api, 0, head.correlation_id, api_versions.unsupported_version())]
    try:
        body = decode_request(frame, api, head.version, max_elements=FEW_ELEMENTS)
    except TooManyElementsError:
        body = await decode_large_request(frame, api, head.version)
    request = Request(api, head.version, head.correlation_id, body, reached_at, read_client_id(frame), client_host)
    result = await (_HANDLERS.get(api) or _import_handler(api))(state, request)
    if state.metrics is not None and isinstance(result, Mapping):
        state.metrics.failed(api, await error_codes_of(result))
    if not isinstance(result, Mapping):
        return result
    return [await lay_out(api, head.version, head.correlation_id, result)]


def _not_served(api: Api, version: int) -> str:
    """Say so for whoever reads the log: the client sees a closed connection, as Kafka 4's clients do (KIP-896)."""
    oldest, newest = SERVED[api]
    why = "it is older than Kafka 2.1's" if version < oldest else "it has not asked which are"
    return f"{api.name} version {version} of the client is not served, {oldest} to {newest} are: {why}"


def _import_handler(api: Api) -> _Handler:
    handler: _Handler = import_module(f"gomq.broker.handlers.{api.schema_name}").handle
    return _HANDLERS.setdefault(api, handler)
