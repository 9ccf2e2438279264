"""Make batches anew, with any header and any offsets: the log's own code makes only those of a producer.

The format is drawn in ``gomq_storage.batch`` and ``gomq_storage.record``.
"""

from collections.abc import Iterable
from typing import Final

from crc32c import crc32c

from gomq_storage import varint
from gomq_storage.batch import (
    ATTRIBUTES_POSITION,
    HEADER,
    HEADER_SIZE,
    LENGTH_OVERHEAD,
    MAGIC,
    NO_LEADER_EPOCH,
    NO_PRODUCER_ID,
    NO_TIMESTAMP,
    BatchHeader,
)
from gomq_storage.record import NewRecord, Record, encode_records
from gomq_storage.record_fields import Columns, encode_name

MAX_EMPTY_OFFSETS: Final = 2**31 - 1
"""How many offsets one batch can stand for."""


def pack_batch(header: BatchHeader, body: bytes) -> bytes:
    """Make the bytes of a batch: the header with its length and CRC put right, and the records as they are."""
    header = header._replace(length=HEADER_SIZE - LENGTH_OVERHEAD + len(body), magic=MAGIC, crc=0)
    crc = crc32c(body, crc32c(HEADER.pack(*header)[ATTRIBUTES_POSITION:]))
    return HEADER.pack(*header._replace(crc=crc)) + body


def empty_batches(first_offset: int, next_offset: int, *, leader_epoch: int = NO_LEADER_EPOCH) -> bytes:
    """Make batches without records that stand for offsets, as compaction leaves some. Kafka: ``writeEmptyHeader``.

    Readers pass over them; the offsets behind them stay what they were.
    """
    batches = []
    while first_offset < next_offset:
        count = min(next_offset - first_offset, MAX_EMPTY_OFFSETS)
        header = BatchHeader(
            base_offset=first_offset,
            length=0,
            leader_epoch=leader_epoch,
            magic=MAGIC,
            crc=0,
            attributes=0,
            last_offset_delta=count - 1,
            base_timestamp=NO_TIMESTAMP,
            max_timestamp=NO_TIMESTAMP,
            producer_id=NO_PRODUCER_ID,
            producer_epoch=-1,
            base_sequence=-1,
            record_count=0,
        )
        batches.append(pack_batch(header, b""))
        first_offset += count
    return b"".join(batches)


def pack_records(records: Iterable[Record], *, base_offset: int, base_timestamp: int) -> bytes:
    """Encode records with the offsets and timestamps that they have."""
    rows = list(records)
    if not rows:
        return b""
    columns = Columns(*map(list, zip(*rows, strict=True)))
    return pack_columns(columns, base_offset=base_offset, base_timestamp=base_timestamp)


def pack_columns(columns: Columns, *, base_offset: int, base_timestamp: int) -> bytes:
    """Encode records whose fields are lists, with the offsets and timestamps that they have."""
    offsets, timestamps, keys, values, headers = columns
    if offsets == list(range(base_offset, base_offset + len(offsets))):
        in_a_row = map(NewRecord, values, keys, headers, timestamps)
        return encode_records(list(in_a_row), base_timestamp=base_timestamp)  # the log's own way takes half the time
    encode = varint.encode
    parts: list[bytes] = []
    for offset, timestamp, key, value, held in zip(*columns, strict=True):
        body = [b"\0", encode(timestamp - base_timestamp), encode(offset - base_offset), _sized(key), _sized(value)]
        body.append(encode(len(held)))
        for name, header_value in held:
            body += (_sized(encode_name(name)), _sized(header_value))
        record = b"".join(body)
        parts += (encode(len(record)), record)
    return b"".join(parts)


def _sized(data: bytes | None) -> bytes:
    return varint.encode(-1) if data is None else varint.encode(len(data)) + data
