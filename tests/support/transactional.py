"""Batches of transactions, and the markers that end them, as Kafka's coordinator writes them."""

import struct
from typing import Final

from crc32c import crc32c

from gomq_storage.batch import ATTRIBUTES_POSITION, CRC_POSITION
from gomq_storage.log import Log
from gomq_storage.record import NewRecord, build_batch, encode_records
from tests.support.log_batches import NOW

_TRANSACTIONAL: Final = 0b1_0000
_CONTROL: Final = 0b10_0000
ABORT, COMMIT = 0, 1


def part_of(producer_id: int, *values: bytes, sequence: int = 0, epoch: int = 0) -> bytes:
    """Make a batch of a producer's transaction."""
    return _batch([NewRecord(value) for value in values], producer_id, sequence, epoch, _TRANSACTIONAL)


def marker(producer_id: int, kind: int, *, epoch: int = 0) -> bytes:
    """Make what ends a producer's transaction: ``ABORT`` or ``COMMIT``."""
    record = NewRecord(struct.pack(">hi", 0, 5), struct.pack(">hh", 0, kind))
    return _batch([record], producer_id, -1, epoch, _TRANSACTIONAL | _CONTROL)


def write_all(log: Log, *batches: bytes) -> None:
    """Append batches to a log."""
    for batch in batches:
        log.append(batch)


def _batch(records: list[NewRecord], producer_id: int, sequence: int, epoch: int, attributes: int) -> bytes:
    raw = bytearray(
        build_batch(
            encode_records(records, base_timestamp=NOW),
            record_count=len(records),
            base_timestamp=NOW,
            max_timestamp=NOW,
            producer_id=producer_id,
            producer_epoch=epoch,
            base_sequence=sequence,
        )
    )
    raw[ATTRIBUTES_POSITION : ATTRIBUTES_POSITION + 2] = attributes.to_bytes(2, "big")
    raw[CRC_POSITION:ATTRIBUTES_POSITION] = crc32c(raw[ATTRIBUTES_POSITION:]).to_bytes(4, "big")
    return bytes(raw)
