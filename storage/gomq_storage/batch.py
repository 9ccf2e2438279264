"""The header of a record batch, message format 2: view, check, stamp, date. Kafka: ``DefaultRecordBatch``.

    position  size  field                        covered by the CRC
           0     8  base offset                  no
           8     4  length of all that follows   no
          12     4  partition leader epoch       no
          16     1  magic, 2                     no
          17     4  CRC-32C of byte 21 to the end
          21     2  attributes                   yes, as all below
          23     4  last offset delta
          27     8  base timestamp, ms
          35     8  max timestamp, ms
          43     8  producer id
          51     2  producer epoch
          53     4  base sequence
          57     4  record count
          61        the records, compressed as one where the attributes say so

Attributes: bits 0-2 codec, 3 timestamp type (1: log append time), 4 transactional, 5 control batch,
6 the base timestamp is a delete horizon (KIP-534).

A broker stamps base offset and leader epoch without touching the CRC. So these two, the length and the magic
are protected by nothing but their neighbours: a reader must check that offsets go on where they should.

What is inside the records is ``record.py``'s. Nothing here copies them.
"""

import struct
from collections.abc import Iterator
from typing import Final, NamedTuple, TypeAlias

from crc32c import crc32c

from gomq_storage.compression import Codec, codec_of
from gomq_storage.errors import CorruptBatchError, UnsupportedMagicError

Buffer: TypeAlias = bytes | bytearray | memoryview

HEADER: Final = struct.Struct(">qiibIhiqqqhii")
HEADER_SIZE: Final = 61
LENGTH_OVERHEAD: Final = 12
"""Bytes in front of what the length field counts."""
MIN_LENGTH: Final = HEADER_SIZE - LENGTH_OVERHEAD
MAGIC_POSITION: Final = 16
CRC_POSITION: Final = 17
ATTRIBUTES_POSITION: Final = 21
STAMP_SIZE: Final = 16
"""Bytes of base offset, length and leader epoch: what a broker rewrites when it appends a batch."""
NO_PRODUCER_ID: Final = -1
NO_TIMESTAMP: Final = -1
NO_LEADER_EPOCH: Final = -1
MAGIC: Final = 2

_PREFIX: Final = struct.Struct(">qii")
_LOG_APPEND_TIME: Final = 0b1000
_OFFSET_AND_LENGTH: Final = struct.Struct(">qi")
_MAX_OFFSET: Final = (1 << 63) - 1


class BatchHeader(NamedTuple):
    """The 61 bytes in front of a batch's records, field by field."""

    base_offset: int
    length: int
    leader_epoch: int
    magic: int
    crc: int
    attributes: int
    last_offset_delta: int
    base_timestamp: int
    max_timestamp: int
    producer_id: int
    producer_epoch: int
    base_sequence: int
    record_count: int

    @property
    def size(self) -> int:
        """Bytes of the whole batch, header included."""
        return LENGTH_OVERHEAD + self.length

    @property
    def last_offset(self) -> int:
        """Offset of the last record; compaction may have removed the record, never the offset."""
        return self.base_offset + self.last_offset_delta

    @property
    def next_offset(self) -> int:
        """Offset of whatever comes behind this batch."""
        return self.base_offset + self.last_offset_delta + 1

    @property
    def codec(self) -> Codec:
        """How the records are compressed."""
        return codec_of(self.attributes)

    @property
    def is_log_append_time(self) -> bool:
        """Whether the broker's clock set the timestamps, all to ``max_timestamp``."""
        return bool(self.attributes & _LOG_APPEND_TIME)

    @property
    def is_transactional(self) -> bool:
        """Whether a transaction decides if the records count."""
        return bool(self.attributes & 0b1_0000)

    @property
    def is_control(self) -> bool:
        """Whether the batch holds a marker for brokers rather than records for consumers."""
        return bool(self.attributes & 0b10_0000)

    @property
    def delete_horizon_ms(self) -> int | None:
        """When compaction may drop the batch's tombstones (KIP-534), if that is settled."""
        return self.base_timestamp if self.attributes & 0b100_0000 else None


def read_header(data: Buffer, position: int = 0) -> BatchHeader:
    """Read the header at a position and check its shape, though not its CRC.

    Raises:
        CorruptBatchError: the bytes cannot be the start of a batch.
        UnsupportedMagicError: they are a message of another format.
    """
    if len(data) - position < HEADER_SIZE:
        if len(data) - position > MAGIC_POSITION and data[position + MAGIC_POSITION] != MAGIC:
            raise UnsupportedMagicError(data[position + MAGIC_POSITION], position=position)
        raise CorruptBatchError(f"{len(data) - position} bytes where a header needs {HEADER_SIZE}", position=position)
    header = BatchHeader._make(HEADER.unpack_from(data, position))
    if header.magic != MAGIC:
        raise UnsupportedMagicError(header.magic, position=position)
    if header.length < MIN_LENGTH:
        raise CorruptBatchError(f"length {header.length}, the least is {MIN_LENGTH}", position=position)
    if header.base_offset < 0 or header.last_offset_delta < 0 or header.last_offset >= _MAX_OFFSET:
        raise CorruptBatchError(
            f"base offset {header.base_offset}, last offset delta {header.last_offset_delta}",
            position=position,
        )
    return header


def check_batch(data: Buffer, position: int = 0) -> BatchHeader:
    """Read the header at a position, and check that the whole batch is there and its CRC holds.

    Raises:
        CorruptBatchError: it is not, or does not.
        UnsupportedMagicError: the bytes are a message of another format.
    """
    header = read_header(data, position)
    end = position + LENGTH_OVERHEAD + header.length
    if end > len(data):
        raise CorruptBatchError(f"batch of {header.size} bytes, {len(data) - position} are there", position=position)
    crc = crc32c(memoryview(data)[position + ATTRIBUTES_POSITION : end])
    if crc != header.crc:
        raise CorruptBatchError(f"CRC is {crc:#010x}, the header says {header.crc:#010x}", position=position)
    return header


def walk(data: Buffer) -> Iterator[tuple[int, BatchHeader]]:
    """Yield position and header of each whole batch; stop at a batch that the data cuts off.

    A fetch may end within a batch, so a cut is no error; a header that cannot be one is.
    """
    position = 0
    while len(data) - position >= LENGTH_OVERHEAD:
        _, length = _OFFSET_AND_LENGTH.unpack_from(data, position)
        if length >= MIN_LENGTH and position + LENGTH_OVERHEAD + length > len(data):
            return
        header = read_header(data, position)
        yield position, header
        position += header.size


def stamp(header: BatchHeader, *, base_offset: int, leader_epoch: int) -> bytes:
    """Make a batch's first 16 bytes anew; the bytes behind them stay as the producer sent them."""
    return _PREFIX.pack(base_offset, header.length, leader_epoch)


def date(
    batch: Buffer, header: BatchHeader, *, max_timestamp: int, is_log_append_time: bool
) -> tuple[bytes, BatchHeader]:
    """Make a batch anew with another largest timestamp and whose clock set it. Kafka: ``setMaxTimestamp``.

    Args:
        batch: the batch from its first byte; it is not changed, and what lies behind it is left out.
        header: what ``check_batch`` made of it.
        max_timestamp: ms.
        is_log_append_time: whether all records have that timestamp, whatever they say of themselves.

    Returns:
        the whole batch, its CRC right, and its header.
    """
    attributes = header.attributes & ~_LOG_APPEND_TIME | _LOG_APPEND_TIME * is_log_append_time
    dated = header._replace(attributes=attributes, max_timestamp=max_timestamp)
    records = memoryview(batch)[HEADER_SIZE : header.size]
    crc = crc32c(records, crc32c(HEADER.pack(*dated)[ATTRIBUTES_POSITION:]))
    dated = dated._replace(crc=crc)
    return b"".join((HEADER.pack(*dated), records)), dated
