"""What the broker's own logs say of topics, and what they must not say any more of some. Values only.

``__gomq_metadata``     key  topic/<name>   value  {"id": "<uuid>", "partitions": 1, "configs": {...}}
``__consumer_offsets``  key  0 or 1 (int16), group and topic (strings with an int16 length), partition (int32): an
                        offset; 2, group: the group's members. Kafka: ``OffsetCommitKey``, ``GroupMetadataKey``
"""

import json
import struct
from collections.abc import Collection, Mapping
from typing import Any, Final, NamedTuple

from gomq_storage.errors import CorruptFileError
from gomq_storage.layout import MAX_PARTITION, TopicPartition, topic_name_problem

STATE: Final = TopicPartition("__gomq_metadata", 0)
COMMITTED: Final = "__consumer_offsets"
_PREFIX: Final = b"topic/"
_INT16: Final = struct.Struct(">h")
_INT32: Final = struct.Struct(">i")
_OFFSET_KEYS: Final = (0, 1)
_GROUP_KEY: Final = 2


class TopicState(NamedTuple):
    """What the broker's state says of a topic."""

    id: str
    partitions: int


class CommittedOffset(NamedTuple):
    """Whose offset it is, and in which partition."""

    group: bytes
    partition: TopicPartition


def topics_in(values: Mapping[bytes, bytes]) -> dict[str, TopicState]:
    """Say which topics there are.

    Raises:
        CorruptFileError: it cannot be understood.
    """
    return {
        key.removeprefix(_PREFIX).decode(errors="replace"): _topic(key, value)
        for key, value in values.items()
        if key.startswith(_PREFIX)
    }


def changes_of_state(values: Mapping[bytes, bytes], kept: Mapping[str, int]) -> dict[bytes, bytes | None]:
    """Say what to write, so that only some topics are left.

    Args:
        values: the state.
        kept: the topics, and how many partitions each has.
    """
    changes: dict[bytes, bytes | None] = {}
    for name, topic in topics_in(values).items():
        key = _PREFIX + name.encode()
        if name not in kept:
            changes[key] = None
        elif topic.partitions != kept[name]:
            value = {**json.loads(values[key]), "partitions": kept[name]}
            changes[key] = json.dumps(value, sort_keys=True).encode()
    return changes


def strange_offsets(keys: Collection[bytes], kept: Mapping[str, int]) -> dict[bytes, None]:
    """List the keys of offsets that are of other topics, or of partitions that those do not have."""
    found = ((key, committed_offset(key)) for key in keys)
    return dict.fromkeys(key for key, offset in found if offset is not None and not has(kept, offset.partition))


def idle_groups(keys: Collection[bytes]) -> dict[bytes, None]:
    """List the keys of groups that none of these offsets is of."""
    used = {offset.group for key in keys if (offset := committed_offset(key)) is not None}
    groups = (key for key in keys if _version(key) == _GROUP_KEY)
    return dict.fromkeys(key for key in groups if key[2 * _INT16.size :] not in used)


def has(kept: Mapping[str, int], partition: TopicPartition) -> bool:
    """Whether a partition is one of these topics', of which it is said how many they have."""
    return partition.partition < kept.get(partition.topic, 0)


def committed_offset(key: bytes) -> CommittedOffset | None:
    """Understand a key of ``__consumer_offsets``; None where it is about something else."""
    if _version(key) not in _OFFSET_KEYS:
        return None
    try:
        group, position = _string(key, 2)
        topic, position = _string(key, position)
        (index,) = _INT32.unpack_from(key, position)
    except struct.error:
        return None
    return CommittedOffset(group, TopicPartition(topic.decode(errors="replace"), index))


def _topic(key: bytes, value: bytes) -> TopicState:
    try:
        fields: Any = json.loads(value)
        topic = TopicState(fields["id"], fields["partitions"])
    except (ValueError, RecursionError, KeyError, TypeError) as error:
        raise CorruptFileError(f"the value of {key!r} is no topic's") from error
    name = key.removeprefix(_PREFIX).decode(errors="replace")
    is_count = type(topic.partitions) is int and 0 <= topic.partitions <= MAX_PARTITION
    if topic_name_problem(name) is not None or not is_count:
        raise CorruptFileError(f"the value of {key!r} is no topic's")
    return topic


def _version(key: bytes) -> int:
    return _INT16.unpack_from(key)[0] if len(key) >= _INT16.size else -1


def _string(key: bytes, position: int) -> tuple[bytes, int]:
    """Return a string's bytes, and where it ends; ``struct.error`` where it does not fit."""
    (size,) = _INT16.unpack_from(key, position)
    start = position + _INT16.size
    if size < 0 or start + size > len(key):
        raise struct.error("a string that ends behind the key")
    return key[start : start + size], start + size
