"""Which partition a message goes to: the same one for the same key as with Kafka's own clients."""

from typing import Final

_SEED: Final = 0x9747B28C
_M: Final = 0x5BD1E995
_MASK: Final = 0xFFFFFFFF


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
