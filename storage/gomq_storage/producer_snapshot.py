"""A producer snapshot: the producers of a log up to the offset in the file's name. Kafka: ``ProducerSnapshot.json``.

    position  size  field                        covered by the CRC
           0     2  version, 1                   no
           2     4  CRC-32C of byte 6 to the end, unsigned
           6     4  entry count                  yes, as all below
          10        the entries

    of an entry
           0     8  producer id
           8     2  producer epoch, -1 for none
          10     4  last sequence, -1 for none
          14     8  last offset, -1 for none
          22     4  last offset - first offset of the last batch
          26     8  last timestamp, ms
          34     4  coordinator epoch, -1 for none
          38     8  first offset of the open transaction, -1 for none

Bytes to values and back, no more: which snapshot to load, and when to write one, the log decides.
"""

from struct import Struct
from typing import Final

from crc32c import crc32c

from gomq_storage.batch import Buffer
from gomq_storage.errors import CorruptFileError
from gomq_storage.producers import (
    NO_COORDINATOR_EPOCH,
    NO_OFFSET,
    NO_PRODUCER_EPOCH,
    NO_SEQUENCE,
    ActiveProducer,
    Producers,
)

VERSION: Final = 1
HEADER: Final = Struct(">hIi")
ENTRY: Final = Struct(">qhiqiqiq")
CRC_START: Final = 6


def encode_snapshot(producers: Producers) -> bytes:
    """Make the content of the snapshot file whose name is ``producers.end``."""
    active = producers.active()
    entries = b"".join([ENTRY.pack(*producer) for producer in active])
    crc = crc32c(entries, crc32c(len(active).to_bytes(4, "big")))
    return HEADER.pack(VERSION, crc, len(active)) + entries


def decode_snapshot(data: Buffer, end: int) -> Producers:
    """Read a snapshot.

    Args:
        data: the whole file.
        end: the offset in its name; nothing in it may lie behind.

    Raises:
        CorruptFileError: it is none, is damaged, or says what cannot be.
    """
    if len(data) < HEADER.size:
        raise CorruptFileError(f"{len(data)} bytes, a producer snapshot has at least {HEADER.size}")
    version, stored_crc, count = HEADER.unpack_from(data)
    if version != VERSION:
        raise CorruptFileError(f"producer snapshot of version {version}; only {VERSION} is supported")
    view = memoryview(data)
    crc = crc32c(view[CRC_START:])
    if crc != stored_crc:
        raise CorruptFileError(f"CRC is {crc:#010x}, the producer snapshot says {stored_crc:#010x}")
    if count * ENTRY.size != len(data) - HEADER.size:
        raise CorruptFileError(f"{count} producers in {len(data) - HEADER.size} bytes, each takes {ENTRY.size}")
    producers: dict[int, ActiveProducer] = {}
    for producer in map(ActiveProducer._make, ENTRY.iter_unpack(view[HEADER.size :])):
        if not _is_possible(producer, end):
            raise CorruptFileError(f"producer snapshot of offset {end} says {producer}")
        if producers.setdefault(producer.producer_id, producer) is not producer:
            raise CorruptFileError(f"producer {producer.producer_id} is twice in a snapshot")
    return Producers.restored(producers.values(), end=end)


def _is_possible(producer: ActiveProducer, end: int) -> bool:
    if producer.last_offset < 0:
        batch = (producer.last_sequence, producer.last_offset, producer.offset_delta)
        batch_is_possible = batch == (NO_SEQUENCE, NO_OFFSET, 0)
    else:
        batch_is_possible = (
            producer.last_sequence >= NO_SEQUENCE and 0 <= producer.offset_delta <= producer.last_offset < end
        )
    return (
        batch_is_possible
        and producer.producer_id >= 0
        and producer.epoch >= NO_PRODUCER_EPOCH
        and producer.coordinator_epoch >= NO_COORDINATOR_EPOCH
        and NO_OFFSET <= producer.txn_first_offset < max(end, 0)
    )
