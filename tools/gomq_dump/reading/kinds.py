"""What files a broker keeps, told by their names: those of segments, those beside them, and what is left over.

    00000000000000000042.log .index .timeindex .txnindex     a segment from offset 42 on
    00000000000000000042.snapshot                            the producers of the log up to offset 42
    00000000000000000042-0000000003.checkpoint               KRaft's metadata up to offset 42, written in epoch 3
    bootstrap.checkpoint                                     the metadata that KRaft's quorum starts with
    leader-epoch-checkpoint  partition.metadata              beside a partition's segments
    ...-offset-checkpoint    meta.properties                 of a whole data directory
    any of the first two lines + .cleaned .swap .deleted     what compaction or removal has left over

Kafka: ``LogFileUtils``, ``Snapshots``, ``BootstrapDirectory``. Names only: nothing is read here.
"""

import re
from typing import Final, NamedTuple

from gomq_storage.layout import (
    CLEANED_SUFFIX,
    CLEANER_OFFSET_FILE_NAME,
    LEADER_EPOCH_FILE_NAME,
    LOG_START_FILE_NAME,
    LOG_SUFFIX,
    MAX_OFFSET,
    META_PROPERTIES_FILE_NAME,
    OFFSET_INDEX_SUFFIX,
    PARTITION_METADATA_FILE_NAME,
    RECOVERY_POINT_FILE_NAME,
    REMOVED_SUFFIX,
    SNAPSHOT_SUFFIX,
    SWAP_SUFFIX,
    TIME_INDEX_SUFFIX,
    TXN_INDEX_SUFFIX,
)

METADATA_SNAPSHOT_SUFFIX: Final = ".checkpoint"
BOOTSTRAP_FILE_NAME: Final = "bootstrap.checkpoint"
REPLICATION_OFFSET_FILE_NAME: Final = "replication-offset-checkpoint"
INDEXED_SUFFIXES: Final = (LOG_SUFFIX, OFFSET_INDEX_SUFFIX, TIME_INDEX_SUFFIX, TXN_INDEX_SUFFIX)
"""The files of one segment, in the order in which they are read."""
SNAPSHOT_SUFFIXES: Final = (SNAPSHOT_SUFFIX, METADATA_SNAPSHOT_SUFFIX)
"""Files that are named after the offset up to which they tell."""
OFFSET_TABLES: Final = (
    RECOVERY_POINT_FILE_NAME,
    LOG_START_FILE_NAME,
    REPLICATION_OFFSET_FILE_NAME,
    CLEANER_OFFSET_FILE_NAME,
)
"""Files that say one offset of each partition of a data directory."""
PARTITION_FILES: Final = (LEADER_EPOCH_FILE_NAME, PARTITION_METADATA_FILE_NAME)
"""Files beside the segments of a partition."""
DIRECTORY_FILES: Final = (META_PROPERTIES_FILE_NAME, BOOTSTRAP_FILE_NAME, *OFFSET_TABLES)
"""Files of a data directory, beside its partitions."""
_ORDER: Final = (*INDEXED_SUFFIXES, SNAPSHOT_SUFFIX, METADATA_SNAPSHOT_SUFFIX)
_LEFTOVERS: Final = (CLEANED_SUFFIX, SWAP_SUFFIX, REMOVED_SUFFIX)
_NUMBERED: Final = re.compile(r"([0-9]{20})(\.(?:log|index|timeindex|txnindex|snapshot))(\.cleaned|\.swap|\.deleted)?")
_METADATA_SNAPSHOT: Final = re.compile(r"([0-9]{20})-([0-9]{10})\.checkpoint(\.deleted)?")
_MAX_EPOCH: Final = 2**31 - 1


class FileName(NamedTuple):
    """The name of a file, taken apart."""

    suffix: str
    """What kind it is of: ``.log`` and the like, or the whole name where there is but one such file in a folder."""
    offset: int = 0
    """That of a segment's first record, or up to which a snapshot tells; 0 where the name says none."""
    epoch: int | None = None
    """Of a snapshot of KRaft's metadata."""
    leftover: str = ""
    """``.cleaned``, ``.swap`` or ``.deleted`` where the file is no part of the log, or not yet."""

    @property
    def order(self) -> tuple[int, int, int]:
        """Where a partition's file is read: behind those of smaller offsets, a log in front of its indexes."""
        if self.suffix not in _ORDER:
            return MAX_OFFSET + 1, PARTITION_FILES.index(self.suffix), 0
        return self.offset, _ORDER.index(self.suffix), _LEFTOVERS.index(self.leftover) + 1 if self.leftover else 0


def parse_partition_file(name: str) -> FileName | None:
    """Take the name of a file in a partition's folder apart, or answer None for a foreign one."""
    if name in PARTITION_FILES:
        return FileName(name)
    if (match := _NUMBERED.fullmatch(name)) is not None:
        parsed = FileName(match[2], int(match[1]), leftover=match[3] or "")
    elif (match := _METADATA_SNAPSHOT.fullmatch(name)) is not None:
        parsed = FileName(METADATA_SNAPSHOT_SUFFIX, int(match[1]), int(match[2]), match[3] or "")
    else:
        return None
    return parsed if parsed.offset <= MAX_OFFSET and (parsed.epoch or 0) <= _MAX_EPOCH else None


def parse_file(name: str) -> FileName | None:
    """Take any file's name apart, or answer None for a foreign one."""
    if name == BOOTSTRAP_FILE_NAME:
        return FileName(METADATA_SNAPSHOT_SUFFIX)
    return FileName(name) if name in DIRECTORY_FILES else parse_partition_file(name)
