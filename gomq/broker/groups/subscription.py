"""What a consumer says to an assignor, as far as the broker reads it: which topics it wants.

Kafka: ``ConsumerProtocolSubscription``, whose version 0 every later one begins with:

    int16  version
    int32  count of topics, -1 for null, each an int16 length and UTF-8
    ...    user data, owned partitions, generation, rack: not read here
"""

import struct
from collections.abc import Iterable
from typing import Final

CONSUMER_PROTOCOL_TYPE: Final = "consumer"
_HEAD: Final = struct.Struct(">hi")
_SIZE: Final = struct.Struct(">h")


def subscribed_topics(subscriptions: Iterable[bytes]) -> frozenset[str] | None:
    """Say which topics some members want together; None where one of them cannot be read."""
    topics: set[str] = set()
    try:
        for subscription in subscriptions:
            topics.update(_topics(subscription))
    except (struct.error, ValueError):
        return None
    return frozenset(topics)


def _topics(data: bytes) -> Iterable[str]:
    _, count = _HEAD.unpack_from(data)
    position = _HEAD.size
    for _ in range(count):
        (size,) = _SIZE.unpack_from(data, position)
        position += _SIZE.size
        if not 0 <= size <= len(data) - position:
            raise ValueError(f"a topic's name of {size} bytes, {len(data) - position} are left")
        yield data[position : position + size].decode()
        position += size
