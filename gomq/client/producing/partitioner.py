"""Which partition a message goes to: the same one for the same key as with Kafka's own clients.

Messages without a key stay with one partition until a few kilobytes went there, and go on to the next when the batch
is complete (KIP-480, KIP-794): so they share batches, and all partitions get about the same.
"""

import random
from collections.abc import Callable
from typing import Final

_SEED: Final = 0x9747B28C
_M: Final = 0x5BD1E995
_MASK: Final = 0xFFFFFFFF
STICKY_BYTES: Final = 16 << 10
"""Kafka: ``batch.size``'s default."""


def murmur2(data: bytes) -> int:
    """Hash bytes as Kafka's ``Utils.murmur2`` does; the result is unsigned."""
    length = len(data)
    value = (_SEED ^ length) & _MASK
    whole = length & ~3
    for position in range(0, whole, 4):
        k = int.from_bytes(data[position : position + 4], "little") * _M & _MASK
        k ^= k >> 24
        value = (value * _M & _MASK) ^ (k * _M & _MASK)
    if whole < length:
        value ^= int.from_bytes(data[whole:], "little")
        value = value * _M & _MASK
    value ^= value >> 13
    value = value * _M & _MASK
    return value ^ (value >> 15)


def partition_of_key(key: bytes, partition_count: int) -> int:
    """Return the partition that Kafka's default partitioner would choose."""
    return (murmur2(key) & 0x7FFFFFFF) % partition_count


class StickyPartitioner:
    """Where a topic's messages without a key go. Kafka: ``BuiltInPartitioner``.

    Args:
        sticky_bytes: how much goes to one partition before another has its turn.
        first: the partition to begin with; None takes any, so that many producers do not begin with the same.
    """

    def __init__(self, *, sticky_bytes: int, first: int | None = None) -> None:
        self._sticky_bytes = sticky_bytes
        self._partition = random.randrange(1 << 16) if first is None else first  # noqa: S311 - not a secret
        self._bytes = 0

    def choose(
        self, count: int, size: int, *, is_filling: Callable[[int], bool], has_leader: Callable[[int], bool]
    ) -> int:
        """Choose a partition for a message, or for a batch of them.

        Args:
            count: of the topic's partitions, now.
            size: how many bytes will go there.
            is_filling: whether a partition has a batch that takes more.
            has_leader: whether a partition can be written to; those that cannot are passed over if others can.
        """
        partition = self._partition % count
        is_complete = self._bytes >= self._sticky_bytes and not is_filling(partition)
        if is_complete or not has_leader(partition):
            following = [(partition + step) % count for step in range(1, count + 1)]
            partition = next(filter(has_leader, following), following[0] if is_complete else partition)
            self._bytes = 0
        self._partition = partition
        self._bytes += size
        return partition
