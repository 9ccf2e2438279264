"""Requests and answers of thousands of elements, read and written in a worker thread.

Each element takes some 10 us to read and some 20 us to write: on the event loop it would be every other client that
waits. A trip to a thread takes 100 us, so small ones stay where they are.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final

from anyio import to_thread

from gomq.broker.monitoring.metrics import error_codes
from gomq.protocol.api import Api
from gomq.protocol.requests import decode_request
from gomq.protocol.responses import encode_response

FEW_ELEMENTS: Final = 1000
"""Up to so many are read and written on the event loop."""


async def decode_large_request(frame: memoryview, api: Api, version: int) -> Any:  # noqa: ANN401 - one class a version
    """Read a request's body as ``decode_request`` does; errors are the same."""
    return await to_thread.run_sync(partial(decode_request, frame, api, version))


def is_large(values: Mapping[str, Any]) -> bool:
    """Say whether a response's values have more than a few elements, those of inner arrays counted too."""
    return _few_left(values, FEW_ELEMENTS) < 0


async def lay_out(api: Api, version: int, correlation_id: int, values: Mapping[str, Any]) -> bytes:
    """Lay out a response as ``encode_response`` does, a large one in a worker thread."""
    if is_large(values):
        return await to_thread.run_sync(partial(encode_response, api, version, correlation_id, values))
    return encode_response(api, version, correlation_id, values)


async def error_codes_of(values: Mapping[str, Any]) -> Sequence[int]:
    """Find the error codes in a response's values, in those of a large one in a worker thread."""
    return await to_thread.run_sync(error_codes, values) if is_large(values) else error_codes(values)


def _few_left(values: Mapping[str, Any], left: int) -> int:
    for value in values.values():
        if isinstance(value, list | tuple):
            left -= len(value)
            for element in value if left >= 0 else ():
                if not isinstance(element, Mapping):
                    break  # plain values have nothing within
                left = _few_left(element, left)
        if left < 0:
            break
    return left
