"""Read the files that a broker keeps beside its logs and their indexes, each by its own module.

Apart from ``inspection.py``, so that who looks at a log does not wait for what reads these.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Final, TypeAlias

from gomq_dump.findings import Finding
from gomq_dump.reading.kinds import OFFSET_TABLES
from gomq_dump.reading.paths import SegmentFile
from gomq_dump.reading.producer_entries import ProducerEntry, walk_producers
from gomq_dump.reading.properties import Property, walk_meta_properties, walk_partition_metadata
from gomq_dump.reading.reader import ByteReader
from gomq_dump.reading.tables import LeaderEpoch, OffsetCheckpoint, walk_leader_epochs, walk_offset_table
from gomq_dump.reading.txn_entries import TxnEntry, walk_txn_index
from gomq_storage.layout import (
    LEADER_EPOCH_FILE_NAME,
    META_PROPERTIES_FILE_NAME,
    PARTITION_METADATA_FILE_NAME,
    SNAPSHOT_SUFFIX,
    TXN_INDEX_SUFFIX,
)

SmallItem: TypeAlias = TxnEntry | ProducerEntry | OffsetCheckpoint | LeaderEpoch | Property

_NUMBERED: Final[Mapping[str, Callable[[ByteReader, int], Iterator[SmallItem | Finding]]]] = {
    TXN_INDEX_SUFFIX: walk_txn_index,
    SNAPSHOT_SUFFIX: walk_producers,
}
_OTHERS: Final[Mapping[str, Callable[[ByteReader], Iterator[SmallItem | Finding]]]] = {
    LEADER_EPOCH_FILE_NAME: walk_leader_epochs,
    PARTITION_METADATA_FILE_NAME: walk_partition_metadata,
    META_PROPERTIES_FILE_NAME: walk_meta_properties,
    **dict.fromkeys(OFFSET_TABLES, walk_offset_table),
}


def walk_small_file(reader: ByteReader, file: SegmentFile) -> Iterator[SmallItem | Finding]:
    """Yield what is in a file that is neither a log nor an index of offsets or times, and what is wrong with it."""
    if file.suffix in _NUMBERED:
        return _NUMBERED[file.suffix](reader, file.base_offset)
    return _OTHERS[file.suffix](reader)
