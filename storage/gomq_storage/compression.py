"""The four codecs of Kafka, through cramjam, every output capped.

Snappy comes in two framings: one raw block, or the snappy-java ("xerial") stream that Kafka's own clients
write: a 16-byte header, then blocks of a big-endian size and a raw block each. Both are read; the stream
is what is written.
"""

import struct
from collections.abc import Callable
from enum import IntEnum
from typing import Final

import cramjam

from gomq_storage.errors import CorruptBatchError, DecompressedTooLargeError, UnsupportedCodecError

DEFAULT_MAX_DECOMPRESSED_BYTES: Final = 64 << 20
_XERIAL_MAGIC: Final = b"\x82SNAPPY\x00"
_XERIAL_HEADER: Final = _XERIAL_MAGIC + struct.pack(">ii", 1, 1)
_XERIAL_BLOCK_BYTES: Final = 32 << 10
_FIRST_GUESS_BYTES: Final = 64 << 10
_LZ4_INDEPENDENT: Final = 0x20


class Codec(IntEnum):
    """A codec's number is the lowest three bits of a batch's attributes."""

    NONE = 0
    GZIP = 1
    SNAPPY = 2
    LZ4 = 3
    ZSTD = 4


_BY_NUMBER: Final = tuple(Codec)


def codec_of(attributes: int) -> Codec:
    """Read the codec out of a batch's attributes."""
    number = attributes & 0b111
    if number >= len(_BY_NUMBER):
        raise UnsupportedCodecError(number)
    return _BY_NUMBER[number]


def may_be(codec: Codec, start: bytes) -> bool:
    """Whether compressed data may begin like this, of which the first five bytes are enough to tell.

    LZ4 frames whose blocks depend on each other do not count: Kafka's clients and tools refuse them.
    """
    match codec:
        case Codec.GZIP:
            return start.startswith(b"\x1f\x8b")
        case Codec.LZ4:
            return start.startswith(b"\x04\x22\x4d\x18") and len(start) > 4 and bool(start[4] & _LZ4_INDEPENDENT)
        case Codec.ZSTD:
            return start.startswith(b"\x28\xb5\x2f\xfd") or start[1:4] == b"\x2a\x4d\x18"  # or a frame to be skipped
        case _:
            return True


def compress(codec: Codec, data: bytes) -> bytes:
    """Compress the records of a batch."""
    match codec:
        case Codec.NONE:
            return data
        case Codec.GZIP:
            return bytes(cramjam.gzip.compress(data))
        case Codec.SNAPPY:
            return _compress_xerial(data)
        case Codec.LZ4:
            return _compress_lz4(data)
        case Codec.ZSTD:
            return bytes(cramjam.zstd.compress(data))


def decompress(codec: Codec, data: bytes, *, max_bytes: int = DEFAULT_MAX_DECOMPRESSED_BYTES) -> bytes:
    """Decompress the records of a batch, to at most ``max_bytes``.

    Raises:
        CorruptBatchError: the data is not what the codec writes.
        DecompressedTooLargeError: it would become larger than the cap.
    """
    match codec:
        case Codec.NONE:
            return data
        case Codec.GZIP:
            return _decompress_growing(cramjam.gzip.decompress_into, data, max_bytes)
        case Codec.SNAPPY:
            return _decompress_snappy(data, max_bytes)
        case Codec.LZ4:
            return _decompress_growing(cramjam.lz4.decompress_into, data, max_bytes)
        case Codec.ZSTD:
            return _decompress_growing(cramjam.zstd.decompress_into, data, max_bytes)


def _decompress_growing(into: Callable[[bytes, bytearray], int], data: bytes, max_bytes: int) -> bytes:
    """Decompress into a buffer that grows to the cap: what a frame says of its own size is not believed."""
    capacity = min(max_bytes, max(_FIRST_GUESS_BYTES, 4 * len(data)))
    while True:
        buffer = bytearray(capacity)
        try:
            size = into(data, buffer)
        except cramjam.DecompressionError as error:
            if "failed to write whole buffer" not in str(error):
                raise CorruptBatchError(f"cannot decompress: {error}") from error
            if capacity >= max_bytes:
                raise DecompressedTooLargeError(max_bytes) from error
            capacity = min(max_bytes, 4 * capacity)
            del buffer  # never two of them
        else:
            return bytes(memoryview(buffer)[:size])


def _compress_lz4(data: bytes) -> bytes:
    """Write a frame whose blocks stand alone: Kafka's Java clients and tools refuse linked ones."""
    compressor = cramjam.lz4.Compressor(content_checksum=False, block_linked=False)
    compressor.compress(data)
    return bytes(compressor.finish())


def _compress_xerial(data: bytes) -> bytes:
    parts = [_XERIAL_HEADER]
    for start in range(0, len(data), _XERIAL_BLOCK_BYTES):
        block = bytes(cramjam.snappy.compress_raw(data[start : start + _XERIAL_BLOCK_BYTES]))
        parts += (len(block).to_bytes(4, "big"), block)
    return b"".join(parts)


def _decompress_snappy(data: bytes, max_bytes: int) -> bytes:
    if not data.startswith(_XERIAL_MAGIC):
        return _decompress_snappy_block(data, max_bytes, left=max_bytes)
    if len(data) < len(_XERIAL_HEADER):
        raise CorruptBatchError(f"snappy stream header of {len(data)} bytes")
    parts: list[bytes] = []
    left = max_bytes
    position = len(_XERIAL_HEADER)
    while position < len(data):
        size = int.from_bytes(data[position : position + 4], "big")
        position += 4
        block = data[position : position + size]
        if size == 0 or len(block) != size:
            raise CorruptBatchError(f"snappy block of {size} bytes, {len(block)} left")
        part = _decompress_snappy_block(block, max_bytes, left=left)
        left -= len(part)
        parts.append(part)
        position += size
    return b"".join(parts)


def _decompress_snappy_block(block: bytes, max_bytes: int, *, left: int) -> bytes:
    """Decompress one block, for which ``left`` of the ``max_bytes`` are left."""
    try:
        size = cramjam.snappy.decompress_raw_len(block)
        if size > left:
            raise DecompressedTooLargeError(max_bytes)
        buffer = bytearray(size)
        size = cramjam.snappy.decompress_raw_into(block, buffer)
    except cramjam.DecompressionError as error:
        raise CorruptBatchError(f"cannot decompress: {error}") from error
    return bytes(memoryview(buffer)[:size])
