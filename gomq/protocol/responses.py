"""Responses, both ways: header and body. The hot ones are laid out by hand in ``produce.py`` and ``fetch.py``.

int32  correlation id
tags   only in flexible versions, and never in an ApiVersions response (KIP-511)
body
"""

from typing import Any

from gomq.errors import ProtocolError
from gomq.protocol.api import Api
from gomq.protocol.entities import Values, build, decode, encode, is_flexible, schema


def has_tagged_header(api: Api, version: int) -> bool:
    """Say whether tags stand between correlation id and body."""
    return is_flexible(api, version) and api is not Api.API_VERSIONS


def encode_header(api: Api, version: int, correlation_id: int, body_size: int) -> bytes:
    """Lay out a frame's size and a response's header."""
    tags = b"\0" if has_tagged_header(api, version) else b""
    size = 4 + len(tags) + body_size
    return size.to_bytes(4, "big") + correlation_id.to_bytes(4, "big", signed=True) + tags


def encode_response(api: Api, version: int, correlation_id: int, values: Values) -> bytes:
    """Lay out a whole response, its frame's size in front; ``values`` may name fields of other versions too."""
    body = encode(build(schema(api, version, "response"), values))
    return encode_header(api, version, correlation_id, len(body)) + body


def read_correlation_id(frame: memoryview) -> int:
    """Read which request a response answers."""
    return int.from_bytes(frame[:4], "big", signed=True)


def decode_response(frame: memoryview, api: Api, version: int) -> Any:  # noqa: ANN401 - one class a version
    """Read the body of a response.

    Raises:
        ProtocolError: the bytes do not hold what the version says.
    """
    position = 4
    if has_tagged_header(api, version):
        if len(frame) < 5 or frame[4]:
            raise ProtocolError(f"{api.name} response with tagged header fields, of which none is known")
        position = 5
    return decode(schema(api, version, "response"), frame, position)
