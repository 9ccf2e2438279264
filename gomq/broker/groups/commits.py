"""The batch that a group's commit is written down as: a record for each partition. Bytes and values only.

All of a commit's records are in one batch, so that all of them count, or none, as in Kafka. There may be tens of
thousands, and a client may send such a commit again and again: what the records have in common is laid out once, and
what is left of each is put together in one step. It is what ``records.py`` writes, field by field.
"""

import struct
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from gomq.broker.groups.fields import MAX_STRING_BYTES
from gomq.broker.groups.records import (
    WRITTEN_VERSION,
    OffsetCommitKey,
    OffsetCommitValue,
    encode_key,
    encode_offset_commit,
)
from gomq_storage.layout import TopicPartition
from gomq_storage.record import NewRecord, build_batch, encode_records

_PARTITION: Final = struct.Struct(">i")
"""The last field of a key."""
_HEAD: Final = struct.Struct(">hqih")
"""A value up to its metadata: version, offset, leader epoch, size of the metadata."""
_TIMESTAMP: Final = struct.Struct(">q")
"""What is behind the metadata."""
_EXPIRING_VERSION: Final = 1
"""The only layout that says when an offset expires; it is written where a client has asked for that."""


def lay_out_commit(group_id: str, offsets: Mapping[TopicPartition, OffsetCommitValue], *, now_ms: int) -> bytes:
    """Write a commit's records, as one batch.

    Args:
        group_id: whose they are.
        offsets: how far it got; at least one.
        now_ms: the records' timestamp.

    Raises:
        ValueError, struct.error: a string or a number is too large for its field.
    """
    keys = _keys(group_id, offsets)
    records = (NewRecord(_value(value), key) for key, value in zip(keys, offsets.values(), strict=True))
    return build_batch(
        encode_records(records, base_timestamp=now_ms),
        record_count=len(offsets),
        base_timestamp=now_ms,
        max_timestamp=now_ms,
    )


def _keys(group_id: str, partitions: Iterable[TopicPartition]) -> Iterator[bytes]:
    prefixes: dict[str, bytes] = {}
    for topic, partition in partitions:
        prefix = prefixes.get(topic)
        if prefix is None:
            whole = encode_key(OffsetCommitKey(group=group_id, topic=topic, partition=partition))
            prefix = prefixes[topic] = whole[: -_PARTITION.size]
        yield prefix + _PARTITION.pack(partition)


def _value(value: OffsetCommitValue) -> bytes:
    if value.expire_timestamp >= 0:
        return encode_offset_commit(value, version=_EXPIRING_VERSION)
    text = value.metadata.encode()
    if len(text) > MAX_STRING_BYTES:
        return encode_offset_commit(value)  # which says what is wrong
    head = _HEAD.pack(WRITTEN_VERSION, value.offset, value.leader_epoch, len(text))
    return head + text + _TIMESTAMP.pack(value.commit_timestamp)
