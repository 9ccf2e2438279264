"""Requests, both ways: header and body. The one request that is laid out by hand is ``produce.py``'s.

int16   API key
int16   API version
int32   correlation id, which the answer repeats
string  client id, int16 length, -1 for null
tags    only in flexible versions (KIP-482)
body
"""

import struct
from typing import Any, Final, NamedTuple

from gomq.errors import ProtocolError
from gomq.protocol.api import Api
from gomq.protocol.entities import build, decode, encode, is_flexible, schema
from gomq.protocol.shape import MAX_REQUEST_ELEMENTS

MIN_REQUEST_BYTES: Final = 8
_FIXED: Final = struct.Struct(">hhi")
_SIZED_FIXED: Final = struct.Struct(">ihhi")
_MAX_TAGS: Final = 64


class RequestHead(NamedTuple):
    """What must be known of a request before its body can be read."""

    api_key: int
    version: int
    correlation_id: int


def read_head(frame: memoryview) -> RequestHead:
    """Read the first eight bytes of a request."""
    return RequestHead._make(_FIXED.unpack_from(frame))


def read_client_id(frame: memoryview) -> str:
    """Read what the client calls itself, of a request whose body could be read; empty where it does not say."""
    return str(frame[10 : _client_id_end(frame)], "utf-8", "replace")


def decode_request(
    frame: memoryview,
    api: Api,
    version: int,
    *,
    max_elements: int = MAX_REQUEST_ELEMENTS,
) -> Any:  # noqa: ANN401 - one class a version
    """Read the body of a request whose head is known to be served.

    Raises:
        TooManyElementsError: its arrays have more elements than are wanted.
        ProtocolError: header or body do not hold what the version says.
    """
    position = _client_id_end(frame)
    if is_flexible(api, version):
        position = _skip_tags(frame, position)
    return decode(schema(api, version, "request"), frame, position, max_elements=max_elements)


def encode_header(api: Api, version: int, correlation_id: int, client_id: str, body_size: int) -> bytes:
    """Lay out a frame's size and a request's header."""
    raw = client_id.encode()
    tags = b"\0" if is_flexible(api, version) else b""
    size = 10 + len(raw) + len(tags) + body_size
    return b"".join((_SIZED_FIXED.pack(size, api, version, correlation_id), len(raw).to_bytes(2, "big"), raw, tags))


def encode_request(api: Api, version: int, correlation_id: int, client_id: str, values: dict[str, Any]) -> bytes:
    """Lay out a whole request, its frame's size in front; ``values`` may name fields of other versions too."""
    body = encode(build(schema(api, version, "request"), values))
    return encode_header(api, version, correlation_id, client_id, len(body)) + body


def _client_id_end(frame: memoryview) -> int:
    if len(frame) < 10:
        raise ProtocolError(f"request of {len(frame)} bytes ends within its header")
    size = int.from_bytes(frame[8:10], "big", signed=True)
    end = 10 + max(size, 0)
    if size < -1 or end > len(frame):
        raise ProtocolError(f"client id of {size} bytes in a request of {len(frame)}")
    return end


def _skip_tags(frame: memoryview, position: int) -> int:
    """Pass over the header's tagged fields, none of which is known."""
    count, position = _unsigned_varint(frame, position)
    if count > _MAX_TAGS:
        raise ProtocolError(f"{count} tagged fields in a request header, at most {_MAX_TAGS} are taken")
    for _ in range(count):
        _, position = _unsigned_varint(frame, position)
        size, position = _unsigned_varint(frame, position)
        position += size
    if position > len(frame):
        raise ProtocolError("request ends within its header")
    return position


def _unsigned_varint(frame: memoryview, position: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 35, 7):
        if position >= len(frame):
            raise ProtocolError("request ends within its header")
        byte = frame[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
    raise ProtocolError("varint longer than five bytes in a request header")
