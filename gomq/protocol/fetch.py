"""A broker's Fetch response, laid out by hand around records that go from file to socket. Versions 4 to 18.

v5 log start offset; v7 session and error code; v11 preferred replica; v12 flexible; v13 topic ids.
"""

import struct
from collections.abc import Iterable
from typing import Final, NamedTuple, Protocol, TypeVar
from uuid import UUID

from gomq.protocol import responses
from gomq.protocol.api import Api
from gomq.protocol.layout import INT32, NO_TAGS, array_size, bytes_size, topic_key

_FLEXIBLE_SINCE: Final = 12
_PARTITION: Final = struct.Struct(">ihqq")
_INT64: Final = struct.Struct(">q")


class Sized(Protocol):
    """Records that will be sent after the bytes in front of them."""

    @property
    def size(self) -> int:
        """How many bytes they are."""


S = TypeVar("S", bound=Sized)


class FetchedPartition(NamedTuple):
    """What a fetch found in one partition, apart from the records."""

    partition: int
    error_code: int
    high_watermark: int = -1
    last_stable_offset: int = -1
    log_start_offset: int = -1


def encode_response(
    version: int,
    correlation_id: int,
    topics: Iterable[tuple[str | UUID, list[tuple[FetchedPartition, S | None]]]],
    *,
    error_code: int = 0,
) -> list[bytes | S]:
    """Lay out a Fetch response: bytes to send as they are and records to send in between, in order."""
    flexible = version >= _FLEXIBLE_SINCE
    topics = list(topics)
    front = [INT32.pack(0)]  # throttle time
    if version >= 7:
        front.append(struct.pack(">hi", error_code, 0))  # no fetch session
    front.append(array_size(len(topics), flexible=flexible))
    parts: list[bytes | S] = []
    for topic, partitions in topics:
        front += (topic_key(topic, flexible=flexible), array_size(len(partitions), flexible=flexible))
        for partition, records in partitions:
            size = records.size if records is not None else 0
            front.append(_partition(partition, version, flexible=flexible))
            front.append(bytes_size(size, flexible=flexible))
            if records is not None:
                parts += (b"".join(front), records)
                front.clear()
            if flexible:
                front.append(NO_TAGS)
        if flexible:
            front.append(NO_TAGS)
    if flexible:
        front.append(NO_TAGS)
    parts.append(b"".join(front))
    size = sum(len(part) if isinstance(part, bytes) else part.size for part in parts)
    return [responses.encode_header(Api.FETCH, version, correlation_id, size), *parts]


def _partition(result: FetchedPartition, version: int, *, flexible: bool) -> bytes:
    index, error_code, high_watermark, last_stable_offset, log_start_offset = result
    raw = _PARTITION.pack(index, error_code, high_watermark, last_stable_offset)
    if version >= 5:
        raw += _INT64.pack(log_start_offset)
    raw += array_size(0, flexible=flexible)  # no aborted transactions
    if version >= 11:
        raw += INT32.pack(-1)  # no other replica is preferred
    return raw
