"""A broker's Fetch response, laid out by hand around records that go from file to socket. Versions 4 to 18.

v5 log start offset; v7 session and error code; v11 preferred replica; v12 flexible, diverging epoch; v13 topic ids;
v16 the leader's address, where a client believes in another (KIP-951).
"""

import struct
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Final, NamedTuple, Protocol, TypeVar
from uuid import UUID

from gomq.protocol import responses
from gomq.protocol.api import Api
from gomq.protocol.layout import INT32, NO_TAGS, array_size, bytes_size, null_string, string, topic_key
from gomq_storage.varint import encode_unsigned

_FLEXIBLE_SINCE: Final = 12
LEADER_SINCE: Final = 16
_PARTITION: Final = struct.Struct(">ihqq")
_PARTITION_AND_START: Final = struct.Struct(">ihqqq")
_ERROR_AND_SESSION: Final = struct.Struct(">hi")
_ABORTED: Final = struct.Struct(">qq")
_DIVERGING: Final = struct.Struct(">BBiqB")
_LEADER: Final = struct.Struct(">BBiiB")


class Sized(Protocol):
    """Records that will be sent after the bytes in front of them."""

    @property
    def size(self) -> int:
        """How many bytes they are."""


S = TypeVar("S", bound=Sized)


class EpochEndOffset(NamedTuple):
    """A leader epoch, and where it ends."""

    epoch: int
    end_offset: int


class FetchedPartition(NamedTuple):
    """What a fetch found in one partition, apart from the records."""

    partition: int
    error_code: int
    high_watermark: int = -1
    last_stable_offset: int = -1
    log_start_offset: int = -1
    aborted: Sequence[tuple[int, int]] | None = None
    """Producer and first offset of transactions to be passed over; None where the client did not ask."""
    diverging: EpochEndOffset | None = None
    """Where the client's records stop being those of this log (KIP-595); sent from v12 on."""
    leader_epoch: int | None = None
    """The leader's, where the client believes in another; sent from v16 on."""


class Leader(NamedTuple):
    """Where the leader of all partitions is."""

    node_id: int
    host: str
    port: int


def encode_response(
    version: int,
    correlation_id: int,
    topics: Iterable[tuple[str | UUID, Sequence[tuple[FetchedPartition, S | None]]]],
    *,
    error_code: int = 0,
    session_id: int = 0,
    leader: Leader | None = None,
) -> list[bytes | S]:
    """Lay out a Fetch response: bytes to send as they are and records to send in between, in order.

    Args:
        version: of the request.
        correlation_id: of the request.
        topics: what was found.
        error_code: of the fetch as a whole.
        session_id: of the fetch session; 0 for none.
        leader: from v16 on, where a partition has a ``leader_epoch``.
    """
    layout = _layout(version)
    flexible = layout.flexible
    topics = list(topics)
    front = [INT32.pack(0)]  # throttle time
    if version >= 7:
        front.append(_ERROR_AND_SESSION.pack(error_code, session_id))
    front.append(array_size(len(topics), flexible=flexible))
    parts: list[bytes | S] = []
    for topic, partitions in topics:
        front += (topic_key(topic, flexible=flexible), array_size(len(partitions), flexible=flexible))
        for partition, records in partitions:
            front.append(_partition(partition, layout))
            if records is None:
                front.append(layout.no_records)
            else:
                front.append(bytes_size(records.size, flexible=flexible))
                parts += (b"".join(front), records)
                front.clear()
            if flexible:
                front.append(_tags(partition, leader))
        if flexible:
            front.append(NO_TAGS)
    if flexible:
        front.append(_endpoint(leader) if leader is not None else NO_TAGS)
    parts.append(b"".join(front))
    size = sum(len(part) if isinstance(part, bytes) else part.size for part in parts)
    return [responses.encode_header(Api.FETCH, version, correlation_id, size), *parts]


class _Layout(NamedTuple):
    """What is the same for every partition of a version."""

    flexible: bool
    start: struct.Struct
    """The fields in front of the aborted transactions."""
    field_count: int
    """How many these are."""
    not_asked: bytes
    """The rest, where the client did not ask about transactions."""
    none_aborted: bytes
    """The rest, where none was aborted."""
    replica: bytes
    no_records: bytes


@cache
def _layout(version: int) -> _Layout:
    flexible = version >= _FLEXIBLE_SINCE
    start, count = (_PARTITION_AND_START, 5) if version >= 5 else (_PARTITION, 4)
    replica = INT32.pack(-1) if version >= 11 else b""  # no other one is preferred
    not_asked, none_aborted = (array_size(size, flexible=flexible) + replica for size in (-1, 0))
    return _Layout(flexible, start, count, not_asked, none_aborted, replica, bytes_size(0, flexible=flexible))


def _partition(result: FetchedPartition, layout: _Layout) -> bytes:
    start = layout.start.pack(*result[: layout.field_count])
    if not result.aborted:
        return start + (layout.not_asked if result.aborted is None else layout.none_aborted)
    return start + _aborted(result.aborted, flexible=layout.flexible) + layout.replica


def _aborted(aborted: Sequence[tuple[int, int]], *, flexible: bool) -> bytes:
    end = NO_TAGS if flexible else b""
    entries = b"".join([_ABORTED.pack(*each) + end for each in aborted])
    return array_size(len(aborted), flexible=flexible) + entries


def _tags(result: FetchedPartition, leader: Leader | None) -> bytes:
    if leader is None and result.diverging is None:
        return NO_TAGS
    tags = []
    if result.diverging is not None:
        tags.append(_DIVERGING.pack(0, _DIVERGING.size - 2, *result.diverging, 0))
    if result.leader_epoch is not None and leader is not None:
        tags.append(_LEADER.pack(1, _LEADER.size - 2, leader.node_id, result.leader_epoch, 0))
    return bytes([len(tags)]) + b"".join(tags)


def _endpoint(leader: Leader) -> bytes:
    """The tagged field of the leaders' addresses, of which there is one."""
    host = string(leader.host, flexible=True)
    rack = null_string(flexible=True)
    field = b"".join((
        array_size(1, flexible=True), INT32.pack(leader.node_id), host, INT32.pack(leader.port), rack, NO_TAGS,
    ))  # fmt: skip
    return b"\1\0" + encode_unsigned(len(field)) + field
