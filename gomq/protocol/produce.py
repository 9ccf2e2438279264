"""Produce, laid out by hand: a broker's response and a client's request, versions 3 to 13.

v5 log start offset; v8 record errors and an error message; v9 flexible; v10 tagged leader hints; v13 topic ids.
The other two directions are kio's, whose readers are native.
"""

import struct
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple
from uuid import UUID

from gomq.protocol import requests, responses
from gomq.protocol.api import Api
from gomq.protocol.layout import INT32, NO_TAGS, array_size, bytes_size, null_string, string, topic_key

_FLEXIBLE_SINCE: Final = 9
_PARTITION: Final = struct.Struct(">ihqq")
_INT64: Final = struct.Struct(">q")


class RecordError(NamedTuple):
    """Why one record made the broker refuse its batch (KIP-467)."""

    batch_index: int
    """How many records of the batch are in front of it."""
    message: str


class ProducedPartition(NamedTuple):
    """What became of one partition's batch."""

    partition: int
    error_code: int
    base_offset: int = -1
    log_append_time: int = -1
    log_start_offset: int = -1
    error_message: str | None = None
    record_errors: tuple[RecordError, ...] = ()


def encode_response(
    version: int, correlation_id: int, topics: Iterable[tuple[str | UUID, list[ProducedPartition]]]
) -> bytes:
    """Lay out a Produce response as a whole frame."""
    flexible = version >= _FLEXIBLE_SINCE
    topics = list(topics)
    parts = [array_size(len(topics), flexible=flexible)]
    for topic, partitions in topics:
        parts.append(topic_key(topic, flexible=flexible))
        parts.append(array_size(len(partitions), flexible=flexible))
        for partition in partitions:
            parts.extend(_partition(partition, version, flexible=flexible))
        if flexible:
            parts.append(NO_TAGS)
    parts.append(INT32.pack(0))  # throttle time
    if flexible:
        parts.append(NO_TAGS)
    body = b"".join(parts)
    return responses.encode_header(Api.PRODUCE, version, correlation_id, len(body)) + body


def _partition(result: ProducedPartition, version: int, *, flexible: bool) -> Iterable[bytes]:
    index, error_code, base_offset, log_append_time, log_start_offset, message, record_errors = result
    yield _PARTITION.pack(index, error_code, base_offset, log_append_time)
    if version >= 5:
        yield _INT64.pack(log_start_offset)
    if version >= 8:
        yield array_size(len(record_errors), flexible=flexible)
        for batch_index, record_message in record_errors:
            yield INT32.pack(batch_index) + string(record_message, flexible=flexible)
            if flexible:
                yield NO_TAGS
        yield null_string(flexible=flexible) if message is None else string(message, flexible=flexible)
    if flexible:
        yield NO_TAGS


def encode_request(
    version: int,
    correlation_id: int,
    client_id: str,
    batches: Mapping[str, Mapping[int, bytes | tuple[bytes, ...]]],
    *,
    acks: int,
    timeout_ms: int,
) -> list[bytes]:
    """Lay out a Produce request as the parts of one frame, so that no batch is copied.

    Args:
        version: 3 to 12.
        correlation_id: what the response will repeat.
        client_id: who asks.
        batches: one record batch for each topic and partition, whole or in parts.
        acks: 0, 1, or -1 for all.
        timeout_ms: how long the broker may wait for the acknowledgements.
    """
    flexible = version >= _FLEXIBLE_SINCE
    parts = [
        null_string(flexible=flexible),  # no transaction
        struct.pack(">hi", acks, timeout_ms),
        array_size(len(batches), flexible=flexible),
    ]
    for topic, partitions in batches.items():
        parts.append(string(topic, flexible=flexible))
        parts.append(array_size(len(partitions), flexible=flexible))
        for partition, batch in partitions.items():
            pieces = (batch,) if isinstance(batch, bytes) else batch
            parts += (INT32.pack(partition) + bytes_size(sum(map(len, pieces)), flexible=flexible), *pieces)
            if flexible:
                parts.append(NO_TAGS)
        if flexible:
            parts.append(NO_TAGS)
    if flexible:
        parts.append(NO_TAGS)
    size = sum(map(len, parts))
    return [requests.encode_header(Api.PRODUCE, version, correlation_id, client_id, size), *parts]
