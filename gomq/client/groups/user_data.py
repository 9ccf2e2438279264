"""What the sticky assignors remember of a member, in the user data of its subscription.

Kafka's ``StickyAssignor``, versions 1 and 0 (without the generation), which nothing tells apart but their length:

    array   previous assignment: topic as a string, array of int32
    int32   generation in which that was

``CooperativeStickyAssignor`` has the generation only, for the subscription itself has the partitions.
"""

import struct
from collections.abc import Iterable
from typing import Final, NamedTuple

from gomq.client.groups.subscription import NO_GENERATION
from gomq_storage.layout import TopicPartition

_INT16: Final = struct.Struct(">h")
_INT32: Final = struct.Struct(">i")
_SMALLEST_TOPIC: Final = 6


class Previous(NamedTuple):
    """What a member had, and in which generation."""

    partitions: tuple[TopicPartition, ...] = ()
    generation: int = NO_GENERATION


def encode_previous(previous: Previous) -> bytes:
    """Write the user data of ``sticky``."""
    by_topic: dict[str, list[int]] = {}
    for topic, index in sorted(previous.partitions):
        by_topic.setdefault(topic, []).append(index)
    parts = [_INT32.pack(len(by_topic))]
    for topic, indexes in by_topic.items():
        raw = topic.encode()
        parts += [_INT16.pack(len(raw)), raw, struct.pack(f">i{len(indexes)}i", len(indexes), *indexes)]
    return b"".join((*parts, _INT32.pack(previous.generation)))


def decode_previous(data: bytes | None) -> Previous:
    """Read the user data of ``sticky``; what cannot be read is ignored, as Kafka does."""
    if not data:
        return Previous()
    try:
        partitions, end = _partitions(data)
        generation = _INT32.unpack_from(data, end)[0] if end + _INT32.size <= len(data) else NO_GENERATION
    except (struct.error, ValueError):
        return Previous()
    return Previous(partitions, max(generation, NO_GENERATION))


def encode_generation(generation: int) -> bytes:
    """Write the user data of ``cooperative-sticky``."""
    return _INT32.pack(generation)


def decode_generation(data: bytes | None) -> int:
    """Read the user data of ``cooperative-sticky``; -1 where there is none."""
    if data is None or len(data) < _INT32.size:
        return NO_GENERATION
    return max(int(_INT32.unpack_from(data)[0]), NO_GENERATION)


def _partitions(data: bytes) -> tuple[tuple[TopicPartition, ...], int]:
    (count,) = _INT32.unpack_from(data)
    position = _INT32.size
    _check_count(count, _SMALLEST_TOPIC, len(data) - position)
    found: list[TopicPartition] = []
    for _ in range(count):
        (size,) = _INT16.unpack_from(data, position)
        position += _INT16.size
        _check_count(size, 1, len(data) - position)
        topic = data[position : position + size].decode()
        position += size
        (of_topic,) = _INT32.unpack_from(data, position)
        position += _INT32.size
        _check_count(of_topic, _INT32.size, len(data) - position)
        found += _indexes(topic, struct.unpack_from(f">{of_topic}i", data, position))
        position += of_topic * _INT32.size
    return tuple(found), position


def _indexes(topic: str, indexes: Iterable[int]) -> list[TopicPartition]:
    return [TopicPartition(topic, index) for index in indexes if index >= 0]


def _check_count(count: int, each: int, left: int) -> None:
    if not 0 <= count * each <= left:
        raise ValueError(f"{count} announced, {left} bytes are left")
